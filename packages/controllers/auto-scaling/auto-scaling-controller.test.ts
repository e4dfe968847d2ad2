import type { MetricRead, MetricValues } from "@gantry/content";
import { Controller, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import {
  changeAlarmState,
  MemoryStore,
  scalableTargetArnOf,
  type AlarmRecord,
  type AlarmState,
  type ScalableTargetRecord,
  type ScalingPolicyRecord,
  type ServiceDeploymentRecord,
  type ServiceRecord,
} from "@gantry/state";
import { afterEach, describe, expect, it } from "vitest";
import { autoScalingController, scalingPolicyAction } from "./auto-scaling-controller.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const PLACE = { account: "0", region: "r" };
const RESOURCE = "service/shop/web";
const SERVICE = `arn:aws:ecs:r:0:${RESOURCE}`;
const TARGET = scalableTargetArnOf(PLACE, RESOURCE);
const POLICY = "arn:aws:autoscaling:r:0:scalingPolicy:1:resource/ecs/service/shop/web:policyName/cpu";
const alarmArn = (name: string, account = "0") => `arn:aws:cloudwatch:r:${account}:alarm:${name}`;
const stat = {
  namespace: "N",
  metricName: "M",
  dimensions: {},
  statistic: "Average",
  period: 60,
  unit: undefined,
};

const started: Controller[] = [];
afterEach(async () => {
  for (const controller of started.splice(0)) await controller.stop();
});

/** A service of two tasks between two and ten, with a tracking policy at 50 and its two alarms. */
function newWorld(more: { target?: Partial<ScalableTargetRecord>; startAt?: number } = {}) {
  const clock = new VirtualClock(more.startAt ?? START + 30_000);
  const store = new MemoryStore();
  const ids = seededIds(1);
  let measured = 100;
  const read = async (reads: readonly MetricRead[]): Promise<MetricValues[][]> =>
    reads.map(({ from, until }) => {
      const timestamps: number[] = [];
      for (let at = from; at < until; at += MINUTE) timestamps.push(at);
      const values = Float64Array.from(timestamps, () => measured);
      return [{ unit: undefined, timestamps: Float64Array.from(timestamps), values: [values, values] }];
    });
  const start = (): Controller => {
    const controller = new Controller(
      autoScalingController({ store, clock, ids, log: silentLogger, metrics: { read } }),
      { clock, log: silentLogger },
    );
    started.push(controller);
    controller.start();
    return controller;
  };
  const putAlarm = (name: string, threshold: number, account = "0", action = POLICY): void =>
    store.transact((tx) =>
      tx.put("alarm", alarmArn(name, account), {
        ...PLACE,
        account,
        arn: alarmArn(name, account),
        name,
        description: undefined,
        spec: {
          type: "metric",
          source: { type: "metric", stat },
          evaluationPeriods: 3,
          datapointsToAlarm: undefined,
          threshold,
          comparison: threshold >= 50 ? "GreaterThanThreshold" : "LessThanThreshold",
          treatMissingData: undefined,
          evaluateLowSampleCountPercentile: undefined,
        },
        actionsEnabled: true,
        okActions: [],
        alarmActions: [action],
        insufficientDataActions: [],
        stateValue: "OK",
        stateReason: "",
        stateReasonData: undefined,
        stateUpdatedAt: START,
        stateTransitionedAt: START,
        evaluationState: undefined,
        configurationUpdatedAt: START,
        pendingActions: [],
        suppression: undefined,
        tags: {},
      } satisfies AlarmRecord),
    );
  store.transact((tx) => {
    const spec = { desiredCount: 2 };
    const service = {
      ...PLACE,
      arn: SERVICE,
      clusterArn: "c",
      name: "web",
      status: "ACTIVE",
      spec,
      createdAt: 0,
      tags: {},
    };
    tx.put("service", SERVICE, service as unknown as ServiceRecord); // The controller reads these members alone.
    tx.put("scalableTarget", TARGET, {
      ...PLACE,
      arn: TARGET,
      resourceId: RESOURCE,
      serviceArn: SERVICE,
      minCapacity: 2,
      maxCapacity: 10,
      suspended: { scaleIn: false, scaleOut: false, scheduled: false },
      isRangeNew: true,
      cooldown: undefined,
      createdAt: START,
      tags: {},
      ...more.target,
    });
    tx.put("scalingPolicy", POLICY, {
      ...PLACE,
      arn: POLICY,
      name: "cpu",
      targetArn: TARGET,
      spec: {
        type: "targetTracking",
        targetValue: 50,
        metric: {
          type: "predefined",
          metricType: "ECSServiceAverageCPUUtilization",
          resourceLabel: undefined,
        },
        source: { type: "metric", stat },
        scaleOutCooldown: 60,
        scaleInCooldown: 120,
        disableScaleIn: undefined,
      },
      alarms: { high: alarmArn("high"), low: alarmArn("low") },
      decidedAt: undefined,
      createdAt: START,
    } satisfies ScalingPolicyRecord);
  });
  putAlarm("high", 50);
  putAlarm("low", 45);
  return {
    clock,
    store,
    start,
    putAlarm,
    measure: (value: number) => (measured = value),
    set: (name: string, value: AlarmState, account?: string) =>
      store.transact((tx) => {
        const alarm = tx.get("alarm", alarmArn(name, account)) ?? expect.fail("is there");
        changeAlarmState(tx, alarm, { value, reason: "", data: undefined }, clock.now());
      }),
    desired: () => store.get("service", SERVICE)?.spec.desiredCount,
    setDesired: (desiredCount: number) =>
      store.transact((tx) => {
        const service = tx.get("service", SERVICE) ?? expect.fail("is there");
        tx.put("service", SERVICE, { ...service, spec: { ...service.spec, desiredCount } });
      }),
    minimum: () => store.get("scalableTarget", TARGET)?.minCapacity,
    setMinimum: (minCapacity: number) =>
      store.transact((tx) => {
        const target = tx.get("scalableTarget", TARGET) ?? expect.fail("is there");
        tx.put("scalableTarget", TARGET, { ...target, minCapacity });
      }),
    /** Begins a deployment of the service. Returns what ends it. */
    beginDeployment() {
      const put = (status: ServiceDeploymentRecord["status"]): void =>
        store.transact((tx) => {
          const deployment = { ...PLACE, arn: "d", serviceArn: SERVICE, status };
          tx.put("serviceDeployment", "d", deployment as ServiceDeploymentRecord); // The controller reads these alone.
        });
      put("IN_PROGRESS");
      return () => put("SUCCESSFUL");
    },
    causes: () => store.list("scalingActivity").map(({ cause, statusCode }) => `${statusCode}: ${cause}`),
    schedule: (schedule: string, minCapacity: number, timezone?: string) =>
      store.transact((tx) =>
        tx.put("scheduledAction", "night", {
          ...PLACE,
          arn: "night",
          name: "night",
          targetArn: TARGET,
          schedule,
          timezone,
          startAt: undefined,
          endAt: undefined,
          minCapacity,
          maxCapacity: undefined,
          createdAt: clock.now(),
          handledUntil: clock.now(),
        }),
      ),
  };
}

const HIGH = "monitor alarm high in state ALARM triggered policy cpu";
const LOW = "monitor alarm low in state ALARM triggered policy cpu";

describe("the auto-scaling controller", () => {
  it("scales out on an alarm, again while it stays, and in when the load ends", async () => {
    const world = newWorld();
    world.start();
    await world.clock.advance(1_000);
    world.set("high", "ALARM");
    await world.clock.advance(1_000);
    expect(world.desired()).toBe(4);
    await world.clock.advance(MINUTE);
    expect(world.desired()).toBe(8);
    world.measure(5);
    world.set("high", "OK");
    world.set("low", "ALARM");
    await world.clock.advance(2 * MINUTE);
    expect(world.desired()).toBe(2);
    expect(world.causes()).toEqual([`Overridden: ${HIGH}`, `Overridden: ${HIGH}`, `InProgress: ${LOW}`]);
  });

  it("executes a policy after a crash between the alarm's transition and its action", async () => {
    const world = newWorld();
    const before = world.start();
    await world.clock.advance(1_000);
    await before.stop(); // Killed here: nobody hears of the alarm.
    world.set("high", "ALARM");
    world.store.transact((tx) => {
      const alarm = tx.get("alarm", alarmArn("high")) ?? expect.fail("is there");
      tx.put("alarm", alarm.arn, { ...alarm, pendingActions: [] }); // The alarm controller had taken its actions.
    });
    world.start();
    await world.clock.advance(1_000);
    expect(world.desired()).toBe(4);
    await world.clock.advance(10_000);
    expect(world.causes()).toEqual([`InProgress: ${HIGH}`]);
  });

  it("changes capacity once for an alarm, however often it is started", async () => {
    const world = newWorld();
    world.set("high", "ALARM");
    for (let count = 0; count < 5; count += 1) {
      const controller = world.start();
      await world.clock.advance(5_000);
      await controller.stop();
    }
    expect(world.desired()).toBe(4);
    expect(world.causes()).toHaveLength(1);
  });

  it("enforces bounds once they change, and leaves a count that a caller sets later", async () => {
    const world = newWorld({ target: { minCapacity: 3 } });
    world.start();
    await world.clock.advance(1_000);
    expect(world.desired()).toBe(3);
    expect(world.causes()).toEqual(["InProgress: minimum capacity was set to 3"]);
    world.store.transact((tx) => {
      const service = tx.get("service", SERVICE) ?? expect.fail("is there");
      tx.put("service", SERVICE, { ...service, spec: { ...service.spec, desiredCount: 0 } });
    });
    await world.clock.advance(5 * MINUTE);
    expect(world.desired()).toBe(0);
  });

  it("runs a scheduled action at its time, or once after a downtime", async () => {
    const world = newWorld();
    const controller = world.start();
    world.schedule("rate(1 hour)", 5);
    await world.clock.advance(59 * MINUTE);
    expect(world.desired()).toBe(2);
    await controller.stop();
    await world.clock.advance(5 * 60 * MINUTE);
    world.start();
    await world.clock.advance(1_000);
    expect(world.desired()).toBe(5);
    expect(world.causes()).toEqual([
      "Successful: scheduled action name night was triggered",
      "InProgress: minimum capacity was set to 5",
    ]);
  });

  // Berlin's clocks change on 29 March at 1:00 UTC: eight o'clock is at 7:00 UTC the day before, and at 6:00 UTC then.
  it("runs a scheduled action at its hour of its time zone, also after the clocks have changed", async () => {
    const world = newWorld({ startAt: Date.UTC(2026, 2, 28, 6, 58) });
    world.start();
    world.schedule("cron(0 8 * * ? *)", 5, "Europe/Berlin");
    await world.clock.advance(MINUTE);
    expect(world.minimum()).toBe(2);
    await world.clock.advance(2 * MINUTE);
    expect([world.minimum(), world.desired()]).toEqual([5, 5]);
    world.setMinimum(2);
    await world.clock.advance(22 * 60 * MINUTE);
    await world.clock.advance(58 * MINUTE);
    expect(world.minimum()).toBe(2);
    await world.clock.advance(2 * MINUTE);
    expect(world.minimum()).toBe(5);
  });

  it("runs a scheduled action once at its moment of its time zone", async () => {
    const world = newWorld({ startAt: Date.UTC(2026, 2, 28, 6, 58) });
    world.start();
    world.schedule("at(2026-03-28T08:00:00)", 5, "Europe/Berlin");
    await world.clock.advance(MINUTE);
    expect(world.minimum()).toBe(2);
    await world.clock.advance(2 * MINUTE);
    expect(world.minimum()).toBe(5);
    world.setMinimum(2);
    await world.clock.advance(25 * 60 * MINUTE);
    expect(world.minimum()).toBe(2);
  });

  it("keeps capacity during a deployment, and takes it away once the deployment has ended", async () => {
    const world = newWorld();
    world.start();
    world.setDesired(6);
    world.measure(5);
    const end = world.beginDeployment();
    world.set("low", "ALARM");
    await world.clock.advance(5 * MINUTE);
    expect(world.desired()).toBe(6);
    end();
    await world.clock.advance(2 * MINUTE);
    expect(world.desired()).toBe(2);
  });

  it("reports once for each alarm that the capacity is at its bound", async () => {
    const world = newWorld({ target: { maxCapacity: 2 } });
    world.start();
    world.set("high", "ALARM");
    await world.clock.advance(10 * MINUTE);
    expect(world.desired()).toBe(2);
    expect(world.store.list("scalingActivity").map(({ notScaled }) => notScaled?.code)).toEqual([
      "AlreadyAtMaxCapacity",
    ]);
  });

  it("removes its records with the service", async () => {
    const world = newWorld();
    world.start();
    world.store.transact((tx) => tx.delete("service", SERVICE));
    await world.clock.advance(3 * MINUTE);
    expect(world.store.keys("scalableTarget")).toEqual([]);
    expect(world.store.keys("scalingPolicy")).toEqual([]);
    expect(world.store.keys("alarm")).toEqual([]);
  });

  // An alarm of another account names a step policy. Before: with the alarms of all accounts listed, it
  // scaled the service.
  it("does nothing for an alarm of another account", async () => {
    const world = newWorld();
    world.store.transact((tx) => {
      const policy = tx.get("scalingPolicy", POLICY) ?? expect.fail("is there");
      const steps = [{ lower: 0, upper: undefined, adjustment: 1 }];
      const common = { minAdjustmentMagnitude: undefined, cooldown: 0, aggregation: undefined };
      const spec = { type: "step", adjustmentType: "ChangeInCapacity", steps, ...common } as const;
      tx.put("scalingPolicy", POLICY, { ...policy, spec, alarms: undefined });
    });
    world.start();
    world.putAlarm("foreign", 50, "1");
    world.set("foreign", "ALARM", "1");
    await world.clock.advance(3 * MINUTE);
    expect(world.desired()).toBe(2);
    const action = scalingPolicyAction(world.store, POLICY) ?? expect.fail("is there");
    const foreign = world.store.get("alarm", alarmArn("foreign", "1")) ?? expect.fail("is there");
    await expect(action(foreign)).rejects.toThrow("Resource not found");
    expect(scalingPolicyAction(world.store, `${POLICY}-of-nobody`)).toBeUndefined();
  });
});
