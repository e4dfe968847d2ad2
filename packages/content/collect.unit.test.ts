import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { collect } from "./write-frames.ts";

it("collects a small body, and fails with the error of the body or of whoever looks at it", async () => {
  const chunks = ["a", "bc"].map((text) => Buffer.from(text));
  const seen: Buffer[] = [];
  expect((await collect(Readable.from(chunks), (chunk) => seen.push(chunk))).toString()).toBe("abc");
  expect(seen).toEqual(chunks);
  expect((await collect(Readable.from([]), () => {})).length).toBe(0);
  const failing = Readable.from(
    (async function* () {
      yield chunks[0];
      throw new Error("broken");
    })(),
  );
  await expect(collect(failing, () => {})).rejects.toThrow("broken");
  const refuse = (): never => {
    throw new Error("refused");
  };
  await expect(collect(Readable.from(chunks), refuse)).rejects.toThrow("refused");
  const cut = new Readable({ read: () => {} });
  const collected = collect(cut, () => {});
  cut.destroy();
  await expect(collected).rejects.toThrow("cut off");
});

it("fails with a body that failed, or was cut off, before it is collected", async () => {
  const [failed, cut] = [new Readable({ read: () => {} }), new Readable({ read: () => {} })];
  failed.on("error", () => {}); // As pipelines do.
  failed.destroy(new Error("broken"));
  cut.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  await expect(collect(failed, () => {})).rejects.toThrow("broken");
  await expect(collect(cut, () => {})).rejects.toThrow("cut off");
});
