import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { createServer } from "node:http";
import { SystemClock } from "@gantry/kernel";
import type { EndpointCheck } from "@gantry/state";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { probeEndpoint } from "./probe-endpoint.ts";

const seen: {
  readonly url: string | undefined;
  readonly host: string | undefined;
  readonly agent: string;
}[] = [];
const web = createServer((request, response) => {
  const { url, headers } = request;
  seen.push({ url, host: headers.host, agent: headers["user-agent"] ?? "" });
  if (url === "/silent") return;
  const status = { "/moved": 302, "/broken": 503 }[url ?? ""] ?? 200;
  response.writeHead(status, status === 302 ? { location: "http://127.0.0.1:1/" } : {});
  response.end(url === "/late" ? "x".repeat(6_000) + "here" : "it is here");
});
const tcp = createTcpServer((socket) => socket.destroy());
const portOf = (server: Server) => (server.address() as AddressInfo).port; // It listens on a port.
beforeAll(async () => {
  for (const server of [web, tcp])
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
});
afterAll(() => {
  web.closeAllConnections();
  web.close();
  tcp.close();
});

const check = (more: Partial<EndpointCheck> = {}): EndpointCheck => ({
  ...{ type: "HTTP", ipAddress: "127.0.0.1", hostName: undefined, port: portOf(web), path: undefined },
  ...{ searchString: undefined, intervalSeconds: 10, failureThreshold: 1, measuresLatency: false },
  ...{ usesSni: false, regions: [], inverted: false, disabled: false },
  ...more,
});
const deps = { clock: new SystemClock(), addressesOf: () => undefined, mayReach: () => true };
const probe = (more: Partial<EndpointCheck> = {}) => probeEndpoint(deps, check(more), "the-id");

describe("a probe", () => {
  it("asks for the path with the name of the host, and says who asks", async () => {
    const named = { hostName: "www.shop.example", path: "/health?deep=1" };
    expect(await probe(named)).toMatchObject({ passed: true, report: "Success: HTTP Status Code 200, OK" });
    expect(seen.at(-1)).toMatchObject({ url: "/health?deep=1", host: `www.shop.example:${portOf(web)}` });
    expect(seen.at(-1)?.agent).toContain("Amazon-Route53-Health-Check-Service (ref the-id");
  });

  it("passes for 2xx and 3xx, without following a redirect, and fails for others", async () => {
    expect(await probe({ path: "/moved" })).toMatchObject({ passed: true });
    expect(await probe({ path: "/broken" })).toMatchObject({
      ...{ passed: false, address: "127.0.0.1" },
      report: "Failure: HTTP Status Code 503, Service Unavailable",
    });
  });

  it("finds a string in the first 5,120 bytes of the body alone", async () => {
    const type = "HTTP_STR_MATCH" as const;
    expect(await probe({ type, searchString: "here" })).toMatchObject({ passed: true });
    expect(await probe({ type, searchString: "here", path: "/late" })).toMatchObject({ passed: false });
  });

  it("fails where no answer comes within two seconds", async () => {
    const { passed, report } = await probe({ path: "/silent" });
    expect({ passed, report }).toEqual({
      ...{ passed: false, report: "Failure: The endpoint did not answer within 2 seconds." },
    });
  });

  it("connects by TCP, and fails where nobody listens or TLS is not spoken", async () => {
    expect(await probe({ type: "TCP", port: portOf(tcp) })).toMatchObject({ passed: true });
    expect(await probe({ type: "TCP", port: 1 })).toMatchObject({ passed: false });
    expect(await probe({ type: "HTTPS", usesSni: true, hostName: "www.shop.example" })).toMatchObject({
      passed: false,
    });
  });
});
