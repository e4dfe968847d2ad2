import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "@gantry/state";
import { median, type Question } from "./question.ts";

const BEHIND = 10_000;
const PAGE = 500;
const ROUNDS = 9;

/**
 * How long a consumer of the change feed that is 10,000 commits behind takes to read on, against listing the
 * records.
 */
export const changeFeed: Question = {
  name: "change-feed",
  async ask() {
    const folder = mkdtempSync(join(tmpdir(), "gantry-feed-"));
    const store = new SqliteStore(join(folder, "state.db"));
    const name = (index: number): string => `/bench/${index}`;
    const place = { account: "000000000000", region: "eu-south-1" };
    for (let index = 0; index < BEHIND; index += 1)
      store.transact((tx) =>
        tx.put("logGroup", name(index), {
          ...place,
          arn: name(index),
          name: name(index),
          retentionDays: undefined,
          tags: {},
          createdAt: index,
        }),
      );
    const rounds = Array.from({ length: ROUNDS }, () => ({ feed: catchUp(store), list: listAll(store) }));
    store.close();
    rmSync(folder, { recursive: true });
    return [
      {
        name: "feed-10000-behind",
        unit: "ms",
        value: median(rounds.map((round) => round.feed)),
        baseline: median(rounds.map((round) => round.list)),
        against: "listing 10,000 records",
        goal: { of: "value", most: 100 },
      },
    ];
  },
};

/** Milliseconds to read every change by pages, and each record that a change names. */
function catchUp(store: SqliteStore): number {
  const from = performance.now();
  let [revision, seen] = [store.revision - BEHIND, 0];
  for (
    let page = store.changesSince(revision, PAGE);
    page.length > 0;
    page = store.changesSince(revision, PAGE)
  ) {
    for (const change of page) if (store.get(change.kind, change.key) !== undefined) seen += 1;
    revision = page.at(-1)?.revision ?? revision;
  }
  if (seen !== BEHIND) throw new Error(`The feed told of ${seen} changes instead of ${BEHIND}.`);
  return performance.now() - from;
}

function listAll(store: SqliteStore): number {
  const from = performance.now();
  if (store.list("logGroup").length !== BEHIND) throw new Error("Records are missing.");
  return performance.now() - from;
}
