import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogStore } from "@gantry/content";
import { subscriptionController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { expect, it } from "vitest";

const REGION = "eu-south-1";
const [ATTACKER, BYSTANDER] = ["111111111111", "000000000000"];

// Functions that do not answer, for filters of one account. Before: 32 of them kept the events of all accounts
// for the 30 s of each call, again and again.
it("events are sent on while functions of another account do not answer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-slow-subscriptions-"));
  const logs = new LogStore(join(folder, "logs.db"));
  const store = new MemoryStore();
  const clock = new SystemClock();
  const subscribe = (account: string, name: string) => {
    const groupArn = `arn:aws:logs:${REGION}:${account}:log-group:/${name}`;
    store.transact((tx) =>
      tx.put("subscriptionFilter", `${groupArn}#f`, {
        ...{ account, region: REGION, groupArn, name: "f", pattern: "" },
        ...{ roleArn: undefined, distribution: undefined, createdAt: 0, afterEventId: 0 },
        destinationArn: `arn:aws:lambda:${REGION}:${account}:function:f`,
      }),
    );
    logs.append(groupArn, "s", [{ timestamp: clock.now(), message: "m" }], clock.now());
  };
  for (let index = 0; index < 120; index += 1) subscribe(ATTACKER, `slow-${index}`);
  const slow = Promise.withResolvers<undefined>();
  const called: string[] = [];
  const controller = new Controller(
    subscriptionController({
      ...{ store, clock, ids: randomIds(), log: silentLogger, logs },
      callFunction(functionArn) {
        called.push(functionArn);
        return functionArn.includes(ATTACKER) ? slow.promise : Promise.resolve(undefined);
      },
    }),
    { clock, log: silentLogger },
  );
  const callsOf = (account: string) => called.filter((arn) => arn.includes(account)).length;
  controller.start();
  await expect.poll(() => callsOf(ATTACKER)).toBeGreaterThanOrEqual(32);
  subscribe(BYSTANDER, "quick");
  await expect.poll(() => callsOf(BYSTANDER)).toBe(1);
  // One account has a share of the calls.
  expect(callsOf(ATTACKER)).toBeLessThanOrEqual(100);
  slow.resolve(undefined);
  await expect.poll(() => callsOf(ATTACKER)).toBe(120);
  await controller.stop();
  logs.close();
  rmSync(folder, { recursive: true });
});
