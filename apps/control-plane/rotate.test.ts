import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:tls";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ObjectStore, type ObjectMeta } from "@gantry/content";
import { newVault, randomIds, SystemClock, type Vault } from "@gantry/kernel";
import { MemoryStore, reseal, type LoadBalancerRecord, type Store } from "@gantry/state";
import { ensureAuthority, reissueCertificates, rotateAuthority } from "./certificates.ts";
import { finishVaultRotation, openKeyRing, rotateVaultKey, vaultOf } from "./key-ring.ts";
import { ensureRootCredentials, rotateRootCredentials } from "./root-credentials.ts";

const clock = new SystemClock();
const ids = randomIds();
const account = "000000000000";
let folder: string;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-rotate-"));
  store = new MemoryStore();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A store on which the process is killed by the next transaction. */
const dying = (): Store =>
  new Proxy(store, {
    get: (target, name: keyof Store) =>
      name === "transact"
        ? () => {
            throw new Error("killed");
          }
        : target[name],
  });

describe("rotating the vault's key", () => {
  const seal = (vault: Vault): void =>
    store.transact((tx) =>
      tx.put("accessKey", "AKIA1", {
        accessKeyId: "AKIA1",
        sealedSecret: vault.seal("the secret"),
        account,
        userArn: undefined,
        status: "Active",
        createdAt: 0,
      }),
    );
  const sealed = (): string => store.get("accessKey", "AKIA1")?.sealedSecret ?? "";

  it("reseals every record, and the old key opens none", () => {
    const before = openKeyRing(folder);
    seal(vaultOf(before));
    rotateVaultKey(folder, store);
    const after = openKeyRing(folder);
    expect(after.vault).toHaveLength(1);
    expect(vaultOf(after).open(sealed())).toBe("the secret");
    expect(() => newVault(...before.vault).open(sealed())).toThrow();
    // The ids in the URIs of running tasks' endpoints stay the same.
    expect(after.names).toEqual(before.names);
  });

  // Regression: the key of a load balancer's own certificate stayed sealed with the old key, and agents were
  // not notified.
  it("reseals nested secrets of a record", () => {
    const before = vaultOf(openKeyRing(folder));
    const ownCertificate = {
      certificatePem: "",
      chainPem: "",
      sealedKey: before.seal("its key"),
      notAfter: 0,
    };
    const balancer = { arn: "arn:1", name: "one", ownCertificate } as unknown as LoadBalancerRecord; // Partial fake.
    store.transact((tx) => tx.put("loadBalancer", balancer.arn, balancer));
    rotateVaultKey(folder, store);
    const after = store.get("loadBalancer", balancer.arn);
    expect(vaultOf(openKeyRing(folder)).open(after?.ownCertificate?.sealedKey ?? "")).toBe("its key");
    expect({ ...after, ownCertificate }).toEqual(balancer);
  });

  // Regression: the rotation threw with both keys in the ring, and so did every later start.
  it("reseals the other secrets if one cannot be opened", () => {
    seal(vaultOf(openKeyRing(folder)));
    const user = { account, userArn: undefined, status: "Active", createdAt: 0 } as const;
    store.transact((tx) =>
      tx.put("accessKey", "AKIA2", { ...user, accessKeyId: "AKIA2", sealedSecret: "AAAA" }),
    );
    rotateVaultKey(folder, store);
    const after = openKeyRing(folder);
    expect(after.vault).toHaveLength(1);
    expect(vaultOf(after).open(sealed())).toBe("the secret");
    expect(store.get("accessKey", "AKIA2")?.sealedSecret).toBe("AAAA");
  });

  it("can be interrupted at any point: every record opens, and the next start completes it", () => {
    seal(vaultOf(openKeyRing(folder)));
    const points = [
      () => expect(() => rotateVaultKey(folder, dying())).toThrow("killed"), // Records have the old key.
      () => reseal(store, vaultOf(openKeyRing(folder))), // Records have the new key.
    ];
    for (const crash of points) {
      crash();
      expect(openKeyRing(folder).vault).toHaveLength(2);
      expect(vaultOf(openKeyRing(folder)).open(sealed())).toBe("the secret");
    }
    finishVaultRotation(folder, store);
    expect(openKeyRing(folder).vault).toHaveLength(1);
    expect(vaultOf(openKeyRing(folder)).open(sealed())).toBe("the secret");
  });

  it("keeps objects readable, and encrypts new ones with a new key", async () => {
    const place = join(folder, "objects");
    const write = async (objects: ObjectStore, name: string, bytes: number) =>
      objects.writeSegment(name, Readable.from([Buffer.alloc(bytes, name)]));
    const read = async (objects: ObjectStore, segment: Awaited<ReturnType<typeof write>>) => {
      const meta = { segments: [segment], size: segment.size } as unknown as ObjectMeta; // Partial fake.
      return buffer(await objects.read(meta, 0, segment.size - 1));
    };
    const old = new ObjectStore(place, openKeyRing(folder).objects);
    const first = await write(old, "aaaa", 600_000);
    expect(first.keyId).toBeUndefined();
    rotateVaultKey(folder, store);
    const objects = new ObjectStore(place, openKeyRing(folder).objects);
    expect(await read(objects, first)).toEqual(Buffer.alloc(600_000, "aaaa"));
    const second = await write(objects, "bbbb", 600_000);
    expect(second.keyId).toBe("2");
    expect(await read(objects, second)).toEqual(Buffer.alloc(600_000, "bbbb"));
    await expect(read(old, second)).rejects.toThrow('The key "2"');
    old.close();
    objects.close();
  });
});

