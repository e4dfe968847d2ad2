import type { IncomingMessage, ServerResponse } from "node:http";
import type { Store } from "@gantry/state";
import { expect, it } from "vitest";
import { answerLoadBalancerKey, asksForLoadBalancerKey } from "./load-balancer-keys.ts";

const ID = "11111111-2222-3333-4444-555555555555";
const authentication = { type: "authenticate-oidc", signingKeyId: ID, signingKeyPem: "PEM" };
const store = {
  settled: () => Promise.resolve(),
  list: () => [{ arn: "l", defaultActions: [{ type: "forward" }] }],
  listBy: () => [{ actions: [authentication, { type: "forward" }] }],
} as unknown as Store; // Only these are read.

async function ask(url: string, host: string) {
  const said: { status?: number; body?: string } = {};
  const response = {
    writeHead: (status: number) => void (said.status = status),
    end: (body: string) => void (said.body = body),
  } as unknown as ServerResponse; // Only these are called.
  const request = { url, headers: { host } } as IncomingMessage; // Only these are read.
  if (!asksForLoadBalancerKey(request)) return undefined;
  await answerLoadBalancerKey(store, request, response);
  return said;
}

it("gives the public key of a load balancer by its id, and nothing else", async () => {
  const host = "public-keys.auth.elb.eu-south-1.amazonaws.com";
  expect(await ask(`/${ID}`, host)).toEqual({ status: 200, body: "PEM" });
  expect(await ask(`/gantry/load-balancer-keys/${ID}`, "localhost:4566")).toEqual({
    status: 200,
    body: "PEM",
  });
  expect(await ask("/gantry/load-balancer-keys/..%2f", "localhost:4566")).toEqual({ status: 404, body: "" });
  expect(await ask(`/${ID.replace("1", "2")}`, host)).toEqual({ status: 404, body: "" });
  expect(await ask(`/${ID}`, "s3.amazonaws.com")).toBeUndefined();
});
