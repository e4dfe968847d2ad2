import { mkdtempSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DockerEngine } from "@gantry/agent";
import { describeEngine } from "@gantry/agent/engine/engine-suite";
import { pauseRecipe, provideImage } from "@gantry/images";
import { jsonLogger, SystemClock, VirtualClock, silentLogger } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";

const DELAY_MS = 400;
const path = join(mkdtempSync(join(tmpdir(), "gantry-slow-")), "docker.sock");
let server: Server;

/** The real engine behind a wire on which every answer takes its time. */
beforeAll(async () => {
  await provideImage(pauseRecipe, {
    cacheFolder: mkdtempSync(join(tmpdir(), "gantry-cache-")),
    label: "gantry.image=true",
  });
  server = createServer((client) => {
    const engine = connect("/var/run/docker.sock");
    client.on("data", (chunk) => setTimeout(() => engine.write(chunk), DELAY_MS));
    engine.pipe(client);
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(path, done));
});
afterAll(() => void server.close());

describeEngine(
  "DockerEngine, slow",
  () => new DockerEngine({ socketPath: path, clock: new SystemClock(), log: silentLogger }),
);

it("reports what it waits for", async () => {
  const lines: string[] = [];
  const clock = new VirtualClock();
  const engine = new DockerEngine({
    socketPath: path,
    clock,
    log: jsonLogger({ clock, write: (line) => lines.push(line), level: "warn" }),
  });
  const answer = engine.inspect("gantry-nobody");
  await clock.advance(6_000);
  expect(await answer).toBeUndefined();
  expect(lines.join("")).toContain(
    '"Waiting for the engine","method":"GET","path":"/containers/gantry-nobody/json"',
  );
});
