import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { followWorker } from "./leaving-worker.ts";
import { RequestLog } from "./request-log.ts";

// Before: the master refused connections for a moment after the reload, and the worker was left with its last lines unread.
it("counts the lines of a worker that leaves, and lets it go when its last connection has ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-leaving-"));
  mkdirSync(join(folder, "run"));
  let events: Socket | undefined;
  let connections = 1;
  const listen = (name: string) =>
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk) => {
        if (String(chunk).startsWith("show events")) events = socket;
        else socket.end(`Pid: 7\nCurrConns: ${connections}\n`);
      });
    }).listen(join(folder, "run", name));
  const servers = [listen("admin.sock")];
  const counted: string[] = [];
  class Log extends RequestLog {
    override count(line: string): void {
      counted.push(line);
    }
  }
  const deps = { clock: new SystemClock(), log: silentLogger, folder, requests: new Log(silentLogger) };
  const worker = await followWorker(deps);
  await expect.poll(() => events).toBeDefined();
  void worker.release(true);
  await new Promise((done) => setTimeout(done, 300));
  servers.push(listen("master.sock"));
  events?.write("7:1 one\n7:2 t");
  events?.write("wo\n");
  await expect.poll(() => counted).toEqual(["7:1 one", "7:2 two"]);
  expect(events?.readableEnded).toBe(false);
  connections = 0;
  await expect.poll(() => events?.readableEnded, { timeout: 2_000 }).toBe(true);
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});
