import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { FromHashWorker, ToHashWorker } from "./hash-thread.ts";

// Worker thread: hashes many bodies concurrently, each in the order in which its pieces arrive.
const hashes = new Map<number, Hash>();
const say = (message: FromHashWorker): void => parentPort?.postMessage(message);

parentPort?.on("message", (message: ToHashWorker) => {
  const { id } = message;
  switch (message.type) {
    case "start":
      hashes.set(id, createHash(message.hash));
      return;
    case "update":
      hashes.get(id)?.update(new Uint8Array(message.bytes, 0, message.length));
      return say({ type: "taken", id });
    case "digest":
      say({ type: "digest", id, value: hashes.get(id)?.digest("hex") ?? "" });
      hashes.delete(id);
      return;
    case "drop":
      hashes.delete(id);
  }
});
