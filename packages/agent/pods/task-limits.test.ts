import { expect, it } from "vitest";
import { pidsMaxOf } from "./task-limits.ts";

it("bounds a task's processes as a machine of its memory would, and to a quarter of this machine's", () => {
  expect(pidsMaxOf(512, 4_194_304)).toBe(4_096);
  expect(pidsMaxOf(1_024, 4_194_304)).toBe(8_192);
  expect(pidsMaxOf(30_720, 4_194_304)).toBe(32_768);
  expect(pidsMaxOf(undefined, 4_194_304)).toBe(32_768);
  expect(pidsMaxOf(30_720, 32_768)).toBe(8_192);
});
