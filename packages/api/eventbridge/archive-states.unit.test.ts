import * as sdk from "@aws-sdk/client-eventbridge";
import type { EventReplayRecord } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.EventBridgeClient(api.client());
const BUS = "arn:aws:events:eu-south-1:000000000000:event-bus/default";
const ArchiveName = "all";

/** Replays by the state that they are in. */
const REPLAYS: readonly EventReplayRecord["state"][] = [
  "CANCELLED",
  "CANCELLING",
  "COMPLETED",
  "FAILED",
  "RUNNING",
  "STARTING",
];

beforeAll(async () => {
  const { ArchiveArn } = await client.send(
    new sdk.CreateArchiveCommand({ ArchiveName, EventSourceArn: BUS }),
  );
  for (const state of REPLAYS) {
    const { ReplayArn = "" } = await client.send(
      new sdk.StartReplayCommand({
        ...{ ReplayName: `replay-${state}`, EventSourceArn: ArchiveArn, Destination: { Arn: BUS } },
        ...{ EventStartTime: new Date(0), EventEndTime: new Date(1_000) },
      }),
    );
    // No replay controller runs here.
    api.store.transact((tx) => {
      const replay = tx.get("eventReplay", ReplayArn) ?? expect.fail("It was started.");
      tx.put("eventReplay", ReplayArn, { ...replay, state });
    });
  }
});

const archives = async (State: sdk.ArchiveState) => {
  const { Archives = [] } = await client.send(new sdk.ListArchivesCommand({ State }));
  return Archives.map((each) => [each.ArchiveName, each.State]);
};

it("an archive is listed as enabled", async () => {
  expect(await archives("ENABLED")).toEqual([[ArchiveName, "ENABLED"]]);
});

it.each(["CREATE_FAILED", "CREATING", "DISABLED", "UPDATE_FAILED", "UPDATING"] as const)(
  "no archive is listed as %s",
  async (State) => {
    expect(await archives(State)).toEqual([]);
  },
);

it.each(REPLAYS)("replays are listed that are %s", async (State) => {
  const { Replays = [] } = await client.send(new sdk.ListReplaysCommand({ State }));
  expect(Replays.map((each) => [each.ReplayName, each.State])).toEqual([[`replay-${State}`, State]]);
});
