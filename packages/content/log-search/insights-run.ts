import { AggregateState } from "./insights-aggregate.ts";
import { discoverIn } from "./insights-fields.ts";
import { compareValues, textOf, type InsightsValue } from "./insights-values.ts";
import {
  INSIGHTS_RESULTS_MAX,
  readerOf,
  type InsightsCommand,
  type InsightsQuery,
  type InsightsRow,
  type SortKey,
} from "./insights-query.ts";

/** The characters that a query holds at a time: what is more fails the query. */
const HELD_MAX = 32 * 1024 * 1024;
/** What a row costs besides its characters. */
const ROW_SIZE = 300;
const SORTED_AT_ONCE = 512;

/** The query holds more than it may. */
export class QueryLimitError extends Error {
  override readonly name = "QueryLimitError";
}

type Command<Type> = Extract<InsightsCommand, { type: Type }>;
type Hold = (size: number) => void;

interface Stage {
  /** Passes a row on, or keeps it. */
  take(row: InsightsRow): InsightsRow | undefined;
  /** The rows that were kept, once there are no others; an undefined one is a place to pause. */
  readonly flush?: () => Iterable<InsightsRow | undefined>;
  readonly isFull?: boolean;
}

/** Carries a query out over rows that are pushed one by one. */
export class InsightsRun {
  readonly #stages: readonly Stage[];
  readonly #query: InsightsQuery;
  readonly #results: InsightsRow[] = [];
  readonly #limit: number;
  readonly #hold: Hold;

  constructor(query: InsightsQuery, limit = INSIGHTS_RESULTS_MAX) {
    let held = 0;
    this.#hold = (size) => {
      held += size;
      if (held > HELD_MAX)
        throw new QueryLimitError("The query holds too much: filter more, or ask for less time.");
    };
    this.#query = query;
    this.#limit = query.hasLimit ? INSIGHTS_RESULTS_MAX : Math.min(limit, INSIGHTS_RESULTS_MAX);
    this.#stages = query.commands.map((command) => stageOf(command, this.#hold));
  }

  /** Whether further rows change nothing: a limit is reached, and nothing before it needs all rows. */
  get isFull(): boolean {
    for (const stage of this.#stages) {
      if (stage.isFull === true) return true;
      if (stage.flush !== undefined) return false;
    }
    return this.#results.length >= this.#limit;
  }

  /** Returns whether the row passed the first filters, up to a command that needs all rows. Errors: QueryLimitError. */
  push(row: InsightsRow): boolean {
    return this.#pass(row, 0);
  }

  /** Ends the query, in steps between which the caller may pause. Errors: QueryLimitError. */
  *finish(): Generator<undefined, readonly InsightsRow[]> {
    for (const [index, stage] of this.#stages.entries())
      for (const row of stage.flush?.() ?? []) {
        if (row !== undefined) this.#pass(row, index + 1);
        yield undefined;
      }
    return this.#results;
  }

  #pass(row: InsightsRow, from: number): boolean {
    let current: InsightsRow = row;
    for (const stage of this.#stages.slice(from)) {
      const next = stage.take(current);
      if (next === undefined) return stage.flush !== undefined;
      current = next;
    }
    if (this.#results.length >= this.#limit) return true;
    const field = readerOf(current);
    // A result keeps what is shown, and what names its event.
    const names = this.#query.ofEvents ? [...this.#query.shown, "@ptr"] : this.#query.shown;
    const fields = new Map(names.map((name) => [name, field(name)]));
    this.#hold(sizeOf(fields));
    this.#results.push({ fields, message: "", discovered: () => undefined });
    return true;
  }
}

function sizeOf(fields: ReadonlyMap<string, InsightsValue>): number {
  let size = ROW_SIZE;
  for (const value of fields.values()) size += typeof value === "string" ? value.length : 8;
  return size;
}

function stageOf(command: InsightsCommand, hold: Hold): Stage {
  switch (command.type) {
    case "each":
      return { take: command.apply };
    case "limit":
      return limitStage(command.count);
    case "dedup":
      return dedupStage(command, hold);
    case "sort":
      return sortStage(command.keys, hold);
    case "stats":
      return statsStage(command, hold);
  }
}

