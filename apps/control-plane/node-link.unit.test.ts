import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openApi } from "./api.ts";
import { openInstance } from "./instance.ts";
import { openNodeLink } from "./node-link.ts";

it("makes events of what nodes report of databases, before the controllers are loaded", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-link-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const opened = await openInstance(folder);
  const instance = { ...opened, settings: { ...opened.settings, linkPort: 0 } };
  const { store } = instance;
  const link = await openNodeLink(instance, openApi(instance));
  onTestFinished(() => link.stop());
  const database = { account: "000000000000", region: "eu-south-1", arn: "arn", identifier: "orders" };
  const put = (status: string) =>
    // An event needs no more of the record.
    store.transact((tx) => tx.put("databaseInstance", "arn", { ...database, status } as never));
  put("creating");
  put("available");
  expect(store.list("databaseEvent").map(({ message }) => message)).toEqual(["DB instance created."]);
});
