import { expect, it } from "vitest";
import { containerSamples } from "./container-usage.ts";

const usage = (cpuSeconds: number, more: object = {}) => ({
  name: "web",
  cpuSeconds,
  memoryBytes: 7,
  ...more,
});
const storage = (readBytes: number) => ({ storage: { readBytes, writeBytes: 2 * readBytes } });

it("is the difference of two readings, scaled to the platform's clock", () => {
  expect(containerSamples([usage(12, storage(30))], [usage(10, storage(10))], 1.5)).toEqual([
    { name: "web", cpuSeconds: 3, memoryBytes: 7, readBytes: 20, writeBytes: 40 },
  ]);
});

it("has no usage of a container that started meanwhile", () => {
  expect(containerSamples([usage(12)], [], 1)).toEqual([]);
  expect(containerSamples([usage(2)], [usage(10)], 1)).toEqual([]);
});

it("counts the restarts of a container that its restart policy started again", () => {
  const [before, after] = [usage(10, { restarts: 1 }), usage(2, { restarts: 3 })];
  expect(containerSamples([after], [before], 1)).toEqual([{ name: "web", restarts: 2 }]);
  expect(containerSamples([usage(11, { restarts: 1 })], [before], 1)).toMatchObject([{ restarts: 0 }]);
});
