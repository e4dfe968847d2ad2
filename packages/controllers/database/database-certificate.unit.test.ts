import { X509Certificate } from "node:crypto";
import { newVault, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type DatabaseInstanceRecord } from "@gantry/state";
import { newAuthority, openAuthority } from "@gantry/tls";
import { beforeEach, expect, it } from "vitest";
import { databaseCertificateController } from "./database-certificate-controller.ts";

const DAY_MS = 24 * 60 * 60_000;
const NAME = "db.0123456789ab.eu-south-1.rds.amazonaws.com";
const clock = new VirtualClock();
const [vault, lost] = [newVault(Buffer.alloc(32, 1)), newVault(Buffer.alloc(32, 2))];
let store: MemoryStore;

const certificate = () => store.get("databaseInstance", "arn")?.certificate;
const change = (more: Partial<DatabaseInstanceRecord>): void =>
  store.transact((tx) => {
    const base = { arn: "arn", resourceId: "db-A", engine: "postgres", endpointName: NAME, deleting: false };
    // The fields that the controller looks at.
    tx.put("databaseInstance", "arn", { ...base, ...more } as unknown as DatabaseInstanceRecord);
  });

beforeEach(() => {
  store = new MemoryStore();
});

async function newController(keys = vault) {
  const files = await newAuthority(clock.now());
  const deps = { store, clock, vault: keys, ids: seededIds(1), log: silentLogger };
  return { files, controller: databaseCertificateController({ ...deps, authority: openAuthority(files) }) };
}

it.each(["postgres", "mysql", "mariadb"] as const)(
  "gives a server of %s a certificate for its endpoint, and renews it before it expires",
  async (engine) => {
    const { files, controller } = await newController();
    change({ engine });
    expect(await controller.reconcile("arn")).toBe(DAY_MS);
    const issued = new X509Certificate(certificate()?.certificatePem ?? "");
    expect(issued.checkHost(NAME)).toBe(NAME);
    expect(issued.verify(new X509Certificate(files.certificatePem).publicKey)).toBe(true);
    const first = certificate();
    expect(await controller.reconcile("arn")).toBe(DAY_MS);
    expect(certificate()).toEqual(first);
    await clock.advance(370 * DAY_MS);
    await controller.reconcile("arn");
    expect(certificate()?.notAfter).toBeGreaterThan(first?.notAfter ?? Infinity);
  },
);

it("issues it again after the authority or the key that seals it was replaced", async () => {
  change({});
  await (await newController(lost)).controller.reconcile("arn");
  const { files, controller } = await newController();
  await controller.reconcile("arn");
  expect(certificate()?.chainPem).toBe(files.certificatePem);
  expect(vault.open(certificate()?.sealedKey ?? "")).toContain("PRIVATE KEY");
});

it("gives none to an instance that is being deleted", async () => {
  const { controller } = await newController();
  change({ deleting: true });
  expect([...controller.keys()]).toEqual([]);
  expect(await controller.reconcile("arn")).toBeUndefined();
  expect(certificate()).toBeUndefined();
});
