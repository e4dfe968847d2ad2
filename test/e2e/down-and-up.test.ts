import { existsSync } from "node:fs";
import { ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { namingOf } from "@gantry/agent";
import { bringUpDemo, openDemo } from "./demo.ts";
import { eventually, get, newInstance, run, type Status } from "./helpers.ts";

const instance = newInstance(23_566);
let demo: ReturnType<typeof openDemo>;

beforeAll(async () => {
  demo = openDemo(await bringUpDemo(instance));
});

afterAll(async () => {
  await instance.gantry("down", "--purge").catch(() => {});
});

describe("down and up", () => {
  it("brings back users, files, logs and the running service; purge leaves nothing of ours and touches nothing else", async () => {
    const { url, name, client, fileshare } = demo;
    const ada = { name: "Ada", lastname: "Lovelace", email: "ada@example.org", username: "ada" };
    const json = { method: "POST", headers: { "content-type": "application/json" } };
    expect((await get(url, { ...json, path: "/user-api/user", body: JSON.stringify(ada) })).status).toBe(200);
    const bytes = "the same bytes ".repeat(10_000);
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
    const users = (await get(url, { path: "/user-api/users" })).body;
    expect(users).toContain("Lovelace");
    const tasks = (await new ECSClient(client()).send(new ListTasksCommand({ cluster: "fileshare" }))).taskArns?.toSorted();
    const foreign = (await run("docker", ["run", "-d", "gantry/pause:1"])).trim();
    const network = (await run("docker", ["network", "create", `foreign-${Date.now()}`])).trim();
    const rules = [
      ["FORWARD", "-d", "203.0.113.7", "-j", "DROP"],
      ["DOCKER-USER", "-d", "203.0.113.8", "-j", "DROP"],
    ];
    for (const rule of rules) await run("iptables", ["-I", ...rule]);
    await instance.gantry("down");

    expect(await run("docker", ["ps", "-aq", "--filter", `label=gantry.instance=${name}`])).toBe("");
    await instance.up("up");
    await eventually(async () => expect((await get(url, { path: "/user-api/users" })).body).toBe(users));
    for (const id of files)
      expect((await get(url, { path: `/user-files/attachment/${id}/get` })).body === bytes, `the bytes of file ${id}`).toBe(true);
    await eventually(async () => expect((await fileshare())?.runningCount).toBe(2));
    const { events = [] } = await new CloudWatchLogsClient(client()).send(
      new FilterLogEventsCommand({ logGroupName: "/ecs/fileshare-app", limit: 1 }),
    );
    expect(events).toHaveLength(1);
    await eventually(async () => expect((await fileshare())?.events?.[0]?.message).toContain("steady state"));
    expect((await new ECSClient(client()).send(new ListTasksCommand({ cluster: "fileshare" }))).taskArns?.toSorted()).toEqual(tasks);
    const status: Status = await instance.status();
    expect(status.loadBalancers).toHaveLength(1);
    await instance.gantry("down", "--purge");
    expect(await run("docker", ["ps", "-aq", "--filter", `label=gantry.instance=${name}`])).toBe("");
    expect(await run("docker", ["volume", "ls", "-q", "--filter", `label=gantry.instance=${name}`])).toBe("");
    expect(await run("sh", ["-c", `ip -o link show | grep ': ${namingOf(name).linkPrefix}' || true`])).toBe("");
    expect(await run("docker", ["ps", "-q", "--no-trunc", "--filter", `id=${foreign}`])).toContain(foreign);
    expect(await run("docker", ["network", "ls", "-q", "--no-trunc", "--filter", `id=${network}`])).toContain(network);
    expect(existsSync(instance.folder)).toBe(false);
    for (const rule of rules) await run("iptables", ["-C", ...rule]);
    for (const rule of rules) await run("iptables", ["-D", ...rule]);
    await run("docker", ["rm", "-f", foreign]);
    await run("docker", ["network", "rm", network]);
  });
});
