import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { http, silentLogger, SystemClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { DockerApi } from "./docker-api.ts";

const STREAMS = 100;

// Regression: streams occupied the 64 connections of all calls, and the call waited until a container ended.
it("answers a call while a hundred containers' logs are followed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-engine-"));
  const socketPath = join(folder, "engine.sock");
  const server = http.createServer((request, response) => {
    if (request.url?.includes("/logs")) return void response.write("a line of a stream that does not end\n");
    response.end('{"Id":"here"}');
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const end = new AbortController();
  try {
    const api = new DockerApi({ socketPath, clock: new SystemClock(), log: silentLogger });
    const followed = await Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        Promise.race([
          api.open("GET", `/containers/${index}/logs`, { signal: end.signal }),
          new Promise<undefined>((resolve) => setTimeout(resolve, 30_000)),
        ]),
      ),
    );
    for (const stream of followed) stream?.on("error", () => {}); // The stream is aborted below.
    expect(followed.filter((stream) => stream !== undefined)).toHaveLength(STREAMS);
    expect(await api.call("GET", "/containers/0/json", { timeoutMs: 30_000 })).toEqual({ Id: "here" });
  } finally {
    end.abort();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
