import {
  compileFilterPattern,
  Slices,
  type LogEvent,
  type LogStore,
  type MetricPoint,
  type MetricStore,
} from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import type { MetricFilterRecord, MetricTransformationRecord } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const BATCH_EVENTS = 500;
const MINUTE_MS = 60_000;

/**
 * Makes metrics of the events that metric filters match. A key is a filter. The controller reads the events
 * that were written since its last run, outside the turns that write them; its position is stored with the
 * events. The metric store drops known batches, so that a batch that is repeated after a crash counts once.
 */
export function metricFilterController(
  deps: ControllerDeps & { readonly logs: LogStore; readonly metrics: Pick<MetricStore, "add"> },
): Reconciler {
  const { store, logs } = deps;
  const watchRecords = watchKinds(store, { metricFilter: (key) => [key] });
  return {
    name: "metric-filters",
    keys: () => store.keys("metricFilter"),
    watch(changed) {
      const stops = [
        watchRecords(changed),
        logs.watch((group) => store.keysBy("metricFilter", "group", group).forEach(changed)),
      ];
      return () => stops.forEach((stop) => stop());
    },
    async reconcile(key) {
      const filter = store.get("metricFilter", key);
      if (filter === undefined) {
        logs.moveReader(key, undefined);
        return undefined;
      }
      const position = Math.max(logs.readerPosition(key) ?? 0, filter.afterEventId);
      const last = logs.lastEventId;
      if (last === position) return undefined;
      const events = logs.eventsAfter(filter.groupArn, position, BATCH_EVENTS);
      const isAll = events.length < BATCH_EVENTS;
      const sequence = isAll ? last : (events.at(-1)?.id ?? last);
      const points = await pointsOf(filter, events);
      if (points.length > 0) {
        const batch = { node: `metric-filter ${key}`, session: String(filter.createdAt), sequence };
        await deps.metrics.add(points, batch);
      }
      logs.moveReader(key, sequence);
      return isAll ? undefined : 0;
    },
  };
}

/** The measurements that a filter makes of events. */
async function pointsOf(
  filter: MetricFilterRecord,
  events: readonly LogEvent[],
): Promise<readonly MetricPoint[]> {
  const pattern = compileFilterPattern(filter.pattern);
  const slices = new Slices();
  const points: MetricPoint[] = [];
  /** Whether an event of the minute matched. */
  const minutes = new Map<number, boolean>();
  for (const { timestamp, message } of events) {
    const minute = timestamp - (timestamp % MINUTE_MS);
    const fields = pattern.match(message);
    minutes.set(minute, fields !== undefined || minutes.get(minute) === true);
    if (fields !== undefined)
      for (const transformation of filter.transformations) {
        const value = valueOf(transformation.value, fields);
        const dimensions = dimensionsOf(transformation, fields);
        if (value !== undefined && dimensions !== undefined)
          points.push(pointOf(filter, transformation, { at: timestamp, value, dimensions }));
      }
    await slices.rest();
  }
  for (const [at, isMatched] of minutes)
    for (const transformation of isMatched ? [] : filter.transformations)
      if (transformation.defaultValue !== undefined)
        points.push(
          pointOf(filter, transformation, { at, value: transformation.defaultValue, dimensions: {} }),
        );
  return points;
}

function valueOf(given: string, fields: (selector: string) => string | undefined): number | undefined {
  const text = given.startsWith("$") ? fields(given) : given;
  const value = text === undefined || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * The dimensions of an event; undefined where it lacks one.
 * Source: CloudWatch Logs User Guide, "Publishing dimensions".
 */
function dimensionsOf(
  { dimensions }: MetricTransformationRecord,
  fields: (selector: string) => string | undefined,
): Readonly<Record<string, string>> | undefined {
  const entries = Object.entries(dimensions ?? {}).map(([name, selector]) => [
    name,
    fields(selector)?.slice(0, 1024),
  ]);
  if (entries.some(([, value]) => value === undefined || value === "")) return undefined;
  return Object.fromEntries(entries.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1))) as Record<
    string,
    string
  >; // No value is undefined.
}

function pointOf(
  { account, region }: MetricFilterRecord,
  { namespace, name, unit = "None" }: MetricTransformationRecord,
  { at, value, dimensions }: { at: number; value: number; dimensions: Readonly<Record<string, string>> },
): MetricPoint {
  return {
    metric: { account, region, namespace, name, dimensions },
    unit,
    at,
    highResolution: false,
    sample: { count: 1, sum: value, min: value, max: value, values: undefined },
  };
}
