import type { PodAssignment, VpcAssignment } from "@gantry/agent-protocol";
import { answerMetadata } from "@gantry/agent/instance-metadata/metadata-answers";
import { findOrigin } from "@gantry/agent/network/original-tuples";
import { renderRouterRules } from "@gantry/agent/network/ruleset";
import { expect, it } from "vitest";

// What an instance reads about itself is read by nothing else. Before: there were no instances, and a server that
// answers every client of the VPC's link would have given each of them the credentials of all.
const NOW = 1_000_000;
const instanceOf = (
  instanceId: string,
  httpTokens: "optional" | "required",
): NonNullable<PodAssignment["instance"]> => ({
  ...{ instanceId, httpTokens, tokenKey: "ab".repeat(16), roleName: "r", document: { instanceId } },
  categories: { "instance-id": instanceId },
});
const CREDENTIALS = [
  {
    id: "c",
    roleArn: "arn:aws:iam::0:role/r",
    accessKeyId: "ASIA1",
    secretAccessKey: "s",
    token: "t",
    expiresAt: NOW,
  },
];
const ask = (
  instance: PodAssignment["instance"],
  path: string,
  headers: Readonly<Record<string, string>> = {},
  more: { readonly method?: string; readonly now?: number } = {},
) =>
  answerMetadata(
    { instance, credentials: CREDENTIALS },
    { method: more.method ?? "GET", path, headers, now: more.now ?? NOW },
  );
const tokenOf = (
  instance: PodAssignment["instance"],
  seconds = "60",
  more: Readonly<Record<string, string>> = {},
) =>
  ask(
    instance,
    "/latest/api/token",
    { "x-aws-ec2-metadata-token-ttl-seconds": seconds, ...more },
    { method: "PUT" },
  );
const CREDENTIALS_PATH = "/latest/meta-data/iam/security-credentials/r";

it("credentials need a token that is this instance's own and has not expired", () => {
  const own = instanceOf("i-1", "required");
  const token = tokenOf(own).body;
  const withToken = (text: string) => ({ "x-aws-ec2-metadata-token": text });
  expect(ask(own, CREDENTIALS_PATH).status).toBe(401);
  expect(ask(own, CREDENTIALS_PATH, withToken("forged")).status).toBe(401);
  expect(ask(own, CREDENTIALS_PATH, withToken(token)).body).toContain("ASIA1");
  expect(ask(instanceOf("i-2", "required"), CREDENTIALS_PATH, withToken(token)).status).toBe(401);
  expect(ask(own, CREDENTIALS_PATH, withToken(token), { now: NOW + 61_000 }).status).toBe(401);
  // Version 1 is answered where the options allow it; a token that is given must be valid all the same.
  const older = instanceOf("i-3", "optional");
  expect(ask(older, "/latest/meta-data/instance-id").body).toBe("i-3");
  expect(ask(older, "/latest/meta-data/instance-id", withToken("forged")).status).toBe(401);
});

it("a token is not given through a proxy, nor without a time to live", () => {
  const own = instanceOf("i-1", "required");
  expect(tokenOf(own, "60", { "x-forwarded-for": "10.0.0.9" }).status).toBe(403);
  for (const seconds of ["0", "21601", "x"]) expect(tokenOf(own, seconds).status, seconds).toBe(400);
});

it("the router leads the instances alone to the service, and answers go no further than their hop limit", () => {
  const eni = (id: string, ip: string, more: object = {}) => ({
    ...{ id, ip, mac: "02:00:00:00:00:01", groups: [], publicIp: undefined, local: false },
    ...more,
  });
  const vpc: VpcAssignment = {
    ...{ kind: "vpc", key: "vpc/vpc-1", vpcId: "vpc-1", index: 1, cidr: "10.0.0.0/16", region: "eu-south-1" },
    ...{ subnets: [], groups: [], names: {} },
    interfaces: [eni("eni-1", "10.0.0.5", { metadataHops: 2 }), eni("eni-2", "10.0.0.6")],
  };
  const transit = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };
  const rules = renderRouterRules(vpc, transit, "10.0.0.2");
  expect(rules).toContain(
    "ip saddr { 10.0.0.5 } ip daddr 169.254.169.254 tcp dport 80 dnat to 100.64.0.1:8081",
  );
  expect(rules).toMatch(/ip daddr 10\.0\.0\.5 .*169\.254\.169\.254 ip ttl set 2/);
  const [, task] = vpc.interfaces;
  const without = renderRouterRules(
    { ...vpc, interfaces: task === undefined ? [] : [task] },
    transit,
    "10.0.0.2",
  );
  expect(without).not.toContain("169.254.169.254");
});

it("a connection is that of the address which the router tracks, on the service's port alone", () => {
  const line = (from: string, dport: number) =>
    `ipv4 2 tcp 6 99 ESTABLISHED src=${from} dst=169.254.169.254 sport=5000 dport=${dport} ` +
    "src=100.64.0.1 dst=100.64.0.2 sport=8081 dport=6000 [ASSURED] mark=0 use=1\n";
  const client = { address: "100.64.0.2", port: 6_000 };
  const ports = { from: 80, to: 8_081 };
  expect(findOrigin(line("10.0.0.5", 80), "100.64.0.1", client, ports)?.sourceIp).toBe("10.0.0.5");
  expect(findOrigin(line("10.0.0.5", 81), "100.64.0.1", client, ports)).toBeUndefined();
  expect(findOrigin(line("10.0.0.5", 80), "100.64.0.1", client)).toBeUndefined();
});
