import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Balancer, BalancersAssignment } from "@gantry/agent-protocol";
import { BalancerLogs } from "@gantry/agent/haproxy/balancer-logs";
import { RequestLog } from "@gantry/agent/haproxy/request-log";
import { randomIds, silentLogger, sleep, SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, forward, group, listenerOn, says } from "../attacks/balancer-builders.ts";
import { get, openRealProxy, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const PORT = 8_001;
let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

it("writes a line for each request and each connection, whatever the client sends", async () => {
  const rule = {
    priority: 7,
    conditions: [{ field: "path-pattern" as const, values: ["/no/*"] }],
    action: says("no"),
  };
  const logged: Balancer = {
    ...balancer("a", listenerOn(PORT, { defaultAction: forward, rules: [rule] })),
    arn: "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/a/1",
    logs: { access: true, connection: true },
  };
  const assignment: BalancersAssignment = {
    kind: "balancers",
    key: "balancers",
    balancers: [logged],
    targetGroups: [group({})],
  };
  const lines: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "gantry-logs-"));
  const logs = new BalancerLogs({ clock: new SystemClock(), ids: randomIds(), log: silentLogger, folder });
  logs.spool.add = (_, log, line) => void lines.push(`${log} ${line}`);
  logs.use(assignment);
  const requests = new RequestLog(silentLogger, logs);
  await proxy.serve(assignment);
  requests.read(proxy.folder, new SystemClock());
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
  const agent = 'evil" 200 \\ ä';
  const text =
    `GET /a%20b?c="d HTTP/1.1\r\nhost: a\r\nuser-agent: ${agent}\r\ncontent-length: 0\r\n\r\n` +
    `GET /no/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`;
  await proxy.request(get(PORT), { port: PORT, text }, { port: PORT, text: "NONSENSE\r\n\r\n" });
  const deadline = Date.now() + 30_000;
  while (lines.length < 6 && Date.now() < deadline) await sleep(new SystemClock(), 50);
  requests.close();
  const isUnreadable = (line: string): boolean => line.includes(" -1 -1 -1 400 - ");
  const requested = lines.filter((line) => line.startsWith("access"));
  // Two connections are open at a time: the line of the one that sends no request may come before the other's last.
  expect(requested.filter((line) => !isUnreadable(line))).toEqual([
    expect.stringMatching(
      new RegExp(
        `^access http \\S+Z app/a/1 127\\.0\\.0\\.1:\\d+ ${TARGET_ADDRESS}:8080 \\d\\.\\d{3} ` +
          `\\d\\.\\d{3} \\d\\.\\d{3} 200 200 \\d+ \\d+ "GET http://a\\.elb\\.localhost:${PORT}/ ` +
          `HTTP/1\\.1" "-" - - arn:\\S+ "Root=1-[0-9a-f]{8}-[0-9a-f]{24}" "-" "-" 0 \\S+Z "forward" "-" ` +
          `"-" "${TARGET_ADDRESS}:8080" "200" "-" "-" TID_[0-9a-f]{32} "-" "-" "-"$`,
      ),
    ),
    expect.stringMatching(
      new RegExp(
        String.raw`"GET http://a:8001/a%20b\?c=\\x22d HTTP/1.1" "evil\\x22 200 \\x5C \\xC3\\xA4" .* ` +
          '"Acceptable" "GetHeadZeroContentLength" TID_',
      ),
    ),
    expect.stringMatching(
      / - -1 -1 -1 200 - .*"GET http:\/\/a:8001\/no\/1 HTTP\/1.1" .* 7 \S+ "fixed-response"/,
    ),
  ]);
  expect(requested.filter(isUnreadable)).toEqual([expect.stringContaining('"- http://-:8001- -"')]);
  // The second and the third request share a connection; a connection without a request that can be read has no line.
  const connections = lines.filter((line) => line.startsWith("connection"));
  expect(connections).toHaveLength(2);
  expect(connections[0]).toMatch(/^connection \S+Z 127\.0\.0\.1 \d+ 8001 - - - "-" - - - TID_[0-9a-f]{32}$/);
});
