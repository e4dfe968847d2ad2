import { VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { checkAssignment } from "../checks/check-assignment.ts";
import { FakeEngine } from "../engine/fake-engine.ts";
import { namingOf, pauseSpec } from "../naming.ts";
import { RootSnapshotHandler } from "./root-snapshot-handler.ts";

const KEY = "snapshot/snap-0123456789abcdef0";
const IMAGE = "gantry/root-snapshot:snap-0123456789abcdef0";
const COPY = "snapshot/snap-0000000000000000a";
const BASE = { kind: "rootSnapshot" as const, bytes: 5 };

function newWorld() {
  const engine = new FakeEngine(new VirtualClock(0), ["gantry/machine:3"]);
  const naming = namingOf("test");
  const reported: string[] = [];
  const report = (message: object) => reported.push(JSON.stringify(message)) > 0;
  const handler = new RootSnapshotHandler({ engine, naming, report });
  const start = async (name: string, image: string) => {
    const id = await engine.createContainer({ ...pauseSpec(naming), name, image });
    await engine.startContainer(id);
    return id;
  };
  return { engine, naming, reported, handler, start };
}

it("makes an image of the instance's files once, and copies of it", async () => {
  const { engine, naming, reported, handler, start } = newWorld();
  const assignment = { ...BASE, key: KEY, pod: "pod/i-1" };
  expect(await handler.reconcile(assignment)).toBeGreaterThan(0);
  expect(reported).toEqual([]);
  const id = await start(naming.container("pod/i-1", "system"), "gantry/machine:3");
  await handler.reconcile(assignment);
  expect(await engine.image(IMAGE)).toBeDefined();
  // The instance is gone: the snapshot stays, and is reported again.
  await engine.removeContainer(id);
  await handler.reconcile(assignment);
  await handler.reconcile({ ...BASE, key: COPY, source: KEY.slice("snapshot/".length) });
  expect(reported.map((each) => (JSON.parse(each) as { key: string }).key)).toEqual([KEY, KEY, COPY]);
});

it("keeps the image while an instance runs from it", async () => {
  const { engine, naming, handler, start } = newWorld();
  await start(naming.container("pod/i-1", "system"), "gantry/machine:3");
  await handler.reconcile({ ...BASE, key: KEY, pod: "pod/i-1" });
  const other = await start(naming.container("pod/i-2", "system"), IMAGE);
  await expect(handler.remove({ ...BASE, key: KEY })).rejects.toThrow("in use");
  await engine.removeContainer(other);
  await handler.remove({ ...BASE, key: KEY });
  await handler.remove({ ...BASE, key: KEY });
  expect(await engine.image(IMAGE)).toBeUndefined();
});

it.each([
  { key: "snapshot/../../x" },
  { key: "volume/vol-0123456789abcdef0" },
  { pod: "pod/../other" },
  { pod: "task/1" },
  { source: "gantry/machine:3" },
  { source: "vol-0123456789abcdef0" },
  { bytes: 0 },
])("refuses an assignment with %j", (change) => {
  expect(checkAssignment({ ...BASE, key: KEY, ...change }).type).toBe("refused");
  expect(checkAssignment({ ...BASE, key: KEY, pod: "pod/i-0123456789abcdef0" }).type).toBe("accepted");
});
