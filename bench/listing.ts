import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import type { Answer, Question } from "./question.ts";

const FEW = 1_000;
const MANY = 1_000_000;
const PAGES = 300;
const PAGE_KEYS = 100;
/** Pages before those that are measured: the program is compiled meanwhile. */
const WARMING = 100;

/** One page of ListObjectsV2, anywhere in the bucket, of a bucket of a million keys and of one of a thousand. */
export const listing: Question = {
  name: "listing",
  async ask() {
    const [few, many] = await pageTimes([FEW, MANY]);
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
      answer("listing-1000000-keys-p99", (times) => at(times, 0.99), { of: "ratio", most: 1.5 }),
      // Flat: a page costs the same wherever it lies in however large a bucket; half is left for what the cache misses.
      answer("listing-1000000-keys-median", (times) => at(times, 0.5), { of: "ratio", most: 1.5 }),
    ];
  },
};

/** The sorted times (ms) of pages of a bucket of each size. The buckets take turns. */
async function pageTimes(
  sizes: readonly [number, number],
): Promise<readonly [readonly number[], readonly number[]]> {
  const api = await startApi();
  try {
    const client = new S3Client({ ...api.client(), forcePathStyle: true });
    for (const keys of sizes) {
      await client.send(new CreateBucketCommand({ Bucket: bucketOf(keys) }));
      fill(join(api.folder, "objects/objects.db"), keys);
    }
    const times: [number[], number[]] = [[], []];
    for (let page = 0; page < WARMING + PAGES; page += 1)
      for (const [index, keys] of sizes.entries()) {
        const took = await pageTime(client, keys, (page % PAGES) / PAGES);
        if (page >= WARMING) times[index]?.push(took);
      }
    const [few, many] = times;
    return [few.toSorted((a, b) => a - b), many.toSorted((a, b) => a - b)];
  } finally {
    api.close();
  }
}

/** How long one page takes that begins at a share of the bucket's keys. */
async function pageTime(client: S3Client, keys: number, share: number): Promise<number> {
  const StartAfter = keyAt(Math.floor(share * (keys - PAGE_KEYS)), keys);
  const start = performance.now();
  const { KeyCount } = await client.send(
    new ListObjectsV2Command({ Bucket: bucketOf(keys), MaxKeys: PAGE_KEYS, StartAfter }),
  );
  const took = performance.now() - start;
  if (KeyCount !== PAGE_KEYS) throw new Error("The page is not full.");
  return took;
}

function bucketOf(keys: number): string {
  return `keys-${keys}`;
}

/** Rows as PutObject writes them, without the bytes that they name: a listing reads none. */
function fill(path: string, keys: number): void {
  const database = new DatabaseSync(path);
  const insert = database.prepare("INSERT INTO object (bucket, key, meta) VALUES (?, ?, ?)");
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
    insert.run(bucketOf(keys), Buffer.from(key), JSON.stringify(meta));
  }
  database.exec("COMMIT");
  database.close();
}

const FOLDERS = 10;

function keyOf(index: number): string {
  return `folder-${String(index % FOLDERS)}/${String(index).padStart(8, "0")}`;
}

/** The key at a place of the bucket's order. */
function keyAt(place: number, keys: number): string {
  const each = keys / FOLDERS;
  return keyOf((place % each) * FOLDERS + Math.floor(place / each));
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
