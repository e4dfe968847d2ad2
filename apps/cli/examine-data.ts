import { existsSync } from "node:fs";
import { join } from "node:path";
import { BlobStore, ObjectStore } from "@gantry/content";
import { readKeyRing } from "@gantry/control-plane/key-ring";
import { messageOf, problemOfSqlite } from "@gantry/kernel";
import { SqliteStore } from "@gantry/state";

/** Lists all damage in the data of an instance; empty where there is none. Reads every byte. */
export async function damageOf(folder: string): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const name of ["state.db", "logs.db", "metrics.db", "queues.db", "objects/objects.db"]) {
    const path = join(folder, name);
    const problem = existsSync(path) ? problemOfSqlite(path) : undefined;
    if (problem !== undefined) problems.push(`database ${name}: ${problem}`);
  }
  if (problems.length > 0) return problems;
  return [...damagedRecords(folder), ...(await damagedObjects(folder)), ...(await damagedBlobs(folder))];
}

function damagedRecords(folder: string): readonly string[] {
  const path = join(folder, "state.db");
  if (!existsSync(path)) return [];
  try {
    new SqliteStore(path).close();
    return [];
  } catch (thrown) {
    return [messageOf(thrown)];
  }
}

async function damagedObjects(folder: string): Promise<readonly string[]> {
  const [path, keyPath] = [join(folder, "objects"), join(folder, "key")];
  if (!existsSync(path) || !existsSync(keyPath)) return [];
  const objects = new ObjectStore(path, readKeyRing(keyPath).objects);
  const problems: string[] = [];
  for await (const { bucket, key, problem } of objects.damaged())
    problems.push(`object s3://${bucket}/${key}: ${problem}`);
  objects.close();
  return problems;
}

async function damagedBlobs(folder: string): Promise<readonly string[]> {
  const path = join(folder, "registry");
  if (!existsSync(path)) return [];
  const problems: string[] = [];
  for await (const digest of new BlobStore(path).damaged()) problems.push(`image blob ${digest}`);
  return problems;
}