describe("rotating the root user's credentials", () => {
  const deps = () => ({ store, vault: vaultOf(openKeyRing(folder)), ids, clock, folder, account });
  const file = () => readFileSync(join(folder, "credentials"), "utf8");

  it("leaves one key, which the file names", () => {
    ensureRootCredentials(deps());
    const [before] = store.keys("accessKey");
    rotateRootCredentials(deps());
    const keys = store.keys("accessKey");
    expect(keys).toHaveLength(1);
    expect(keys).not.toContain(before);
    expect(file()).toContain(keys[0]);
  });

  it("leaves the old key and the old file, or is completed by the next start", () => {
    ensureRootCredentials(deps());
    const before = file();
    expect(() => rotateRootCredentials({ ...deps(), store: dying() })).toThrow("killed");
    expect(file()).toBe(before);
    rotateRootCredentials(deps());
    const after = file();
    writeFileSync(join(folder, "credentials"), before); // The crash came before the file was written.
    ensureRootCredentials(deps());
    expect(file()).toBe(after);
  });
});

describe("rotating the authority", () => {
  /** Whether a client that trusts only `ca` accepts the certificate that the server presents. */
  async function isTrusted(ca: string, presented: { cert: string; key: string }): Promise<boolean> {
    const server = createServer(presented, (socket) => socket.end());
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo; // The server listens on a port.
    try {
      return await new Promise<boolean>((done) => {
        const socket = connect({ port, host: "127.0.0.1", ca, servername: "shop.example.org" }, () => {
          socket.destroy();
          done(true);
        });
        socket.on("error", () => done(false));
      });
    } finally {
      server.close();
    }
  }

  it("issues certificates that clients of the old and of the new authority accept", async () => {
    const vault = vaultOf(openKeyRing(folder));
    const old = await ensureAuthority(folder, clock);
    const { keyPem, ...issued } = await old.issue(["shop.example.org"], clock.now());
    const arn = "arn:aws:acm:eu-south-1:000000000000:certificate/1";
    const record = {
      ...issued,
      arn,
      account,
      region: "eu-south-1",
      domainName: "shop.example.org",
      subjectAlternativeNames: ["shop.example.org"],
      validationMethod: "DNS",
      type: "AMAZON_ISSUED",
      sealedKey: vault.seal(keyPem),
      createdAt: 0,
      tags: {},
    } as const;
    store.transact((tx) => {
      tx.put("certificate", arn, record);
      tx.put("certificate", `${arn}2`, { ...record, arn: `${arn}2`, type: "IMPORTED" });
    });
    await rotateAuthority(folder, clock);
    // Crash point: the next start opens the new authority, and reissues the certificates that the old one
    // signed.
    const authority = await ensureAuthority(folder, clock);
    expect(authority.caPem).not.toBe(old.caPem);
    expect(readFileSync(join(folder, "ca.pem"), "utf8").trim()).toBe(authority.caPem.trim());
    expect(await reissueCertificates({ store, vault, authority, clock })).toBe(1);
    expect(await reissueCertificates({ store, vault, authority, clock })).toBe(0);
    expect(store.get("certificate", `${arn}2`)?.certificatePem).toBe(record.certificatePem);
    const after = store.get("certificate", arn);
    const presented = {
      cert: `${after?.certificatePem}\n${after?.chainPem}`,
      key: vault.open(after?.sealedKey ?? ""),
    };
    expect(after?.certificatePem).not.toBe(record.certificatePem);
    expect(await isTrusted(old.caPem, presented)).toBe(true);
    expect(await isTrusted(authority.caPem, presented)).toBe(true);
  });

  it("opens a folder of an earlier version, whose file has the key alone", async () => {
    const before = await ensureAuthority(folder, clock);
    const path = join(folder, "ca-key.pem");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(text.indexOf("-----BEGIN PRIVATE KEY-----")));
    expect((await ensureAuthority(folder, clock)).caPem.trim()).toBe(before.caPem.trim());
    await rotateAuthority(folder, clock);
    expect((await ensureAuthority(folder, clock)).caPem.trim()).not.toBe(before.caPem.trim());
  });
});
