import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogStore } from "@gantry/content";
import { Controller, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { expect, it } from "vitest";
import { retentionController } from "./retention-controller.ts";

const HOUR = 3_600_000;

it("drops events once they are older than their group's retention, and keeps those of groups without", async () => {
  // Nothing here waits for files or sockets.
  const clock = new VirtualClock(1_700_000_000_000, 1);
  const store = new MemoryStore();
  const logs = new LogStore(join(mkdtempSync(join(tmpdir(), "gantry-logs-")), "logs.db"));
  const group = (name: string, retentionDays: number | undefined) =>
    store.transact((tx) =>
      tx.put("logGroup", name, {
        arn: name,
        name,
        account: "0",
        region: "r",
        createdAt: 0,
        retentionDays,
        tags: {},
      }),
    );
  const count = (name: string) =>
    logs.events(name, {
      streams: undefined,
      from: 0,
      until: Number.MAX_SAFE_INTEGER,
      order: "ascending",
      after: undefined,
      limit: 10,
    }).length;
  for (const name of ["short", "forever"])
    logs.append(name, "s", [{ timestamp: clock.now(), message: "a line" }], clock.now());
  group("short", 1);
  group("forever", undefined);
  const ids = seededIds(1);
  const controller = new Controller(
    retentionController({
      store,
      clock,
      ids,
      log: silentLogger,
      expireLogs: (name, before) => logs.expire(name, before),
    }),
    {
      clock,
      log: silentLogger,
    },
  );
  controller.start();
  await clock.advance(23 * HOUR);
  expect([count("short"), count("forever")]).toEqual([1, 1]);
  await clock.advance(2 * HOUR);
  expect([count("short"), count("forever")]).toEqual([0, 1]);
  await controller.stop();
  logs.close();
});