function limitStage(count: number): Stage {
  let left = count;
  return {
    take: (row) => ((left -= 1) >= 0 ? row : undefined),
    get isFull() {
      return left <= 0;
    },
  };
}

function dedupStage({ keys }: Command<"dedup">, hold: Hold): Stage {
  const seen = new Set<string>();
  return {
    take(row) {
      const key = JSON.stringify(keys.map((each) => textOf(each(readerOf(row)))));
      if (seen.has(key)) return undefined;
      hold(key.length + 50);
      seen.add(key);
      return row;
    },
  };
}

interface Sortable {
  readonly row: InsightsRow;
  readonly by: readonly InsightsValue[];
}

function sortStage(keys: readonly SortKey[], hold: Hold): Stage {
  const kept: Sortable[] = [];
  const compare = (a: Sortable, b: Sortable): number => {
    for (const [index, { descending }] of keys.entries()) {
      const order = compareValues(a.by[index], b.by[index]);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
  return {
    take(row) {
      const by = keys.map(({ value }) => value(readerOf(row)));
      hold(
        sizeOf(row.fields) +
          row.message.length +
          by.reduce<number>((sum, each) => sum + textOf(each).length, 0),
      );
      // The message is parsed again where later commands need it: its parsed form takes many times its size.
      kept.push({ row: { ...row, discovered: discoverIn(row.message) }, by });
      return undefined;
    },
    *flush() {
      for (const each of sortInSteps(kept, compare)) yield each?.row;
    },
  };
}

/** A stable merge sort that gives undefined every few hundred rows, so that a caller can pause. */
function* sortInSteps<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Generator<Item | undefined> {
  let runs: Item[][] = [];
  for (let at = 0; at < items.length; at += SORTED_AT_ONCE) {
    runs.push(items.slice(at, at + SORTED_AT_ONCE).toSorted(compare));
    yield undefined;
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let index = 0; index < runs.length; index += 2)
      merged.push(yield* merge(runs[index] ?? [], runs[index + 1] ?? [], compare));
    runs = merged;
  }
  yield* runs[0] ?? [];
}

function* merge<Item>(
  a: readonly Item[],
  b: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Generator<undefined, Item[]> {
  const merged: Item[] = [];
  let [left, right] = [0, 0];
  while (left < a.length || right < b.length) {
    const [x, y] = [a[left], b[right]];
    if (y === undefined || (x !== undefined && compare(x, y) <= 0)) {
      if (x !== undefined) merged.push(x);
      left += 1;
    } else {
      merged.push(y);
      right += 1;
    }
    if (merged.length % SORTED_AT_ONCE === 0) yield undefined;
  }
  return merged;
}

interface Group {
  readonly by: readonly InsightsValue[];
  readonly states: readonly AggregateState[];
}

function statsStage({ aggregates, by }: Command<"stats">, hold: Hold): Stage {
  const groups = new Map<string, Group>();
  const newGroup = (values: readonly InsightsValue[]): Group => ({
    by: values,
    states: aggregates.map((each) => new AggregateState(each, hold)),
  });
  return {
    take(row) {
      const field = readerOf(row);
      const values = by.map(({ value }) => value(field));
      const key = JSON.stringify(values.map(textOf));
      let group = groups.get(key);
      if (group === undefined) {
        hold(key.length * 2 + ROW_SIZE * (1 + aggregates.length));
        group = newGroup(values);
        groups.set(key, group);
      }
      for (const state of group.states) state.add(field);
      return undefined;
    },
    *flush() {
      // Without `by` there is one group, also of no rows.
      if (groups.size === 0 && by.length === 0) groups.set("", newGroup([]));
      for (const group of groups.values())
        yield {
          message: "",
          discovered: () => undefined,
          fields: new Map([
            ...by.map(({ as }, index) => [as, group.by[index]] as const),
            ...aggregates.map(({ as }, index) => [as, group.states[index]?.value()] as const),
          ]),
        };
    },
  };
}
