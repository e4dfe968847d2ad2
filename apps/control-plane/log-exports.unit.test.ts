import { gunzipSync } from "node:zlib";
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import { logExports } from "./log-exports.ts";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { isExporting } from "@gantry/state/transactions/log-exports";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../test/attacks/other-account.ts";

const api = await startApi();
afterAll(() => api.close());
admitOther(api);
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const client = new sdk.CloudWatchLogsClient(api.client());
const buckets = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const Bucket = "exported-logs";
const NOW = Math.floor(Date.now() / 1_000) * 1_000;
const RANGE = { from: NOW - 60_000, to: NOW };
/** As the User Guide gives it. */
const policyFor = (more: object = {}, actions = ["s3:GetBucketAcl", "s3:PutObject"]) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: "logs.eu-south-1.amazonaws.com" },
        Action: actions,
        Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
        Condition: {
          StringEquals: { "aws:SourceAccount": ["000000000000"] },
          ArnLike: { "aws:SourceArn": ["arn:aws:logs:eu-south-1:000000000000:log-group:*"] },
          ...more,
        },
      },
    ],
  });
const setPolicy = (Policy: string) => buckets.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
const start = (more: Partial<sdk.CreateExportTaskCommandInput> = {}, by = client) =>
  by.send(new sdk.CreateExportTaskCommand({ logGroupName: "web", ...RANGE, destination: Bucket, ...more }));
const find = async (taskId: string | undefined) =>
  (await client.send(new sdk.DescribeExportTasksCommand({ taskId }))).exportTasks?.[0];
const write = (logStreamName: string, ...lines: readonly (readonly [number, string])[]) =>
  client.send(
    new sdk.PutLogEventsCommand({
      logGroupName: "web",
      logStreamName,
      logEvents: lines.map(([ago, message]) => ({ timestamp: NOW - ago, message })),
    }),
  );
