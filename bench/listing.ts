import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import type { Answer, Question } from "./question.ts";

const FEW = 1_000;
const MANY = 1_000_000;
const PAGES = 300;

/** One page of ListObjectsV2, anywhere in the bucket, of a bucket of a million keys and of one of a thousand. */
export const listing: Question = {
  name: "listing",
  async ask() {
    const [few, many] = [await pageTimes(FEW), await pageTimes(MANY)];
    const against = `${FEW} keys`;
    const answer = (
      name: string,
      of: (times: readonly number[]) => number,
      goal: Answer["goal"],
    ): Answer => ({
      name,
      unit: "ms",
      value: of(many),
      baseline: of(few),
      against,
      goal,
    });
    return [
      answer("listing-1000000-keys-p99", (times) => at(times, 0.99), { of: "value", most: 20 }),
      // Flat: a page costs the same wherever it lies in however large a bucket; half is left for what the cache misses.
      answer("listing-1000000-keys-median", (times) => at(times, 0.5), { of: "ratio", most: 1.5 }),
    ];
  },
};

async function pageTimes(keys: number): Promise<readonly number[]> {
  const api = await startApi();
  try {
    const client = new S3Client({ ...api.client(), forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: "many" }));
    fill(join(api.folder, "objects/objects.db"), keys);
    const times: number[] = [];
    for (let page = 0; page < PAGES; page += 1) {
      const StartAfter = keyOf(Math.floor((page / PAGES) * (keys - 1_000)));
      const start = performance.now();
      const { KeyCount } = await client.send(
        new ListObjectsV2Command({ Bucket: "many", MaxKeys: 100, StartAfter }),
      );
      times.push(performance.now() - start);
      if (KeyCount === 0) throw new Error("The page is empty.");
    }
    return times.toSorted((a, b) => a - b);
  } finally {
    api.close();
  }
}

/** Rows as PutObject writes them, without the bytes that they name: a listing reads none. */
function fill(path: string, keys: number): void {
  const database = new DatabaseSync(path);
  const insert = database.prepare("INSERT INTO object (bucket, key, meta) VALUES ('many', ?, ?)");
  database.exec("BEGIN");
  for (let index = 0; index < keys; index += 1) {
    const key = keyOf(index);
    const meta = {
      key,
      size: 4_096,
      etag: "0".repeat(32),
      modifiedAt: 1_700_000_000_000,
      headers: { ContentType: "binary/octet-stream" },
      userMetadata: {},
      checksums: { ChecksumCRC32: "AAAAAA==" },
      tags: {},
      segments: [{ file: "00/0", size: 4_096, sha256: "0".repeat(64), iv: "0".repeat(32) }],
      sequence: 1,
    };
    insert.run(Buffer.from(key), JSON.stringify(meta));
  }
  database.exec("COMMIT");
  database.close();
}

function keyOf(index: number): string {
  return `folder-${String(index % 10)}/${String(index).padStart(8, "0")}`;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
