import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededIds, VirtualClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { afterAll, beforeAll, expect, it } from "vitest";
import { HOOKS_FILE, hookCaller } from "./hook-endpoints.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-hooks-"));
const call = hookCaller({ folder, store: new MemoryStore(), ids: seededIds(1), clock: new VirtualClock() });
const asked: string[] = [];
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
    if (request.url === "/moved") response.writeHead(302, { location: "/check" }).end();
    else if (request.url === "/endless") {
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    } else if (request.url === "/nested") response.end("[".repeat(200_000));
    else if (request.url === "/broken") response.writeHead(500).end();
    else response.end('{"hookStatus":"SUCCEEDED"}');
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    join(folder, HOOKS_FILE),
    JSON.stringify({
      "arn:check": `${base}/check`,
      "arn:moved": `${base}/moved`,
      "arn:broken": `${base}/broken`,
      "arn:endless": `${base}/endless`,
      "arn:nested": `${base}/nested`,
      "arn:file": "file:///etc/passwd",
    }),
  );
});
afterAll(() => void server.close());

it("posts the event to the configured endpoint", async () => {
  expect(await call("arn:check", { executionId: "1" })).toEqual({ hookStatus: "SUCCEEDED" });
  expect(asked).toEqual(['POST /check {"executionId":"1"}']);
});

// A caller of the API chooses the ARN, but must not be able to choose the address that the control plane
// connects to.
it.each([
  ["an ARN that is not named", "arn:none", /No HTTP endpoint or task is named/],
  ["an ARN that is a URL", "http://169.254.169.254/", /No HTTP endpoint or task is named/],
  ["a name that every object has", "constructor", /No HTTP endpoint or task is named/],
  ["an endpoint that is not HTTP", "arn:file", /not an HTTP URL/],
  ["an answer without end", "arn:endless", /more than 256 KiB/],
  ["an answer that nests without end", "arn:nested", /JSON/],
  ["an endpoint that leads elsewhere", "arn:moved", /fetch failed/],
  ["an endpoint that fails", "arn:broken", /answered 500/],
])("refuses another endpoint: %s", async (_, arn, message) => {
  await expect(call(arn, {})).rejects.toThrow(message);
});