const loop = (changes: { readonly failAt?: number } = {}) => {
  let puts = 0;
  const put: typeof api.objects.put = (...given) => {
    if ((puts += 1) === changes.failAt) throw new Error("killed");
    return api.objects.put(...given);
  };
  const objects = new Proxy(api.objects, {
    get: (target, name) => {
      const value: unknown = name === "put" ? put : Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return logExports({ ...deps, logs: api.logs, objects });
};
/** Lets the loop work until nothing is left. */
const settle = async (with_ = loop()) => {
  for (const key of with_.keys()) await with_.reconcile(key);
};
const keysIn = async (prefix: string) =>
  (await buckets.send(new s3.ListObjectsV2Command({ Bucket, Prefix: prefix }))).Contents?.map(
    ({ Key = "" }) => Key,
  ) ?? [];
const textOf = async (Key: string) => {
  const { Body } = await buckets.send(new s3.GetObjectCommand({ Bucket, Key }));
  return gunzipSync((await Body?.transformToByteArray()) ?? new Uint8Array()).toString();
};

beforeAll(async () => {
  await client.send(new sdk.CreateLogGroupCommand({ logGroupName: "web" }));
  for (const logStreamName of ["a/1", "a/2", "b"])
    await client.send(new sdk.CreateLogStreamCommand({ logGroupName: "web", logStreamName }));
  await write("a/1", [120_000, "too early"], [30_000, "first"], [20_000, "second"]);
  await write("a/2", [10_000, "third"], [0, "too late"]);
  await write("b", [5_000, "fourth"]);
  await buckets.send(new s3.CreateBucketCommand({ Bucket }));
  await setPolicy(policyFor());
});

describe("an export task", () => {
  it("copies the events of a time, a file for each stream", async () => {
    const { taskId } = await start({ taskName: "nightly", destinationPrefix: "logs" });
    expect(await find(taskId)).toMatchObject({
      taskName: "nightly",
      logGroupName: "web",
      ...RANGE,
      destination: Bucket,
      destinationPrefix: "logs",
      status: { code: "PENDING" },
    });
    await settle();
    const done = await find(taskId);
    expect(done?.status).toEqual({ code: "COMPLETED", message: "Completed successfully" });
    expect(done?.executionInfo?.completionTime).toBeGreaterThanOrEqual(
      done?.executionInfo?.creationTime ?? 0,
    );
    const keys = await keysIn("logs/");
    expect(new Set(keys)).toEqual(
      new Set([
        "logs/aws-logs-write-test",
        ...["a-1", "a-2", "b"].map((stream) => `logs/${taskId}/${stream}/000000.gz`),
      ]),
    );
    expect(await textOf(`logs/${taskId}/a-1/000000.gz`)).toBe(
      `${new Date(NOW - 30_000).toISOString()} first\n${new Date(NOW - 20_000).toISOString()} second\n`,
    );
    expect(await textOf(`logs/${taskId}/a-2/000000.gz`)).toContain("third");
  });

  it("copies the streams of a prefix, and more events than a file holds", async () => {
    for (let batch = 0; batch < 2; batch += 1)
      api.logs.append(
        "arn:aws:logs:eu-south-1:000000000000:log-group:web",
        "b",
        Array.from({ length: 6_000 }, (_, index) => ({
          timestamp: NOW - 4_000,
          message: `${batch} ${index}`,
        })),
        NOW,
      );
    const { taskId } = await start({ logStreamNamePrefix: "b" });
    await settle();
    const keys = await keysIn(`exportedlogs/${taskId}/`);
    expect(keys).toEqual(["000000.gz", "000001.gz"].map((file) => `exportedlogs/${taskId}/b/${file}`));
    const lines = (await Promise.all(keys.map(textOf))).join("").trimEnd().split("\n");
    expect(lines).toHaveLength(12_001);
    expect(new Set(lines).size).toBe(12_001);
  });

  it("loses no events of streams whose names differ in a slash alone", async () => {
    const logGroupName = "alike";
    await client.send(new sdk.CreateLogGroupCommand({ logGroupName }));
    for (const logStreamName of ["x/1", "x-1"]) {
      await client.send(new sdk.CreateLogStreamCommand({ logGroupName, logStreamName }));
      const logEvents = [{ timestamp: NOW - 1_000, message: `of ${logStreamName}` }];
      await client.send(new sdk.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
    }
    const { taskId } = await start({ logGroupName });
    await settle();
    const keys = await keysIn(`exportedlogs/${taskId}/`);
    expect(keys).toEqual(["000000.gz", "000001.gz"].map((file) => `exportedlogs/${taskId}/x-1/${file}`));
    const text = (await Promise.all(keys.map(textOf))).join("");
    expect(text).toContain("of x/1\n");
    expect(text).toContain("of x-1\n");
  });

  it("makes no key that S3 would not take", async () => {
    await expect(start({ destinationPrefix: "p".repeat(1_024) })).rejects.toThrow("longer than 1024 bytes");
    const { taskId } = await start({ destinationPrefix: "p".repeat(990) });
    await settle();
    expect((await find(taskId))?.status).toMatchObject({
      code: "FAILED",
      message: expect.stringContaining("longer than 1024 bytes"),
    });
  });

  it.each([1, 2, 3, 4])(
    "that is killed at its put number %d is completed by the next loop",
    async (failAt) => {
      const { taskId } = await start();
      await expect(settle(loop({ failAt }))).rejects.toThrow("killed");
      expect((await find(taskId))?.status?.code).toBe("RUNNING");
      await settle();
      expect((await find(taskId))?.status?.code).toBe("COMPLETED");
      expect(await keysIn(`exportedlogs/${taskId}/`)).toHaveLength(4);
    },
  );

  it("is cancelled once, and copies nothing afterwards", async () => {
    const { taskId } = await start();
    await client.send(new sdk.CancelExportTaskCommand({ taskId }));
    await settle();
    expect((await find(taskId))?.status?.code).toBe("CANCELLED");
    expect(await keysIn(`exportedlogs/${taskId}/`)).toEqual([]);
    const cancel = (id: string | undefined) => client.send(new sdk.CancelExportTaskCommand({ taskId: id }));
    await expect(cancel(taskId)).rejects.toThrow(sdk.InvalidOperationException);
    await expect(cancel("none")).rejects.toThrow(sdk.ResourceNotFoundException);
    const listed = async (statusCode: sdk.ExportTaskStatusCode) =>
      (await client.send(new sdk.DescribeExportTasksCommand({ statusCode }))).exportTasks?.map(
        (task) => task.taskId,
      );
    expect(await listed("CANCELLED")).toEqual([taskId]);
    for (const other of ["COMPLETED", "FAILED", "PENDING", "PENDING_CANCEL", "RUNNING"] as const)
      expect(await listed(other)).not.toContain(taskId);
  });

  it("is listed page by page", async () => {
    const first = await client.send(new sdk.DescribeExportTasksCommand({ limit: 2 }));
    const rest = await client.send(new sdk.DescribeExportTasksCommand({ nextToken: first.nextToken }));
    const ids = [...(first.exportTasks ?? []), ...(rest.exportTasks ?? [])].map(({ taskId }) => taskId);
    expect(first.exportTasks).toHaveLength(2);
    expect(new Set(ids).size).toBe(9);
  });

  it("is the account's only one in a region", async () => {
    const { taskId } = await start();
    await expect(start()).rejects.toThrow(sdk.LimitExceededException);
    await client.send(new sdk.CancelExportTaskCommand({ taskId }));
  });

  it("is refused for a time that ends before it begins, and a group or a bucket that is not there", async () => {
    await expect(start({ to: RANGE.from })).rejects.toThrow(sdk.InvalidParameterException);
    await expect(start({ logGroupName: "none" })).rejects.toThrow(sdk.ResourceNotFoundException);
    await expect(start({ destination: "none-such-bucket" })).rejects.toThrow(/bucket does not exist/);
    await client.send(
      new sdk.CreateLogGroupCommand({ logGroupName: "rare", logGroupClass: "INFREQUENT_ACCESS" }),
    );
    await expect(start({ logGroupName: "rare" })).rejects.toThrow(/do not support export tasks/);
  });

  it("fails while the group's key cannot be used", async () => {
    const keys = new kms.KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId ?? "";
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::000000000000:root" },
          Action: "kms:*",
          Resource: "*",
        },
        {
          Effect: "Allow",
          Principal: { Service: "logs.eu-south-1.amazonaws.com" },
          Action: "kms:*",
          Resource: "*",
        },
      ],
    });
    await keys.send(new kms.PutKeyPolicyCommand({ KeyId, Policy }));
    await client.send(new sdk.CreateLogGroupCommand({ logGroupName: "sealed", kmsKeyId: KeyMetadata?.Arn }));
    const stream = { logGroupName: "sealed", logStreamName: "s" };
    await client.send(new sdk.CreateLogStreamCommand(stream));
    await client.send(
      new sdk.PutLogEventsCommand({ ...stream, logEvents: [{ timestamp: NOW - 1_000, message: "secret" }] }),
    );
    const { taskId } = await start({ logGroupName: "sealed" });
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    await settle();
    expect((await find(taskId))?.status?.code).toBe("FAILED");
    expect(await keysIn(`exportedlogs/${taskId}/`)).toEqual([]);
  });
});

