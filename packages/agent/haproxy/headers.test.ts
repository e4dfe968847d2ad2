import type { Balancer, BalancerRequests } from "@gantry/agent-protocol";
import { expect, it } from "vitest";
import { renderHeaders } from "./headers.ts";

const balancer = (requests: Partial<BalancerRequests>): Balancer => ({
  arn: "lb",
  dnsName: "lb.elb.localhost",
  vpcId: "vpc-1",
  addresses: [],
  internetFacing: true,
  idleTimeoutSeconds: 60,
  requests: {
    http2: true,
    dropsInvalidHeaders: false,
    forwardedFor: "append",
    forwardsClientPort: false,
    tellsTls: false,
    ...requests,
  },
  listeners: [],
});
const says = { type: "fixed-response" as const, statusCode: 200, contentType: "text/plain", body: "" };
const forwarded = (...balancers: readonly Balancer[]) =>
  renderHeaders(
    balancers.map((each) => ({
      balancer: each,
      listener: { port: 80, tls: false, certificates: [], rules: [], defaultAction: says },
    })),
    balancers.map((_, index) => `{ lb ${index} }`),
  ).filter((line) => line.includes("X-Forwarded-For"));

it("determines the load balancer of a request only where the attributes differ", () => {
  const same = forwarded(balancer({}), balancer({ http2: false }));
  expect(same).toEqual(forwarded(balancer({})));
  expect(same.join()).not.toContain("{ lb");
  expect(forwarded(balancer({ forwardedFor: "remove" }), balancer({ forwardedFor: "preserve" }))).toEqual([
    "  http-request del-header X-Forwarded-For if { lb 0 }",
  ]);
});
