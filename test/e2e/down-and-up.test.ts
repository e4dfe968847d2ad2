import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { namingOf } from "@gantry/agent";
import { bringUpDemo, openDemo } from "./demo.ts";
import {
  eventually,
  get,
  newInstance,
  openInstance,
  PROJECT,
  run,
  startLoop,
  type Status,
} from "./helpers.ts";

const instance = await newInstance();
let demo: ReturnType<typeof openDemo>;

beforeAll(async () => {
  demo = openDemo(await bringUpDemo(instance));
});

afterAll(async () => {
  await instance.gantry("down", "--purge").catch(() => {});
});

describe("down and up", () => {
  const kept: { users: string; files: readonly number[]; tasks: readonly string[] | undefined } = {
    users: "",
    files: [],
    tasks: undefined,
  };
  const bytes = "the same bytes ".repeat(10_000);

  /**
   * Before: a copy of the state folder, which has its keys and process ids, stopped the platform and removed
   * its containers.
   */
  async function expectNoStopByCopy(): Promise<void> {
    const { pid } = (await instance.status()).controlPlane;
    const copy = join(mkdtempSync(join(tmpdir(), "gantry-copy-")), "state");
    onTestFinished(() => rmSync(dirname(copy), { recursive: true }));
    await run("cp", ["-a", instance.folder, copy]);
    await expect(openInstance(copy, instance.port).gantry("down", "--purge")).rejects.toThrow(
      `${copy} is a copy of the state folder of a running Gantry: nothing was stopped.`,
    );
    expect((await instance.status()).controlPlane.pid).toBe(pid);
    expect((await get(demo.url, { path: "/health" })).status).toBe(200);
  }

  /** Users, the files of both places byte for byte, and a service at its wanted count. */
  async function expectAllBack(): Promise<void> {
    const { url, fileshare } = demo;
    await eventually(async () => expect((await get(url, { path: "/user-api/users" })).body).toBe(kept.users));
    for (const id of kept.files)
      expect(
        (await get(url, { path: `/user-files/attachment/${id}/get` })).body === bytes,
        `the bytes of file ${id}`,
      ).toBe(true);
    await eventually(async () => expect((await fileshare())?.runningCount).toBe(2));
    const { events = [] } = await new CloudWatchLogsClient(demo.client()).send(
      new FilterLogEventsCommand({ logGroupName: "/ecs/fileshare-app", limit: 1 }),
    );
    expect(events).toHaveLength(1);
    await eventually(async () => expect((await fileshare())?.events?.[0]?.message).toContain("steady state"));
    expect(
      (
        await new ECSClient(demo.client()).send(new ListTasksCommand({ cluster: "fileshare" }))
      ).taskArns?.toSorted(),
    ).toEqual(kept.tasks);
    const status: Status = await instance.status();
    expect(status.loadBalancers).toHaveLength(1);
  }

  it("restores users, files, logs and the running service", async () => {
    const { url, name, client } = demo;
    const ada = { name: "Ada", lastname: "Lovelace", email: "ada@example.org", username: "ada" };
    const json = { method: "POST", headers: { "content-type": "application/json" } };
    expect((await get(url, { ...json, path: "/user-api/user", body: JSON.stringify(ada) })).status).toBe(200);
    const multipart = [
      "--part",
      'Content-Disposition: form-data; name="file"; filename="kept.bin"',
      "Content-Type: application/octet-stream",
      "",
      bytes,
      "--part--",
      "",
    ].join("\r\n");
    const files: number[] = [];
    for (const place of ["s3", "FS"]) {
      const answer = await get(url, {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=part" },
        path: `/user-files/attachment/ada/${place}`,
        body: multipart,
      });
      expect(answer.status, answer.body).toBe(200);
      files.push((JSON.parse(answer.body) as { id: number }).id); // The website's answer.
    }
    kept.files = files;
    kept.users = (await get(url, { path: "/user-api/users" })).body;
    expect(kept.users).toContain("Lovelace");
    kept.tasks = (
      await new ECSClient(client()).send(new ListTasksCommand({ cluster: "fileshare" }))
    ).taskArns?.toSorted();
    await expectNoStopByCopy();
    await instance.gantry("down");
    expect(await run("docker", ["ps", "-aq", "--filter", `label=gantry.instance=${name}`])).toBe("");
    await instance.up("up");
    await expectAllBack();
  });

  /** Purges while the host's resolver asks the instance. The file stands for /etc/resolv.conf in a mount namespace. */
  const purgeFromResolver = async (resolvConf: string): Promise<void> => {
    const before = "nameserver 192.0.2.1\n";
    writeFileSync(resolvConf, before);
    const gantry = (words: string) => `${join(PROJECT, "gantry")} ${words} --state-dir ${instance.folder}`;
    const script = [
      `mount --bind ${resolvConf} /etc/resolv.conf`,
      gantry("dns install"),
      "cat /etc/resolv.conf",
      gantry("down --purge"),
    ];
    expect(await run("unshare", ["--mount", "sh", "-ec", script.join("\n")])).toContain(
      "nameserver 127.0.153.",
    );
    expect(readFileSync(resolvConf, "utf8")).toBe(before);
  };

  it("backs up under load without a failed request, purges all that is Gantry's, and restores all data", async () => {
    const { url, name } = demo;
    const file = join(mkdtempSync(join(tmpdir(), "gantry-backup-")), "all.tar");
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    const loop = startLoop(url, "/user-api/users");
    await instance.gantry("backup", file);
    const { count, failures } = await loop.stop();
    expect(count).toBeGreaterThan(20);
    expect(failures, failures.slice(0, 5).join("\n")).toHaveLength(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await expect(instance.gantry("backup", file)).rejects.toThrow(
      `${file} exists already: choose another name, or remove it.`,
    );
    await expect(instance.gantry("restore", file)).rejects.toThrow("gantry down --purge");

    const foreign = (await run("docker", ["run", "-d", "gantry/pause:1"])).trim();
    const network = (await run("docker", ["network", "create", `foreign-${Date.now()}`])).trim();
    const rules = [
      ["FORWARD", "-d", "203.0.113.7", "-j", "DROP"],
      ["DOCKER-USER", "-d", "203.0.113.8", "-j", "DROP"],
    ];
    for (const rule of rules) await run("iptables", ["-I", ...rule]);
    await purgeFromResolver(`${file}.resolv.conf`);
    expect(await run("docker", ["ps", "-aq", "--filter", `label=gantry.instance=${name}`])).toBe("");
    expect(await run("docker", ["volume", "ls", "-q", "--filter", `label=gantry.instance=${name}`])).toBe("");
    expect(await run("sh", ["-c", `ip -o link show | grep ': ${namingOf(name).linkPrefix}' || true`])).toBe(
      "",
    );
    expect(
      await run("sh", ["-c", `find /sys/fs/cgroup /run/gantry -name '*${name}*' -prune 2>/dev/null || true`]),
    ).toBe("");
    expect(await run("docker", ["ps", "-q", "--no-trunc", "--filter", `id=${foreign}`])).toContain(foreign);
    expect(await run("docker", ["network", "ls", "-q", "--no-trunc", "--filter", `id=${network}`])).toContain(
      network,
    );
    expect(existsSync(instance.folder)).toBe(false);
    for (const rule of rules) await run("iptables", ["-C", ...rule]);
    for (const rule of rules) await run("iptables", ["-D", ...rule]);
    await run("docker", ["rm", "-f", foreign]);
    await run("docker", ["network", "rm", network]);

    const torn = `${file}.torn`;
    writeFileSync(torn, readFileSync(file).fill(7, 200_000, 200_100));
    await expect(instance.gantry("restore", torn)).rejects.toThrow(/is damaged/);
    expect(existsSync(instance.folder)).toBe(false);
    await instance.gantry("restore", file);
    await instance.up("up");
    await expectAllBack();
    expect(await instance.gantry("doctor")).toContain("ok       stored data: all checksums match");
  });
});
