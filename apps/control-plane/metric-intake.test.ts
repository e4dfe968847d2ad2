import type { Reader } from "@gantry/state";
import { expect, it } from "vitest";
import { metricIntake } from "./metric-intake.ts";

const store = {
  list: () => [],
  listBy: (_kind: string, _index: string, id: string) => [
    { arn: `a/${id}`, clusterArn: "a/main", overrides: {} },
  ],
  get: () => undefined,
} as unknown as Reader; // Tasks without a definition.
const sample = (id: number) => ({
  pod: `pod/${id}`,
  from: 0,
  until: 20_000,
  cpuSeconds: 1,
  memoryBytes: 1,
});

it("adds batches in the order of their numbers, and goes on after one that fails", async () => {
  const added: number[] = [];
  const take = metricIntake({
    store,
    metrics: {
      add: async (_points, batch) => {
        if (batch?.sequence === 2) throw new Error("The disk is full.");
        added.push(batch?.sequence ?? 0);
        return true;
      },
    },
  });
  // The first is long, and computed in several parts.
  const batches = [100, 1, 1].map((size, index) =>
    take("n1", {
      type: "metrics",
      session: "s",
      sequence: index + 1,
      usage: Array.from({ length: size }, (_, id) => sample(id)),
    }),
  );
  expect((await Promise.allSettled(batches)).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
  expect(added).toEqual([1, 3]);
});
