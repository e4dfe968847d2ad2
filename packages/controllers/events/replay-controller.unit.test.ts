import { randomIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { expect, it } from "vitest";
import { replayController } from "./replay-controller.ts";

const place = { account: "000000000000", region: "eu-south-1" };
const arnOf = (path: string) => `arn:aws:events:${place.region}:${place.account}:${path}`;
const [BUS, ARCHIVE, REPLAY] = [arnOf("event-bus/default"), arnOf("archive/a"), arnOf("replay/r")];
const target = {
  ...{ id: "t", arn: "arn:aws:logs:eu-south-1:000000000000:log-group:g", roleArn: undefined },
  ...{ runTask: undefined, putEvents: undefined, parameters: {}, retry: { attempts: 1, ageSeconds: 60 } },
};
const EVENTS = Array.from({ length: 105 }, (_, index) => ({
  timestamp: 1_000 + Math.floor(index / 7), // Several events have the same time.
  id: index,
  message: JSON.stringify({ source: "s", time: "2026-01-01T00:00:00Z", detail: { index } }),
}));

/** A store with an archive, its bus's rule and a replay that begins. */
function newStore(): MemoryStore {
  const store = new MemoryStore();
  store.transact((tx) => {
    const names = { name: "a", busArn: BUS, busName: "default", description: undefined };
    tx.put("eventArchive", ARCHIVE, {
      ...{ ...place, ...names, arn: ARCHIVE, pattern: undefined, retentionDays: 0, createdAt: 0 },
      contentGroup: "c",
    });
    tx.put("eventRule", arnOf("rule/x"), {
      ...{ ...place, ...names, arn: arnOf("rule/x"), pattern: '{"source":["s"]}', schedule: undefined },
      ...{ enabled: true, roleArn: undefined, targets: [target], tags: {}, createdAt: 0, nextAt: undefined },
    });
    tx.put("eventReplay", REPLAY, {
      ...{ ...place, arn: REPLAY, name: "r", description: undefined, archiveArn: ARCHIVE, busArn: BUS },
      ...{ filterArns: [], from: 0, until: Date.UTC(2027, 0), startedAt: 0, state: "STARTING" },
    });
  });
  return store;
}

it("a replay that is killed after each of its steps, or within one, puts every event once", async () => {
  const store = newStore();
  const clock = new VirtualClock(0);
  let isKilled = false;
  for (let step = 0; store.get("eventReplay", REPLAY)?.endedAt === undefined; step += 1) {
    expect(step).toBeLessThan(100);
    isKilled = step % 2 === 1;
    // Each step is another process on the same store.
    const controller = replayController({
      ...{ store, clock, ids: randomIds(), log: silentLogger },
      archivedEvents(_group, after, limit) {
        if (isKilled && step % 4 === 1) throw new Error("killed");
        const rest = EVENTS.filter(
          ({ timestamp, id }) =>
            after === undefined ||
            timestamp > after.timestamp ||
            (timestamp === after.timestamp && id > after.id),
        );
        return rest.slice(0, limit);
      },
    });
    await controller.reconcile(REPLAY).catch(() => undefined);
  }
  const seen = store.list("eventDelivery").map(({ payload }) => {
    const { detail, "replay-name": name } = JSON.parse(payload) as Record<string, unknown>;
    return [(detail as { index: number }).index, name] as const; // As above.
  });
  expect(seen.toSorted(([one], [other]) => one - other)).toEqual(EVENTS.map(({ id }) => [id, "r"]));
  expect(store.get("eventReplay", REPLAY)?.state).toBe("COMPLETED");
});

it("a replay is shown for 90 days after its end", async () => {
  const store = newStore();
  const clock = new VirtualClock(0);
  const deps = { store, clock, ids: randomIds(), log: silentLogger };
  const controller = replayController({ ...deps, archivedEvents: () => [] });
  await controller.reconcile(REPLAY);
  const waitMs = await controller.reconcile(REPLAY);
  expect(waitMs).toBe(90 * 86_400_000);
  await clock.advance(waitMs ?? 0);
  await controller.reconcile(REPLAY);
  expect(store.get("eventReplay", REPLAY)).toBeUndefined();
});
