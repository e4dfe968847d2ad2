import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DockerEngine, namingOf } from "@gantry/agent";
import { pauseSpec } from "@gantry/agent/naming";
import { pauseRecipe, provideImage } from "@gantry/images";
import { silentLogger, sleep, SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";

const LABEL = "gantry.engine-events";
const clock = new SystemClock();
const engine = new DockerEngine({ socketPath: "/var/run/docker.sock", clock, log: silentLogger });
const healthCheck = {
  ...{ intervalSeconds: 1, timeoutSeconds: 1, retries: 1, startPeriodSeconds: 0 },
  command: ["CMD", "/usr/bin/busybox", "true"],
};

beforeAll(async () => {
  const cacheFolder = mkdtempSync(join(tmpdir(), "gantry-cache-"));
  await provideImage(pauseRecipe, { cacheFolder, label: "gantry.image=true" });
});
afterAll(async () => {
  for (const container of await engine.list(`${LABEL}=true`)) await engine.removeContainer(container.id);
});

// Before: each run of the check sent three events, and the agent inspected the pod after each.
it("tells of the result of a health check, and not of each of its runs", async () => {
  const abort = new AbortController();
  const connected = Promise.withResolvers<void>();
  let events = 0;
  const id = await engine.createContainer({
    ...pauseSpec(namingOf("events")),
    name: "gantry-engine-events",
    labels: { [LABEL]: "true" },
    healthCheck,
  });
  const count = () => {
    events += 1;
    connected.resolve();
  };
  engine.watch(`${LABEL}=true`, count, abort.signal);
  await connected.promise;
  await engine.startContainer(id);
  await sleep(clock, 5_000);
  abort.abort();
  expect((await engine.inspect(id))?.health).not.toBe("UNKNOWN");
  // The connection, the start, the result, and the creation where it was less than a second before the connection.
  expect([3, 4]).toContain(events);
});
