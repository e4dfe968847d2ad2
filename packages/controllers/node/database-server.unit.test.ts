import { MemoryStore, type DatabaseInstanceRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { databaseServer } from "./database-server.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { scramVerifier } from "./scram-verifier.ts";

const deps = {
  vault: { open: (text: string) => text },
  secretId: (text: string) => text,
  databaseImage: "gantry/mariadb",
  postgresImage: "gantry/postgres",
} as unknown as AssignmentDeps; // What is looked at.
const certificate = { certificatePem: "CERTIFICATE", chainPem: "CHAIN\n", sealedKey: "KEY\n", notAfter: 1 };
const database = (more: Partial<DatabaseInstanceRecord> = {}): DatabaseInstanceRecord =>
  ({
    ...{ resourceId: "db-A", engine: "postgres", engineVersion: "16.10", instanceClass: "db.t3.micro" },
    ...{ allocatedStorageGiB: 20, port: 5_432, sealedPassword: "secret", deleting: false, certificate },
    ...more,
  }) as unknown as DatabaseInstanceRecord; // As above.

// Source: RFC 7677, section 3, whose exchange proves the password "pencil" with this salt and 4096 iterations.
it("keeps of a password what a server verifies it with", () => {
  const verifier = scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  expect(verifier).toBe(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
      "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

it("gives a server of PostgreSQL its files, and never the password", () => {
  const server = databaseServer(new MemoryStore(), deps, database());
  expect(server).toMatchObject({ image: "gantry/postgres", dataFolder: "/var/lib/postgresql/data" });
  expect(server?.files).toEqual({
    "password-verifier": server?.passwordHash,
    settings: "",
    replication: expect.stringContaining("pg_drop_replication_slot"),
    ...{ source: "", "source-address": "", "source-slot": "", "source-server": "", standby: "" },
    ...{ "login-key": "", "login-address": "" },
    access: expect.stringContaining("hostssl all all all scram-sha-256\n"),
    certificate: "CERTIFICATE\nCHAIN\n",
    "certificate-key": "KEY\n",
  });
  expect(JSON.stringify(server)).not.toContain("secret");
  expect(databaseServer(new MemoryStore(), deps, database())?.passwordHash).toBe(server?.passwordHash);
  const others = [database({ sealedPassword: "other" }), database({ resourceId: "db-B" })];
  for (const other of others)
    expect(databaseServer(new MemoryStore(), deps, other)?.passwordHash).not.toBe(server?.passwordHash);
});

it("starts none before it has its certificate, and lets one go without", () => {
  expect(databaseServer(new MemoryStore(), deps, database({ certificate: undefined }))).toBeUndefined();
  expect(
    databaseServer(new MemoryStore(), deps, database({ certificate: undefined, deleting: true })),
  ).toBeDefined();
  // One that began without TLS goes on without it: its clients do not wait for a certificate.
  const mysql = { certificate: undefined, engine: "mysql", engineVersion: "8.0.40" } as const;
  expect(databaseServer(new MemoryStore(), deps, database({ ...mysql, status: "creating" }))).toBeUndefined();
  expect(databaseServer(new MemoryStore(), deps, database({ ...mysql, status: "available" }))).toMatchObject({
    image: "gantry/mariadb",
    files: expect.not.objectContaining({ certificate: expect.anything() }),
  });
  expect(databaseServer(new MemoryStore(), deps, database({ ...mysql, certificate }))?.files).toMatchObject({
    certificate: "CERTIFICATE\nCHAIN\n",
    "certificate-key": "KEY\n",
  });
});
