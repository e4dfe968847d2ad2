import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateClusterCommand,
  DeleteClusterCommand,
  DescribeClustersCommand,
  ECSClient,
} from "@aws-sdk/client-ecs";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, newInstance, run } from "./helpers.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-disk-"));
const instance = await newInstance(folder);
const canMount = process.getuid?.() === 0;
let clients: { ecs: ECSClient; s3: S3Client; logs: CloudWatchLogsClient };

beforeAll(async () => {
  if (!canMount) return;
  await run("mount", ["-t", "tmpfs", "-o", "size=48m,mode=700", "gantry-disk", folder]);
  await instance.up("up");
  const { client } = openDemo({
    folder,
    port: instance.port,
    url: "",
    environment: await instance.environment(),
  });
  const once = { ...client(), maxAttempts: 1 };
  clients = {
    ecs: new ECSClient(once),
    s3: new S3Client({ ...once, forcePathStyle: true }),
    logs: new CloudWatchLogsClient(once),
  };
});

afterAll(async () => {
  if (!canMount) return;
  await instance.gantry("down", "--purge").catch(() => {});
  await run("umount", [folder]);
  rmSync(folder, { recursive: true });
});

/** What a segment of an object lies in. */
const segments = (): readonly string[] =>
  readdirSync(join(folder, "objects"), { recursive: true, encoding: "utf8" })
    .filter((name) => /^[0-9a-f]{2}\/[0-9a-f]{32}$/.test(name))
    .map((name) => join(folder, "objects", name));

it.skipIf(!canMount)(
  "a full disk: writes are refused, reads continue, nothing is lost, and writes continue once there is room",
  async () => {
    const { ecs, s3, logs } = clients;
    const group = { logGroupName: "/disk", logStreamName: "s" };
    await ecs.send(new CreateClusterCommand({ clusterName: "before" }));
    await s3.send(new CreateBucketCommand({ Bucket: "disk" }));
    await s3.send(new PutObjectCommand({ Bucket: "disk", Key: "before", Body: "before ".repeat(1_000) }));
    await logs.send(new CreateLogGroupCommand(group));
    await logs.send(new CreateLogStreamCommand(group));
    await logs.send(
      new PutLogEventsCommand({ ...group, logEvents: [{ timestamp: Date.now(), message: "before" }] }),
    );

    await run("sh", [
      "-c",
      `dd if=/dev/zero of=${folder}/filler bs=64k 2>/dev/null; dd if=/dev/zero of=${folder}/filler2 ` +
        "bs=512 2>/dev/null; true",
    ]);
    const full = {
      message: expect.stringContaining(
        "The disk that holds the platform's state is full: make room on it, then try again.",
      ),
    };
    // A few small writes may still fit into what a file has left.
    const created: string[] = [];
    const refused = await (async () => {
      for (let index = 0; index < 500; index += 1) {
        try {
          await ecs.send(new CreateClusterCommand({ clusterName: `c${index}` }));
          created.push(`c${index}`);
        } catch (thrown) {
          return thrown;
        }
      }
      return undefined;
    })();
    expect(refused).toMatchObject(full);
    await expect(
      s3.send(new PutObjectCommand({ Bucket: "disk", Key: "during", Body: Buffer.alloc(500_000, 1) })),
    ).rejects.toMatchObject({
      name: "ServiceUnavailable",
      ...full,
    });
    await expect(
      logs.send(
        new PutLogEventsCommand({
          ...group,
          logEvents: [{ timestamp: Date.now(), message: "during ".repeat(30_000) }],
        }),
      ),
    ).rejects.toMatchObject(full);
    const { clusters } = await ecs.send(new DescribeClustersCommand({ clusters: ["before", ...created] }));
    expect(clusters).toHaveLength(1 + created.length);
    expect(
      await (
        await s3.send(new GetObjectCommand({ Bucket: "disk", Key: "before" }))
      ).Body?.transformToString(),
    ).toBe("before ".repeat(1_000));

    for (const name of ["filler", "filler2"]) rmSync(join(folder, name));
    await ecs.send(new CreateClusterCommand({ clusterName: "after" }));
    await s3.send(new PutObjectCommand({ Bucket: "disk", Key: "after", Body: "after" }));
    const { pid } = (await instance.status()).controlPlane;
    process.kill(pid, "SIGKILL");
    await instance.up("up");
    const again = await ecs.send(new DescribeClustersCommand({ clusters: ["before", "after", ...created] }));
    expect(again.clusters).toHaveLength(2 + created.length);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "disk" }));
    expect(Contents.map((object) => object.Key)).toEqual(["after", "before"]);
    const { events = [] } = await logs.send(new GetLogEventsCommand({ ...group, startFromHead: true }));
    expect(events.map((event) => event.message)).toEqual(["before"]);
    expect(await instance.gantry("doctor").catch((thrown: Error) => thrown.message)).toContain(
      "stored data: all checksums match",
    );
  },
);

it.skipIf(!canMount)("damaged bytes: never served, reported, and named by the doctor", async () => {
  const { ecs, s3 } = clients;
  const known = new Set(segments());
  await s3.send(new PutObjectCommand({ Bucket: "disk", Key: "damaged", Body: Buffer.alloc(100_000, 5) }));
  const path = segments().find((segment) => !known.has(segment)) ?? "";
  writeFileSync(path, readFileSync(path).fill(9, 50, 60));
  await expect(s3.send(new GetObjectCommand({ Bucket: "disk", Key: "damaged" }))).rejects.toMatchObject({
    name: "InternalError",
    message: "What was asked for is damaged on the disk and is not served: gantry doctor names it.",
  });
  await expect(instance.gantry("doctor")).rejects.toThrow(
    /damaged: object s3:\/\/disk\/damaged: The bytes of .* are damaged/,
  );

  await ecs.send(new DeleteClusterCommand({ cluster: "after" }));
  await instance.gantry("down");
  const state = join(folder, "state.db");
  const bytes = readFileSync(state);
  const at = bytes.indexOf('"name":"before"');
  expect(at).toBeGreaterThan(0);
  writeFileSync(state, Buffer.from(bytes).fill("X", at + 8, at + 12));
  await expect(instance.up("up")).rejects.toThrow(
    /The record cluster .*cluster\/before in .* is damaged: bring back a backup with "gantry restore"/,
  );
  await expect(instance.gantry("doctor")).rejects.toThrow(/damaged: The record cluster/);
  writeFileSync(state, bytes);
  await instance.up("up");
  await eventually(async () =>
    expect((await ecs.send(new DescribeClustersCommand({ clusters: ["before"] }))).clusters).toHaveLength(1),
  );
  expect(existsSync(join(folder, "backup-copy"))).toBe(false);
});
