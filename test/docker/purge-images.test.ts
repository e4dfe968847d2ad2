import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { namingOf, useTag } from "@gantry/agent";
import { purgePulledImages, purgeRootSnapshots } from "@gantry/cli/purge-images";
import { afterEach, expect, it } from "vitest";

const execute = promisify(execFile);
const docker = async (...parameters: readonly string[]) =>
  (await execute("docker", [...parameters])).stdout.trim();
const [OWN, OTHER] = [namingOf("purge-own"), namingOf("purge-other")];
const PULLED = "gantry-purge-test.invalid/app:1";
const MINE = "gantry-purge-test.invalid/mine:1";

/** An image of one file under a name, as if it was pulled. */
async function putImage(name: string, content: string): Promise<void> {
  const script = 'd=$(mktemp -d); echo "$1" > "$d/f"; tar -C "$d" -c . | docker import - "$2"; rm -r "$d"';
  await execute("sh", ["-c", script, "sh", content, name]);
}

const exists = (name: string) =>
  docker("image", "inspect", name).then(
    () => true,
    () => false,
  );

afterEach(async () => {
  for (const name of [PULLED, MINE, useTag(OWN, PULLED), useTag(OTHER, PULLED)])
    await docker("rmi", "-f", name).catch(() => {});
});

// Before: images that Gantry had pulled stayed in the engine for good.
it("removes an image that this instance pulled", async () => {
  await putImage(PULLED, "alone");
  await docker("tag", PULLED, useTag(OWN, PULLED));
  await purgePulledImages(OWN);
  expect(await exists(PULLED)).toBe(false);
  expect(await exists(useTag(OWN, PULLED))).toBe(false);
});

it("leaves an image that another instance uses, until that one is purged", async () => {
  await putImage(PULLED, "shared");
  for (const naming of [OWN, OTHER]) await docker("tag", PULLED, useTag(naming, PULLED));
  await purgePulledImages(OWN);
  expect(await exists(PULLED)).toBe(true);
  await purgePulledImages(OTHER);
  expect(await exists(PULLED)).toBe(false);
});

it("keeps names of other users, images without the mark, and images in use", async () => {
  await putImage(MINE, "mine");
  await purgePulledImages(OWN);
  expect(await exists(MINE)).toBe(true);
  await docker("tag", MINE, PULLED);
  await docker("tag", PULLED, useTag(OWN, PULLED));
  await purgePulledImages(OWN);
  expect([await exists(PULLED), await exists(MINE)]).toEqual([false, true]);
  await docker("rmi", MINE);
  await putImage(PULLED, "used");
  await docker("tag", PULLED, useTag(OWN, PULLED));
  const id = await docker("create", PULLED, "/f");
  try {
    await purgePulledImages(OWN);
    expect(await exists(PULLED)).toBe(true);
  } finally {
    await docker("rm", id);
  }
});

it("removes the snapshots of root file systems that this instance's agent made, and no other ones", async () => {
  const names = [OWN, OTHER].map(({ instance }) => `gantry/root-snapshot:${instance}`);
  for (const [index, naming] of [OWN, OTHER].entries()) {
    await putImage(MINE, naming.instance);
    const id = await docker("create", "--label", naming.label, MINE, "/f");
    await docker("commit", id, names[index] ?? "");
    await docker("rm", id);
  }
  await purgeRootSnapshots(OWN);
  expect(await Promise.all(names.map(exists))).toEqual([false, true]);
  await purgeRootSnapshots(OTHER);
  expect(await Promise.all(names.map(exists))).toEqual([false, false]);
});
