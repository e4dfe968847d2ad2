import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { http, silentLogger, SystemClock } from "@gantry/kernel";
import { expect, it, onTestFinished } from "vitest";
import { DockerEngine } from "../engine/docker/docker-engine.ts";
import { namingOf } from "../naming.ts";
import { DatabaseSnapshotHandler } from "./database-snapshot-handler.ts";

const NEVER = "0001-01-01T00:00:00Z";
const naming = namingOf("test");
const name = naming.container("pod/db-1", "database");

/** An engine with one container, whose event stream is open and tells of nothing. */
async function newEngine() {
  const state = { Status: "running", Pid: 1 };
  const folder = mkdtempSync(join(tmpdir(), "gantry-engine-"));
  const socketPath = join(folder, "engine.sock");
  const server = http.createServer((request, response) => {
    if (request.url?.includes("/events?")) return response.flushHeaders();
    const State = { ...state, ExitCode: 0, OOMKilled: false, Error: "", StartedAt: NEVER, FinishedAt: NEVER };
    const answer = { Id: "id", Name: `/${name}`, Image: "image", Config: { Labels: naming.labels }, State };
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new DockerEngine({ socketPath, clock: new SystemClock(), log: silentLogger });
  const end = new AbortController();
  onTestFinished(() => {
    end.abort();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  await new Promise<void>((resolve) => engine.watch(naming.label, () => resolve(), end.signal));
  return { engine, state };
}

// A copy of the files of a server that runs unnoticed is torn, and is kept as a snapshot.
it("asks the engine itself for the server whose files are copied, before and after", async () => {
  const { engine, state } = await newEngine();
  const seen: (number | undefined)[] = [];
  const look = async (pidOf: () => Promise<number | undefined>, status: string, pid: number) => {
    Object.assign(state, { Status: status, Pid: pid });
    seen.push(await pidOf());
  };
  const databaseFiles = {
    bytesOf: async () => (seen.length === 0 ? undefined : 5),
    copy: async (_source: string, _id: string, pidOf: () => Promise<number | undefined>) => {
      await look(pidOf, "exited", 0);
      await look(pidOf, "running", 2);
    },
    remove: async (_id: string, pid: number | undefined) => void seen.push(pid),
  };
  const handler = new DatabaseSnapshotHandler({
    engine,
    naming,
    host: { databaseFiles },
    report: () => true,
  });
  const assignment = { kind: "databaseSnapshot", key: "databaseSnapshot/rds-1", source: "db-1" } as const;
  expect((await engine.inspect(name))?.pid).toBe(1);
  await handler.reconcile(assignment);
  expect(seen).toEqual([undefined, 2]);
  Object.assign(state, { Pid: 3 });
  await handler.remove(assignment);
  expect(seen).toEqual([undefined, 2, 3]);
});