describe("attacks by export tasks", () => {
  it.each([
    ["no policy", undefined, "GetBucketAcl"],
    [
      "a policy for another account",
      policyFor({ StringEquals: { "aws:SourceAccount": "1" } }),
      "GetBucketAcl",
    ],
    [
      "a policy for another group",
      policyFor({ ArnLike: { "aws:SourceArn": "arn:aws:logs:*:*:log-group:x:*" } }),
      "GetBucketAcl",
    ],
    ["a policy without writing", policyFor({}, ["s3:GetBucketAcl"]), "PutObject"],
  ])("write nothing into a bucket with %s", async (_, policy, call) => {
    if (policy === undefined) await buckets.send(new s3.DeleteBucketPolicyCommand({ Bucket }));
    else await setPolicy(policy);
    await expect(start()).rejects.toThrow(`${call} call on the given bucket failed.`);
    await setPolicy(policyFor());
  });

  it("stop writing when the policy is taken away", async () => {
    const { taskId } = await start();
    await buckets.send(new s3.DeleteBucketPolicyCommand({ Bucket }));
    await settle();
    expect((await find(taskId))?.status).toMatchObject({
      code: "FAILED",
      message: expect.stringContaining("call on the given bucket failed"),
    });
    await setPolicy(policyFor());
  });

  it("of another account write into no bucket of this one, read none of its groups, and are its own", async () => {
    const other = new sdk.CloudWatchLogsClient(api.client(OTHER));
    await other.send(new sdk.CreateLogGroupCommand({ logGroupName: "web" }));
    await expect(start({}, other)).rejects.toThrow(/call on the given bucket failed/);
    const { taskId } = await start();
    const { exportTasks } = await other.send(new sdk.DescribeExportTasksCommand({}));
    expect(exportTasks).toEqual([]);
    await expect(other.send(new sdk.CancelExportTaskCommand({ taskId }))).rejects.toThrow(
      sdk.ResourceNotFoundException,
    );
    expect(api.store.list("logExport").filter(isExporting)).toHaveLength(1);
  });
});
