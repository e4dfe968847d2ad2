import { keyOf, type ArrivalListener, type MetricRead, type MetricValues } from "@gantry/content";
import { Controller, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import {
  changeAlarmState,
  MemoryStore,
  type AlarmRecord,
  type AlarmState,
  type CompositeAlarmSpec,
  type MetricAlarmSpec,
} from "@gantry/state";
import { afterEach, describe, expect, it } from "vitest";
import { alarmController } from "./alarm-controller.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const arnOf = (name: string) => `arn:aws:cloudwatch:r:0:alarm:${name}`;
const controllers: Controller[] = [];
afterEach(async () => {
  for (const controller of controllers.splice(0)) await controller.stop();
});

/** Alarms over one metric, whose value of each minute a test sets. */
function newWorld() {
  const clock = new VirtualClock(START + 30_000);
  const store = new MemoryStore();
  const values = new Map<number, number>();
  const done: string[] = [];
  const listeners = new Set<ArrivalListener>();
  const watch = (listener: ArrivalListener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const read = async (reads: readonly MetricRead[]): Promise<MetricValues[][]> =>
    reads.map(({ from, until }) => {
      const known = [...values].filter(([at]) => at >= from && at < until);
      const timestamps = Float64Array.from(known, ([at]) => at);
      const list = Float64Array.from(known, ([, value]) => value);
      return [{ unit: undefined, timestamps, values: [list, list] }];
    });
  const controller = new Controller(
    alarmController({
      store,
      clock,
      ids: seededIds(1),
      log: silentLogger,
      metrics: { read, watch },
      actionOf: (arn) => {
        if (arn.includes("nobody")) return undefined;
        return async ({ name }) => {
          if (arn.includes("broken")) throw new Error("The topic is full.");
          done.push(`${arn} for ${name}`);
        };
      },
    }),
    { clock, log: silentLogger },
  );
  controllers.push(controller);
  controller.start();
  const put = (name: string, spec: AlarmRecord["spec"], more: Partial<AlarmRecord> = {}) =>
    store.transact((tx) =>
      tx.put("alarm", arnOf(name), {
        arn: arnOf(name),
        name,
        account: "0",
        region: "r",
        description: undefined,
        spec,
        actionsEnabled: true,
        okActions: [],
        alarmActions: [],
        insufficientDataActions: [],
        stateValue: "OK",
        stateReason: "",
        stateReasonData: undefined,
        stateUpdatedAt: START - MINUTE,
        stateTransitionedAt: START - MINUTE,
        evaluationState: undefined,
        configurationUpdatedAt: START,
        pendingActions: [],
        suppression: undefined,
        tags: {},
        ...more,
      }),
    );
  const alarm = (name = "a") => store.get("alarm", arnOf(name)) ?? expect.fail("is there");
  return {
    clock,
    store,
    done,
    put,
    alarm,
    state: (name?: string) => alarm(name).stateValue,
    /** Sets the values of the minutes from the start on. */
    measure: (...list: (number | undefined)[]) => {
      for (const [index, value] of list.entries())
        if (value !== undefined) values.set(START + index * MINUTE, value);
    },
    /** Sets the value of a minute, and tells that it has arrived. */
    arrive: (index: number, value: number, name = "M") => {
      const at = START + index * MINUTE;
      values.set(at, value);
      const key = keyOf({ account: "0", region: "r", namespace: "N", name, dimensions: {} });
      for (const listener of listeners) listener(new Map([[key, [at, at]]]));
    },
    set: (name: string, value: AlarmState) =>
      store.transact((tx) =>
        changeAlarmState(tx, alarm(name), { value, reason: "by hand", data: undefined }, clock.now()),
      ),
    history: (itemType: string) =>
      store
        .list("alarmHistory")
        .filter((line) => line.itemType === itemType)
        .map((line) => line.summary),
  };
}

const spec = (more: Partial<MetricAlarmSpec> = {}): MetricAlarmSpec => ({
  type: "metric",
  source: {
    type: "metric",
    stat: {
      namespace: "N",
      metricName: "M",
      dimensions: {},
      statistic: "Average",
      period: 60,
      unit: undefined,
    },
  },
  evaluationPeriods: 1,
  datapointsToAlarm: undefined,
  threshold: 10,
  comparison: "GreaterThanThreshold",
  treatMissingData: undefined,
  evaluateLowSampleCountPercentile: undefined,
  ...more,
});

describe("a metric alarm", () => {
  it("is in ALARM within two seconds after the end of the breaching period", async () => {
    const { clock, put, measure, state, alarm } = newWorld();
    put("a", spec());
    measure(5, 20);
    await clock.advance(32_000); // Two seconds after the first minute.
    expect(state()).toBe("OK");
    await clock.advance(57_000);
    expect(state()).toBe("OK");
    await clock.advance(3_000); // Two seconds after the second.
    expect(state()).toBe("ALARM");
    expect(alarm().stateReason).toBe(
      "Threshold Crossed: 1 out of the last 1 datapoints [20.0 (01/01/26 00:01:00)] was greater than " +
        "the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
    );
    expect(JSON.parse(alarm().stateReasonData ?? "")).toMatchObject({
      statistic: "Average",
      period: 60,
      recentDatapoints: [20],
      threshold: 10,
    });
  });

  it("counts data that arrives a few seconds late", async () => {
    const { clock, put, arrive, state } = newWorld();
    put("a", spec());
    await clock.advance(33_000);
    expect(state()).toBe("INSUFFICIENT_DATA");
    arrive(0, 20);
    await clock.advance(1);
    expect(state()).toBe("ALARM");
  });

  it("is evaluated when data of the ended period arrives, and not by data of other periods or metrics", async () => {
    const { clock, put, arrive, measure, state } = newWorld();
    put("a", spec());
    measure(5, 20);
    await clock.advance(90_100); // A tenth of a second after the second minute.
    arrive(2, 20);
    arrive(1, 20, "Other");
    await clock.advance(1);
    expect(state()).toBe("OK");
    arrive(1, 20);
    await clock.advance(1);
    expect(state()).toBe("ALARM");
  });

  it("is evaluated by the metrics that it reads since it was changed", async () => {
    const { clock, put, arrive, measure, state } = newWorld();
    put("a", spec());
    measure(5);
    await clock.advance(32_000);
    const { source } = spec();
    if (source.type === "metric")
      put("a", spec({ source: { ...source, stat: { ...source.stat, metricName: "New" } } }));
    await clock.advance(58_100);
    arrive(1, 20);
    await clock.advance(1);
    expect(state()).toBe("OK");
    arrive(1, 20, "New");
    await clock.advance(1);
    expect(state()).toBe("ALARM");
  });

  it("needs M of N", async () => {
    const { clock, put, measure, state } = newWorld();
    put("a", spec({ evaluationPeriods: 3, datapointsToAlarm: 2 }));
    measure(20, 5, 5, 20, 5, 20);
    await clock.advance(5 * MINUTE - 28_000);
    expect(state()).toBe("OK");
    await clock.advance(MINUTE);
    expect(state()).toBe("ALARM");
  });

  it("is in INSUFFICIENT_DATA without data", async () => {
    const { clock, put, state, alarm } = newWorld();
    put("a", spec());
    await clock.advance(MINUTE);
    expect(state()).toBe("INSUFFICIENT_DATA");
    expect(alarm().stateReason).toBe("Insufficient Data: 1 datapoint was unknown.");
  });

  it("keeps a state that was set by hand until the next period has ended", async () => {
    const { clock, put, measure, state, set } = newWorld();
    put("a", spec());
    measure(5, 5, 5);
    await clock.advance(33_000);
    set("a", "ALARM");
    await clock.advance(50_000);
    expect(state()).toBe("ALARM");
    await clock.advance(MINUTE);
    expect(state()).toBe("OK");
  });

  it("watches an expression, and reports that it cannot be evaluated", async () => {
    const { clock, put, measure, state, alarm } = newWorld();
    const { stat } = spec().source as Extract<MetricAlarmSpec["source"], { type: "metric" }>; // As it is made above.
    const queries = (expression: string) =>
      spec({
        source: {
          type: "queries",
          queries: [
            { id: "m", source: { type: "metric", stat }, label: undefined, returnData: false },
            {
              id: "e",
              source: { type: "expression", expression, period: undefined },
              label: undefined,
              returnData: true,
            },
          ],
        },
      });
    put("a", queries("FILL(m, 0) * 3"));
    put("b", queries("SUM(m)"));
    measure(5);
    await clock.advance(33_000);
    expect(state()).toBe("ALARM");
    expect(alarm("b")).toMatchObject({
      evaluationState: "EVALUATION_ERROR",
      stateValue: "INSUFFICIENT_DATA",
    });
  });
});

describe("the actions of a transition", () => {
  it("are executed once, and recorded with their results", async () => {
    const { clock, put, set, done, history } = newWorld();
    put("a", spec(), { alarmActions: ["arn:topic", "arn:broken", "arn:nobody"] });
    set("a", "ALARM");
    await clock.advance(1_000);
    expect(done).toEqual(["arn:topic for a"]);
    expect(history("Action")).toEqual([
      "Successfully executed action arn:topic",
      'Failed to execute action arn:broken. Received error: "The topic is full."',
      'Failed to execute action arn:nobody. Received error: "Resource not found"',
    ]);
    await clock.advance(10_000);
    expect(done).toHaveLength(1);
  });
});

describe("a composite alarm", () => {
  const composite = (rule: string, suppressor?: CompositeAlarmSpec["suppressor"]): CompositeAlarmSpec => ({
    type: "composite",
    rule,
    suppressor,
  });

  /** Keeps the state that a test gives it. */
  const quiet = spec({ treatMissingData: "ignore" });

  it("follows the states of others", async () => {
    const { clock, put, set, state } = newWorld();
    put("a", quiet);
    put("b", quiet);
    put("both", composite('ALARM("a") AND NOT OK(b)'));
    set("a", "ALARM");
    await clock.advance(100);
    expect(state("both")).toBe("OK");
    set("b", "INSUFFICIENT_DATA");
    await clock.advance(100);
    expect(state("both")).toBe("ALARM");
    set("a", "OK");
    await clock.advance(100);
    expect(state("both")).toBe("OK");
  });

  const suppressed = composite("ALARM(a)", { alarm: "s", waitPeriod: 10, extensionPeriod: 20 });

  it("waits for its suppressor before it acts", async () => {
    const { clock, put, set, done, alarm } = newWorld();
    put("a", quiet);
    put("s", quiet);
    put("c", suppressed, { alarmActions: ["arn:topic"] });
    set("a", "ALARM");
    await clock.advance(9_000);
    expect(alarm("c").suppression?.by).toBe("WaitPeriod");
    expect(done).toEqual([]);
    await clock.advance(2_000);
    expect(done).toEqual(["arn:topic for c"]);
    expect(alarm("c").suppression).toBeUndefined();
  });

  it("does not act while its suppressor is in ALARM, nor in the extension period after", async () => {
    const { clock, put, set, done, alarm } = newWorld();
    put("a", quiet);
    put("s", quiet);
    put("c", suppressed, { alarmActions: ["arn:topic"] });
    set("s", "ALARM");
    set("a", "ALARM");
    await clock.advance(15_000);
    expect([alarm("c").suppression?.by, done]).toEqual(["Alarm", []]);
    set("s", "OK");
    await clock.advance(14_000);
    expect([alarm("c").suppression?.by, done]).toEqual(["ExtensionPeriod", []]);
    set("a", "ALARM");
    await clock.advance(7_000);
    expect(done).toEqual(["arn:topic for c"]);
  });
});
