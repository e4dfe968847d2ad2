import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { checkFileName, wholeOf } from "./file-routes.ts";
import { openFileStorage } from "./storage.ts";
import { USERNAME } from "./user-routes.ts";

describe("files under a folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "fileshare-"));
  const storage = openFileStorage(folder);

  it("are stored, read and deleted", async () => {
    await storage.save("ada", "a.txt", Readable.from([Buffer.from("one "), Buffer.from("two")]));
    const { body, size } = await storage.read("ada", "a.txt");
    expect(Buffer.concat(await body.toArray()).toString()).toBe("one two");
    expect(size).toBe(7);
    await storage.remove("ada", "a.txt");
    expect(readdirSync(join(folder, "ada"))).toEqual([]);
  });

  it("are kept when an upload of the same name is cut off", async () => {
    await storage.save("ada", "kept.txt", Readable.from([Buffer.from("precious")]));
    const cut = Object.assign(Readable.from([Buffer.from("much too lo")]), { truncated: true });
    await expect(storage.save("ada", "kept.txt", Readable.from(wholeOf(cut)))).rejects.toThrow(
      "The file is larger than 100 MB.",
    );
    expect(readFileSync(join(folder, "ada/kept.txt"), "utf8")).toBe("precious");
    expect(readdirSync(join(folder, "ada"))).toEqual(["kept.txt"]);
  });
});

it.each(["../up", "a/b", "a\\b", ".hidden", "", "   ", "new\nline", "nul\u0000", "x".repeat(181)])(
  "refuses the file name %j",
  (name) => {
    expect(() => checkFileName(name)).toThrow("This file name is not allowed: please rename the file.");
  },
);

it.each(["report.pdf", "Ünïcode – ñ.txt", "two words.tar.gz"])("accepts the file name %j", (name) => {
  expect(checkFileName(name)).toBe(name);
});

it.each(["..", ".", "a/b", "-a", "a.", "", "a b"])("refuses the user name %j", (name) => {
  expect(USERNAME.test(name)).toBe(false);
});
