import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { send } from "./send.ts";

/** Sends a stream to a client that has left by then. Returns whether the stream was destroyed. */
async function sendToNobody(settled: () => Promise<void>): Promise<boolean> {
  const body = new Readable({ read: () => undefined });
  body.push("first");
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1"); // It listens on a port.
  client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
  await new Promise<void>((done) => {
    server.once("request", (_request, response) => {
      response.once("close", () => {
        const sent = send(response, { status: 200, headers: {}, body }, { method: "POST", settled });
        sent.then(
          () => done(),
          () => done(),
        );
      });
      client.destroy();
    });
  });
  return body.destroyed;
}

it("destroys a stream whose client has left before the first byte", async () => {
  expect(await sendToNobody(() => Promise.resolve())).toBe(true);
});

it("destroys a stream whose commit fails", async () => {
  expect(await sendToNobody(() => Promise.reject(new Error("The disk is full.")))).toBe(true);
});
