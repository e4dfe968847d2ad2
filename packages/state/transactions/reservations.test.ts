import { describe, expect, it } from "vitest";
import type { TaskDefinitionRecord, TaskRecord } from "../records.ts";
import { reservationOf, shortageOf } from "./reservations.ts";

type Spec = TaskDefinitionRecord["spec"];
const spec = (size: Partial<Spec>, containers: readonly object[]) =>
  ({ cpu: undefined, memoryMiB: undefined, ...size, containers }) as unknown as Spec; // What is counted.
const overrides = (given: object = {}) =>
  // As above.
  ({ containers: [], cpu: undefined, memoryMiB: undefined, ...given }) as unknown as TaskRecord["overrides"];

describe("what a task reserves", () => {
  const two = [
    { name: "a", cpu: 128, memoryMiB: 300, memoryReservationMiB: 200 },
    { name: "b", cpu: 64, memoryMiB: 100 },
  ];
  it.each<[string, Spec, TaskRecord["overrides"], { cpuUnits: number; memoryMiB: number }]>([
    [
      "the size of the task",
      spec({ cpu: 256, memoryMiB: 512 }, two),
      overrides(),
      { cpuUnits: 256, memoryMiB: 512 },
    ],
    ["the sum of its containers", spec({}, two), overrides(), { cpuUnits: 192, memoryMiB: 300 }],
    [
      "the override of the task",
      spec({ cpu: 256, memoryMiB: 512 }, two),
      overrides({ cpu: 1024, memoryMiB: 2048 }),
      { cpuUnits: 1024, memoryMiB: 2048 },
    ],
    [
      "the overrides of its containers",
      spec({}, two),
      overrides({ containers: [{ name: "b", cpu: 100, memoryReservationMiB: 50 }] }),
      { cpuUnits: 228, memoryMiB: 250 },
    ],
  ])("is %s", (_, definition, given, expected) => {
    expect(reservationOf(definition, given)).toEqual(expected);
  });
});

describe("what a node has too little of", () => {
  const capacity = { cpuUnits: 2048, memoryMiB: 4096 };
  const node = (cpuUnits: number, memoryMiB: number) => ({ capacity, reserved: { cpuUnits, memoryMiB } });
  const overcommit = { cpu: 4, memory: 2 };

  it("is nothing up to the capacity times the factors", () => {
    expect(shortageOf({ cpuUnits: 2048, memoryMiB: 4096 }, node(3 * 2048, 4096), overcommit)).toBeUndefined();
  });

  it("is what other tasks leave, for a task that fits at another time", () => {
    const need = { cpuUnits: 256, memoryMiB: 512 };
    expect(shortageOf(need, node(4 * 2048 - 255, 0), overcommit)).toMatchObject({
      resource: "CPU",
      isPermanent: false,
      available: 255,
    });
    expect(shortageOf(need, node(0, 2 * 4096 - 511), overcommit)).toMatchObject({
      resource: "MEMORY",
      isPermanent: false,
    });
  });

  it("is what the node itself has, for a task that alone exceeds it, whatever the factors", () => {
    const need = { cpuUnits: 256, memoryMiB: 4097 };
    expect(shortageOf(need, node(0, 0), { cpu: 100, memory: 100 })).toEqual({
      resource: "MEMORY",
      isPermanent: true,
      needed: 4097,
      available: 4096,
    });
  });
});
