import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { backendName, serverName } from "@gantry/agent/haproxy/names";
import { askProxy, parseStats } from "@gantry/agent/haproxy/proxy-socket";
import type { BalancersAssignment, BalancerTargetGroup } from "@gantry/agent-protocol";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, group, listenerOn } from "../attacks/balancer-builders.ts";
import { get, openRealProxy, statusOf, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const [PLAIN, SECURE, TARGET_PORT] = [8_001, 8_002, 8_090];

/**
 * Speaks HTTP/2 alone: gRPC's answer of an unknown method at any path, and at `/ok` a message with its status
 * in trailers.
 */
const TARGET = `
const server = require("node:http2").createServer();
server.on("stream", (stream, headers) => {
  const type = { ":status": 200, "content-type": "application/grpc" };
  stream.on("error", () => {});
  if (headers[":path"] !== "/ok") return stream.respond({ ...type, "grpc-status": "12" }, { endStream: true });
  stream.respond(type, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end("message");
});
server.listen(${TARGET_PORT}, "${TARGET_ADDRESS}");
`;
const CLIENT = `
const client = require("node:http2").connect("https://127.0.0.1:${SECURE}", { rejectUnauthorized: false });
const stream = client.request({ ":path": "/ok", ":method": "POST", "content-type": "application/grpc", te: "trailers" });
let body = "";
stream.setEncoding("utf8");
stream.on("data", (chunk) => (body += chunk));
stream.on("trailers", (trailers) => console.log(body, trailers["grpc-status"]));
stream.on("close", () => client.close());
stream.end("asked");
`;

let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => {
  proxy = await openRealProxy();
  writeFileSync(join(proxy.folder, "http2.cjs"), TARGET);
  await proxy.exec("sh", "-c", `node ${proxy.folder}/http2.cjs >/dev/null 2>&1 & sleep 0.5`);
});
afterAll(() => proxy.close());

const target = { address: TARGET_ADDRESS, port: TARGET_PORT, isNew: false, draining: false };
const groupOf = (name: string, protocolVersion: "HTTP2" | "GRPC", path: string, matcher: string) => {
  const healthCheck = { ...group().healthCheck, enabled: true, intervalSeconds: 1, path, matcher };
  return group({ arn: `${group().arn}${name}`, protocolVersion, healthCheck, targets: [target] });
};
const forwardTo = ({ arn }: BalancerTargetGroup) => ({
  type: "forward" as const,
  targets: [{ targetGroupArn: arn, weight: 1 }],
  stickySeconds: undefined,
});

it("sends HTTP/2 and gRPC to targets and checks them by status code and by gRPC's own", async () => {
  const issued = await openAuthority(await newAuthority(Date.now())).issue(["a.elb.localhost"], Date.now());
  const pem = [issued.certificatePem, issued.keyPem].join("\n");
  const http2 = groupOf("http2", "HTTP2", "/any", "200");
  const unimplemented = groupOf("12", "GRPC", "/AWS.ALB/healthcheck", "12");
  const succeeding = groupOf("0", "GRPC", "/ok", "0");
  const mismatching = groupOf("bad", "GRPC", "/AWS.ALB/healthcheck", "0-11,13-99");
  const secure = listenerOn(SECURE, {
    tls: true,
    certificates: [{ names: ["a.elb.localhost"], pem }],
    defaultAction: forwardTo(succeeding),
  });
  const plain = listenerOn(PLAIN, { defaultAction: forwardTo(http2) });
  const targetGroups = [http2, unimplemented, succeeding, mismatching];
  const assignment: BalancersAssignment = {
    kind: "balancers",
    key: "balancers",
    balancers: [{ ...balancer("a", plain), listeners: [plain, secure] }],
    targetGroups,
  };
  await proxy.serve(assignment);
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
  const [answer] = await proxy.request(get(PLAIN));
  expect(statusOf(answer)).toBe(200);
  expect((await proxy.exec("node", "-e", CLIENT)).trim()).toBe("message 0");
  const states = async () => {
    const stats = parseStats(await askProxy(join(proxy.folder, "run/admin.sock"), "show stat -1 4 -1"));
    return targetGroups.map(({ arn }) => {
      const { status, checkStatus } = stats.get(`${backendName(arn)}/${serverName(target)}`) ?? {};
      return [status, checkStatus];
    });
  };
  await expect.poll(states).toEqual([...Array.from({ length: 3 }, () => ["UP", "L7OK"]), ["DOWN", "L7STS"]]);
});
