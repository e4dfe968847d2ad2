import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { withoutCompression } from "./content-encoding.ts";
import { BodyLease, BodyMemory } from "./large-bodies.ts";

const limits = () => ({ maxBytes: 10_000, lease: new BodyLease(new BodyMemory(10_000)) });

it("expands gzip and leaves plain bodies as they are", async () => {
  const body = Buffer.from("a body");
  expect(await withoutCompression(body, {}, limits())).toBe(body);
  const expanded = await withoutCompression(gzipSync(body), { "content-encoding": "gzip" }, limits());
  expect(expanded.toString()).toBe("a body");
});

it("refuses a small body that expands beyond the operation's limit", async () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000));
  await expect(withoutCompression(bomb, { "content-encoding": "gzip" }, limits())).rejects.toMatchObject({
    code: "RequestEntityTooLargeException",
    status: 413,
  });
});

it("refuses what is not gzip, and other encodings", async () => {
  const body = Buffer.from("plain");
  for (const encoding of ["gzip", "br"])
    await expect(withoutCompression(body, { "content-encoding": encoding }, limits())).rejects.toMatchObject({
      code: "SerializationException",
    });
});
