import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openInstance } from "./instance.ts";

it("has no imported key material any more that expired while it was stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-instance-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const open = async () => {
    const { store, logs, metrics, queues, objects } = await openInstance(folder);
    const close = async () => {
      await metrics.close();
      for (const each of [store, logs, queues, objects]) each.close();
    };
    return { store, close };
  };
  const before = await open();
  const put = (arn: string, expiresAt: number | undefined) =>
    before.store.transact((tx) => {
      const material = { id: "0".repeat(32), sealedMaterial: "sealed", createdAt: 0, origin: "INITIAL" };
      const imported = { materialId: material.id, digest: "", expiresAt };
      const key = { arn, origin: "EXTERNAL", imported, materials: [material] };
      tx.put("kmsKey", arn, key as never); // No more is read.
    });
  put("expired", 1);
  put("later", Number.MAX_SAFE_INTEGER);
  put("stays", undefined);
  await before.close();
  const { store, close } = await open();
  onTestFinished(close);
  expect(store.list("kmsKey").map(({ arn, materials }) => [arn, materials.length])).toEqual([
    ["expired", 0],
    ["later", 1],
    ["stays", 1],
  ]);
});
