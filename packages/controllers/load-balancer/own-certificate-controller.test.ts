import { X509Certificate } from "node:crypto";
import { newVault, seededIds, silentLogger, VirtualClock, type Vault } from "@gantry/kernel";
import { MemoryStore, type ListenerRecord, type LoadBalancerRecord } from "@gantry/state";
import { newAuthority, openAuthority } from "@gantry/tls";
import { expect, it } from "vitest";
import { balancersAssignment } from "../node/balancers-assignment.ts";
import { ownCertificateController } from "./own-certificate-controller.ts";

const ARN = "arn:lb";
const DAY_MS = 24 * 60 * 60_000;
const NAME = "web-1.eu-south-1.elb.localhost";
const balancer: LoadBalancerRecord = {
  account: "000000000000",
  region: "eu-south-1",
  arn: ARN,
  nodeId: "n",
  name: "web",
  dnsName: NAME,
  scheme: "internet-facing",
  vpcId: "vpc-1",
  subnetIds: [],
  securityGroups: [],
  networkInterfaceIds: [],
  attributes: {},
  state: "active",
  hostPorts: {},
  createdAt: 0,
  tags: {},
};
const listener: ListenerRecord = {
  account: "000000000000",
  region: "eu-south-1",
  arn: "arn:listener",
  loadBalancerArn: ARN,
  port: 443,
  protocol: "HTTPS",
  certificates: [],
  sslPolicy: undefined,
  defaultActions: [{ type: "fixed-response", statusCode: "200", contentType: "text/plain", body: "x" }],
  tags: {},
};

type Files = Awaited<ReturnType<typeof newAuthority>>;

function newController(store: MemoryStore, clock: VirtualClock, keys: { vault: Vault; files: Files }) {
  const { vault, files } = keys;
  return ownCertificateController({
    ...{ store, clock, vault, ids: seededIds(1), log: silentLogger },
    authority: openAuthority(files),
  });
}

// Before: the https URL that the platform prints verified only where a certificate was requested for exactly its name.
it("gives an HTTPS load balancer a certificate for its own name, and renews it before it expires", async () => {
  const store = new MemoryStore();
  const clock = new VirtualClock();
  const vault = newVault(Buffer.alloc(32, 1));
  const files = await newAuthority(clock.now());
  const controller = newController(store, clock, { vault, files });
  store.transact((tx) => tx.put("loadBalancer", ARN, balancer));
  expect(await controller.reconcile(ARN)).toBeUndefined();
  expect(store.get("loadBalancer", ARN)?.ownCertificate).toBeUndefined();

  store.transact((tx) => tx.put("listener", listener.arn, listener));
  expect(await controller.reconcile(ARN)).toBe(DAY_MS);
  const [served] = balancersAssignment(store, vault, "n").balancers[0]?.listeners[0]?.certificates ?? [];
  expect(served?.names).toEqual([NAME]);
  const certificate = new X509Certificate(served?.pem ?? "");
  expect(certificate.checkHost(NAME)).toBe(NAME);
  expect(certificate.verify(new X509Certificate(files.certificatePem).publicKey)).toBe(true);

  await clock.advance(360 * DAY_MS);
  const before = store.get("loadBalancer", ARN)?.ownCertificate?.notAfter ?? 0;
  await clock.advance(10 * DAY_MS);
  await controller.reconcile(ARN);
  expect(store.get("loadBalancer", ARN)?.ownCertificate?.notAfter).toBeGreaterThan(before);
});

// Before: the certificate stayed, and no load balancer of the node was told anything any more.
it("issues the certificate again if its key cannot be opened", async () => {
  const store = new MemoryStore();
  const clock = new VirtualClock();
  const files = await newAuthority(clock.now());
  const [lost, vault] = [newVault(Buffer.alloc(32, 1)), newVault(Buffer.alloc(32, 2))];
  store.transact((tx) => {
    tx.put("loadBalancer", ARN, balancer);
    tx.put("listener", listener.arn, listener);
  });
  await newController(store, clock, { vault: lost, files }).reconcile(ARN);
  const pem = () =>
    balancersAssignment(store, vault, "n").balancers[0]?.listeners[0]?.certificates[0]?.pem ?? "";
  expect(pem()).not.toContain("PRIVATE KEY");
  await newController(store, clock, { vault, files }).reconcile(ARN);
  expect(pem()).toContain("PRIVATE KEY");
});
