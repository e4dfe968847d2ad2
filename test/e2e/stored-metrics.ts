import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CloudWatchClient,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  type Dimension,
} from "@aws-sdk/client-cloudwatch";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { eventually, run } from "./helpers.ts";

type Demo = ReturnType<typeof openDemo>;

const DAY_MS = 24 * 60 * 60_000;
const MARGIN_MS = 30 * 60_000;
/** The sizes of three objects of a bucket, in bytes. */
const SIZES = [1, 70_000, 3_000_000];
/** Where the demo's tasks mount their file system. */
const MOUNTED = "/efs";
/** Prints the bytes on the disk of what is in the file system: the folder of the access point, and its content. */
const USED = `echo $(( $(du -sk ${MOUNTED} | cut -f1) * 1024 ))`;

/** A bucket with objects, and a file in the demo's file system. */
export async function storeBytes(demo: Demo) {
  const bucket = `stored-${demo.name}`;
  await demo.aws("s3", "mb", `s3://${bucket}`);
  const file = join(demo.instance.folder, "stored");
  for (const [index, size] of SIZES.entries()) {
    writeFileSync(file, Buffer.alloc(size));
    await demo.aws("s3", "cp", file, `s3://${bucket}/${index}`);
  }
  rmSync(file);
  const [container = ""] = await demo.taskContainers();
  const inTask = (command: string) => run("docker", ["exec", "-u", "0", container, "sh", "-c", command]);
  await inTask(`dd if=/dev/urandom of=${MOUNTED}/stored bs=1048576 count=8 && sync`);
  return {
    bucket,
    objects: SIZES.length,
    objectBytes: SIZES.reduce((sum, size) => sum + size, 0),
    fileSystemBytes: Number(await inTask(USED)),
    async remove(): Promise<void> {
      await inTask(`rm ${MOUNTED}/stored`);
      await demo.aws("s3", "rb", `s3://${bucket}`, "--force");
    },
  };
}

/** Expects the metrics of the bucket and the file system, of the platform's day that ends at `now`. */
export async function expectStored(
  demo: Demo,
  stored: Awaited<ReturnType<typeof storeBytes>>,
  now: number,
): Promise<void> {
  const cloudWatch = new CloudWatchClient(demo.client());
  const values = async (Namespace: string, MetricName: string, Dimensions: Dimension[]) => {
    const { Datapoints = [] } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        ...{ Namespace, MetricName, Dimensions, Period: 300, Statistics: ["Maximum"] },
        ...{ StartTime: new Date(now - DAY_MS), EndTime: new Date(now + MARGIN_MS) },
      }),
    );
    return Datapoints.toSorted((a, b) => Number(a.Timestamp) - Number(b.Timestamp)).map(
      ({ Maximum }) => Maximum,
    );
  };
  const ofBucket = (StorageType: string) => [
    { Name: "BucketName", Value: stored.bucket },
    { Name: "StorageType", Value: StorageType },
  ];
  await eventually(async () => {
    const bytes = await values("AWS/S3", "BucketSizeBytes", ofBucket("StandardStorage"));
    const objects = await values("AWS/S3", "NumberOfObjects", ofBucket("AllStorageTypes"));
    expect({ bytes, objects }).toEqual({ bytes: [stored.objectBytes], objects: [stored.objects] });
  });
  const { Metrics = [] } = await cloudWatch.send(
    new ListMetricsCommand({ Namespace: "AWS/EFS", MetricName: "StorageBytes" }),
  );
  const ofFileSystem = Metrics.map(({ Dimensions = [] }) => Dimensions).find((dimensions) =>
    dimensions.some(({ Value }) => Value === "Standard"),
  );
  await eventually(async () => {
    const bytes = await values("AWS/EFS", "StorageBytes", ofFileSystem ?? []);
    expect(bytes.at(-1)).toBe(stored.fileSystemBytes);
  });
}
