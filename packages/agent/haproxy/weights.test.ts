import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Weights } from "./weights.ts";

let folder = "";
let socket: Server;
let said: string[] = [];
/** The answer of the proxy's socket to commands other than `prepare map`. */
let answer = "\n";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-weights-"));
  mkdirSync(join(folder, "run"));
  [said, answer] = [[], "\n"];
  socket = createServer({ allowHalfOpen: true }, (client) => {
    client.on("data", (chunk) => {
      said.push(String(chunk).trim());
      client.end(String(chunk).startsWith("prepare") ? "New version created: 7\n\n" : answer);
    });
  });
  await new Promise<void>((resolve) => socket.listen(join(folder, "run/admin.sock"), resolve));
});
afterEach(() => {
  socket.close();
  rmSync(folder, { recursive: true });
});

it("sends a running proxy new weights in one step, and none to one that is restarted", async () => {
  const weights = new Weights(folder);
  weights.loaded({ weights_a: "0:999999 tg_1\n", weights_b: "0:999999 tg_1\n", body_c: "x" });
  const path = join(folder, "weights_a");
  const files = {
    weights_a: "0:899999 tg_1\n900000:999999 tg_2\n",
    weights_b: "0:999999 tg_1\n",
    body_c: "y",
  };
  await weights.apply(files);
  await weights.apply(files);
  expect(said).toEqual([
    `prepare map ${path}`,
    `add map @7 ${path} 0:899999 tg_1; add map @7 ${path} 900000:999999 tg_2; commit map @7 ${path}`,
  ]);
  expect(readFileSync(path, "utf8")).toBe(files.weights_a);
});

it("sends all weights to a proxy that it did not start, and repeats those that the proxy rejected", async () => {
  const weights = new Weights(folder);
  const files = { weights_a: "", sticky_a: "" };
  answer = "No such map\n";
  await expect(weights.apply(files)).rejects.toThrow("No such map");
  answer = "\n";
  said = [];
  await weights.apply(files);
  expect(said.filter((line) => line.startsWith("commit"))).toHaveLength(2);
});
