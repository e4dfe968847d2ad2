import type { Assignment } from "@gantry/agent-protocol";
import { expect, it } from "vitest";
import { isOrphan } from "./orphans.ts";

const assigned = {
  wanted: new Map([
    ["pod/a", { kind: "pod", key: "pod/a", interface: { id: "eni-a" } }],
    ["interface/eni-w", { kind: "interface", key: "interface/eni-w", interface: { id: "eni-w" } }],
    ["vpc/vpc-1", { kind: "vpc", key: "vpc/vpc-1" }],
  ] as unknown as [string, Assignment][]), // Only these fields are read.
  leaving: new Map([["pod/b", { kind: "pod", key: "pod/b", interface: { id: "eni-b" } }]] as unknown as [
    string,
    Assignment,
  ][]), // As above.
};

it.each([
  [{ "gantry.pod": "pod/a" }, false],
  [{ "gantry.pod": "pod/b" }, false],
  [{ "gantry.pod": "pod/c" }, true],
  [{ "gantry.interface": "eni-a" }, false],
  [{ "gantry.interface": "eni-b" }, false],
  [{ "gantry.interface": "eni-w" }, false],
  [{ "gantry.interface": "eni-c" }, true],
  [{ "gantry.vpc": "vpc-1" }, false],
  [{ "gantry.vpc": "vpc-2" }, true],
  [{ "gantry.role": "agent" }, false],
])("a container of %j is an orphan: %s", (labels, expected) => {
  expect(isOrphan({ labels }, assigned)).toBe(expected);
});
