import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { thaw, whileFrozen } from "@gantry/agent/volumes/frozen-processes";
import { DatabaseFiles } from "@gantry/agent/volumes/database-files";
import type { PodAssignment } from "@gantry/agent-protocol";
import { databaseRecipe, provideImage } from "@gantry/images";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { livePods, podOf, type LivePods } from "./live-pods.ts";

const run = promisify(execFile);
const SNAPSHOT = "snapshot-0123456789abcdef0";
const DATABASE = "db-AAAAAAAAAAAAAAAAAAAAAAAAAA";
let pods: LivePods;
let files: DatabaseFiles;
let source: PodAssignment;

beforeAll(async () => {
  pods = await livePods();
  files = new DatabaseFiles({ dataFolder: pods.host.dataPath });
  await provideImage(databaseRecipe, { cacheFolder: pods.host.dataPath, label: "gantry.image=true" });
  source = await server(`rds/${DATABASE}`);
}, 240_000);
afterAll(() => pods.close());

/** A server on a folder of the data volume, which begins with the files of another one if that is given. */
async function server(path: string, from?: string): Promise<PodAssignment> {
  const once = createHash("sha1").update("password").digest();
  const hash = `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
  const secrets = `scratch/${path.slice("rds/".length)}`;
  await pods.host.volumes.ensureFolder(secrets);
  await writeFile(join(pods.host.dataPath, secrets, "password-hash"), hash);
  const pod: PodAssignment = {
    ...podOf({
      image: databaseRecipe.tag,
      environment: ["MASTER_USER=admin", "DATABASE_NAME=orders", "PORT=3306"],
      mounts: [
        { volume: "data", containerPath: "/var/lib/mysql", readOnly: false },
        { volume: "secrets", containerPath: "/run/secrets", readOnly: true },
      ],
    }),
    volumes: [
      { type: "folder", id: "data", path, ...(from === undefined ? {} : { source: from }) },
      { type: "folder", id: "secrets", path: secrets },
    ],
  };
  for (let turn = 0; turn < 4; turn += 1) await pods.reconcile(pod);
  await vi.waitFor(() => sql(pod, "select 1"), { timeout: 60_000, interval: 200 });
  return pod;
}

async function sql(pod: PodAssignment, text: string): Promise<string> {
  const client = ["/usr/bin/mariadb", "--socket=/run/mysqld/mysqld.sock", "-u", "root", "-N", "-e", text];
  return (await run("docker", ["exec", pods.nameOf(pod), ...client])).stdout.trim();
}
const pidOf = async (pod: PodAssignment) => (await pods.engine.inspect(pods.nameOf(pod)))?.pid;

describe("a snapshot of a running database", () => {
  it("has every row that was acknowledged before it, and restores them to another server", async () => {
    await sql(source, "create table orders.rows (id int primary key auto_increment, text varchar(99))");
    const write = async (): Promise<number> =>
      Number(
        await sql(source, "insert into orders.rows (text) values (uuid()); select max(id) from orders.rows"),
      );
    let acknowledged = 0;
    const ending = new AbortController();
    const writer = (async () => {
      while (!ending.signal.aborted) acknowledged = await write();
    })();
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(3), { timeout: 20_000 });
    const before = acknowledged;
    await files.copy(DATABASE, SNAPSHOT, () => pidOf(source));
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(before + 2), { timeout: 20_000 });
    ending.abort();
    await writer;
    expect(await files.bytesOf(SNAPSHOT)).toBeGreaterThan(2 ** 20);
    const restored = await server("rds/db-BBBBBBBBBBBBBBBBBBBBBBBBBB", `rds/${SNAPSHOT}`);
    const count = Number(await sql(restored, "select count(*) from orders.rows"));
    expect(count).toBeGreaterThanOrEqual(before);
    expect(count).toBeLessThan(acknowledged);
    expect(await sql(restored, "check table orders.rows")).toContain("OK");
    // Two databases now: rows of one are not in the other.
    await sql(restored, "insert into orders.rows (id, text) values (900000, 'mine')");
    expect(await sql(source, "select count(*) from orders.rows where id = 900000")).toBe("0");
  }, 120_000);

  it("is not taken of a server that was started meanwhile, and is taken again", async () => {
    const other = SNAPSHOT.replace("snapshot-0", "snapshot-1");
    const pids = [undefined, await pidOf(source)];
    await expect(files.copy(DATABASE, other, async () => pids.shift())).rejects.toThrow(
      "was started or ended",
    );
    expect(await files.bytesOf(other)).toBeUndefined();
    await files.copy(DATABASE, other, () => pidOf(source));
    expect(await files.bytesOf(other)).toBeGreaterThan(0);
    await files.remove(other, await pidOf(source));
    expect(await files.bytesOf(other)).toBeUndefined();
  }, 60_000);

  it("leaves the server stopped at no end", async () => {
    const pid = (await pidOf(source)) ?? expect.fail();
    await expect(whileFrozen(pid, () => Promise.reject(new Error("The disk is full.")))).rejects.toThrow(
      "full",
    );
    expect(await sql(source, "select 1")).toBe("1");
    // An agent that is killed leaves it stopped: the removal of the snapshot lets it go on.
    await whileFrozen(pid, async () => {
      const answer = sql(source, "select 2");
      const first = await Promise.race([answer, sleep(500, "silent")]);
      expect(first).toBe("silent");
      await thaw(pid);
      expect(await answer).toBe("2");
    });
    await expect(whileFrozen(process.pid, async () => {})).rejects.toThrow("is in no container");
  }, 60_000);
});

it.each(["../efs/fs-1", "db-A/../..", "snapshot-x/..", ""])(
  "copies from no other folder: %s",
  async (name) => {
    await expect(files.copy(name, SNAPSHOT.replace("0", "2"), async () => undefined)).rejects.toThrow();
    await expect(files.remove(name, undefined)).rejects.toThrow();
  },
);
