import { rmSync } from "node:fs";
import { join } from "node:path";
import * as sdk from "@aws-sdk/client-sqs";
import { openSqlite } from "@gantry/kernel";
import { captured } from "./captured.ts";
import { ensureLoadGenerator, load } from "./load.ts";
import { median, type Answer, type Bench, type Question } from "./question.ts";

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = 16;
const BODY = "m".repeat(256);

/**
 * Messages a second that SendMessage and ReceiveMessage take, against transactions of SQLite that are synced to the
 * same disk, one after another.
 */
export const sqs: Question = {
  name: "sqs",
  async ask(bench) {
    await ensureLoadGenerator();
    const { settings, region, credentials } = bench;
    const client = new sdk.SQSClient({ region, credentials, endpoint: `http://127.0.0.1:${settings.port}` });
    const { QueueUrl } = await client.send(new sdk.CreateQueueCommand({ QueueName: "bench" }));
    const send = new sdk.SendMessageCommand({ QueueUrl, MessageBody: BODY });
    // What is received comes back only after the benchmark.
    const receive = new sdk.ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 3_600 });
    const sends = await captured(send.middlewareStack, () => client.send(send));
    const receives = await captured(receive.middlewareStack, () => client.send(receive));
    const measured: Record<"send" | "receive" | "transactions", number[]> = {
      send: [],
      receive: [],
      transactions: [],
    };
    // The first round is what both compile in.
    for (let round = 0; round <= ROUNDS; round += 1) {
      measured.transactions.push(syncedTransactions(bench));
      measured.send.push(await rateOf(bench, sends));
      measured.receive.push(await rateOf(bench, receives));
    }
    // Sends go first in each round. Receives that find nothing would be too cheap.
    const left = await client.send(
      new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }),
    );
    if (left.Attributes?.["ApproximateNumberOfMessages"] === "0") throw new Error("The queue ran empty.");
    client.destroy();
    const baseline = median(measured.transactions.slice(1));
    return (["send", "receive"] as const).map((name): Answer => ({
      name: `sqs-${name}-rate`,
      unit: "requests/s",
      value: median(measured[name].slice(1)),
      baseline,
      against: "synced SQLite transactions",
      goal: { of: "ratio", least: 0.5 },
    }));
  },
};

/** Requests a second. Errors: where one fails. */
async function rateOf(
  { settings }: Bench,
  { headers, body }: Awaited<ReturnType<typeof captured>>,
): Promise<number> {
  const { requestsPerSecond, failed, failures } = await load({
    folder: settings.folder,
    url: `http://127.0.0.1:${settings.port}/`,
    connections: CONNECTIONS,
    seconds: SECONDS,
    method: "POST",
    headers: { ...headers, Host: `127.0.0.1:${settings.port}` },
    body,
  });
  if (failed > 0) throw new Error(`${failed} requests failed: ${failures}.`);
  return requestsPerSecond;
}

/** Transactions a second that each write one row as long as a message, on the disk of the platform's state. */
function syncedTransactions({ settings, clock }: Bench): number {
  const path = join(settings.folder, "baseline.db");
  const database = openSqlite(path);
  database.exec("CREATE TABLE message (sequence INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT");
  const insert = database.prepare("INSERT INTO message (content) VALUES (?)");
  const start = clock.now();
  let count = 0;
  while (clock.now() < start + SECONDS * 1_000) {
    database.exec("BEGIN IMMEDIATE");
    insert.run(BODY);
    database.exec("COMMIT");
    count += 1;
  }
  const seconds = (clock.now() - start) / 1_000;
  database.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
  return count / seconds;
}
