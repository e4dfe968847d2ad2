import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { MUTATIONS } from "./mutation-list.ts";

const ROOT = resolve(import.meta.dirname, "../..");

it.each(MUTATIONS)("finds the place of the bug: $bug", ({ file, from }) => {
  expect(readFileSync(join(ROOT, file), "utf8").split(from)).toHaveLength(2);
});
