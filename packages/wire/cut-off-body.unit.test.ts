import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { readAll } from "./request-body.ts";

// A client may go away while its request waits, for example for a service's code.
it.each([
  { body: new Readable({ read: () => {} }), failure: undefined, message: "cut off" },
  { body: new Readable({ read: () => {} }), failure: new Error("broken"), message: "broken" },
])("fails with $message where the body was lost before it is read", async ({ body, failure, message }) => {
  body.on("error", () => {}); // As Node does for a request.
  body.destroy(failure);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(readAll(body, 10)).rejects.toThrow(message);
});
