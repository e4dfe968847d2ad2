import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { databaseRecipe, provideImage } from "@gantry/images";
import { logEntryOf } from "@gantry/state/transactions/database-logs";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const run = promisify(execFile);
const NAME = `gantry-database-${randomUUID().slice(0, 8)}`;
const PASSWORD = "long-enough";
const secrets = mkdtempSync(join(tmpdir(), "gantry-database-"));
const authority = openAuthority(await newAuthority(Date.now()));

/** Files of the platform, as the agent writes them. */
const write = (files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(secrets, name), text);
};
const issue = async (): Promise<string> => {
  const { certificatePem, chainPem, keyPem } = await authority.issue(["localhost"], Date.now());
  write({ certificate: `${certificatePem.trim()}\n${chainPem.trim()}\n`, "certificate-key": keyPem });
  return certificatePem;
};
const exec = async (...command: readonly string[]): Promise<string> =>
  (await run("docker", ["exec", NAME, ...command])).stdout.trim();
/** What a client of the network gets; it verifies the server's name by the platform's authority. */
const sql = (text: string, tls = ["--ssl-ca=/run/secrets/ca", "--ssl-verify-server-cert"]) =>
  exec(
    ...["/usr/bin/mariadb", "--no-defaults", "--protocol=tcp", "-hlocalhost", "-uadmin", `-p${PASSWORD}`],
    ...[...tls, "-N", "-e", text, "orders"],
  );
const check = () => exec("sh", "/usr/local/bin/gantry-database-check");
/** The entries of a log as its lines are taken, a line each. */
const linesOf = async (type: string): Promise<readonly string[]> => {
  const { stdout, stderr } = await run("docker", ["logs", NAME]);
  const entries = `${stdout}${stderr}`.split("\n").map((line) => logEntryOf("mysql", line));
  return entries.flatMap((entry) => (entry.type === type ? [entry.text] : []));
};

beforeAll(async () => {
  await provideImage(databaseRecipe, { cacheFolder: secrets, label: "gantry.image=true" });
  const once = createHash("sha1").update(PASSWORD).digest();
  write({
    "password-hash": `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`,
    options: "",
    settings:
      "SET GLOBAL general_log = 1;\nSET GLOBAL slow_query_log = 1;\nSET GLOBAL long_query_time = 0.2;\n",
    ca: authority.caPem,
  });
  await issue();
  const environment = ["-e", "MASTER_USER=admin", "-e", "DATABASE_NAME=orders", "-e", "PORT=3306"];
  await run("docker", [
    ...["run", "-d", "--name", NAME, ...environment],
    ...["-v", `${secrets}:/run/secrets:ro`, databaseRecipe.tag],
  ]);
  await vi.waitFor(() => sql("select 1"), { timeout: 60_000, interval: 200 });
}, 240_000);
afterAll(async () => {
  await run("docker", ["rm", "-f", "-v", NAME]);
  rmSync(secrets, { recursive: true });
});

it("is verified by the platform's authority, and no other name and no other authority are", async () => {
  expect(await sql("show session status like 'Ssl_version'")).toContain("TLSv1.3");
  const other = openAuthority(await newAuthority(Date.now()));
  write({ "other-ca": other.caPem });
  const verify = "--ssl-verify-server-cert";
  await expect(sql("select 1", ["--ssl-ca=/run/secrets/other-ca", verify])).rejects.toThrow("certificate");
  const byAddress = ["--ssl-ca=/run/secrets/ca", verify, "-h127.0.0.1"];
  await expect(sql("select 1", byAddress)).rejects.toThrow("certificate");
}, 60_000);

it("reads a renewed certificate while it runs", async () => {
  const before = await exec("cat", "/run/gantry/server.crt");
  const renewed = await issue();
  await check();
  expect(await exec("cat", "/run/gantry/server.crt")).toContain(renewed.trim());
  expect(before).not.toContain(renewed.trim());
  expect(await sql("select 1")).toBe("1");
});

it("requires TLS with require_secure_transport, but for the platform's own check", async () => {
  expect(await sql("select 1", ["--skip-ssl"])).toBe("1");
  await sql("set global require_secure_transport = 1");
  await expect(sql("select 1", ["--skip-ssl"])).rejects.toThrow(/secure transport|Access denied/);
  expect(await sql("select 1")).toBe("1");
  expect(await check()).toContain("1");
  await sql("set global require_secure_transport = 0");
});

it("gives its master user none of the platform's files", async () => {
  for (const file of [
    "/run/gantry/server.key",
    "/run/secrets/certificate-key",
    "/run/gantry-logs/general.log",
  ])
    expect(await sql(`select load_file('${file}')`)).toBe("NULL");
  await expect(sql("select 1 into outfile '/run/gantry-logs/slow.log'")).rejects.toThrow("secure-file-priv");
  await sql("create table t (text varchar(99))");
  await expect(sql("load data infile '/run/secrets/ca' into table t")).rejects.toThrow("secure-file-priv");
});

it("writes its logs with marks that a statement cannot forge, without the platform's connections", async () => {
  await sql("select 'first\n\u0001Ssecond', sleep(0.3)");
  await check();
  await vi.waitFor(
    async () => {
      const general = await linesOf("general");
      expect(general.filter((line) => line.includes("select 'first"))).toHaveLength(1);
      expect(general).toContain("\u0001Ssecond', sleep(0.3)");
    },
    { timeout: 20_000, interval: 200 },
  );
  await vi.waitFor(
    async () => {
      const slow = await linesOf("slowquery");
      expect(slow.filter((line) => line.startsWith("# Query_time: 0.3"))).toHaveLength(1);
      expect(slow).toContain("select 'first");
    },
    { timeout: 20_000, interval: 200 },
  );
  const general = await linesOf("general");
  expect(general.filter((line) => line.includes("root@localhost"))).toEqual([]);
  expect(general.filter((line) => line.includes("admin@")).length).toBeGreaterThan(3);
  expect((await linesOf("error")).join("\n")).toContain("ready for connections");
  // A container that is killed and started again writes what it had not written, and nothing twice.
  await sql("select 'before the kill'");
  await run("docker", ["kill", NAME]);
  await run("docker", ["start", NAME]);
  await vi.waitFor(() => sql("select 1"), { timeout: 60_000, interval: 200 });
  await vi.waitFor(
    async () => {
      const lines = await linesOf("general");
      expect(lines.filter((line) => line.includes("before the kill"))).toHaveLength(1);
      expect(lines.filter((line) => line.includes("select 'first"))).toHaveLength(1);
    },
    { timeout: 20_000, interval: 200 },
  );
}, 90_000);
