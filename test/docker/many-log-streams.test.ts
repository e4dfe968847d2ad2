import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DockerEngine } from "@gantry/agent";
import { namingOf, pauseSpec } from "@gantry/agent/naming";
import { pauseRecipe, provideImage } from "@gantry/images";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";

const LABEL = "gantry.log-streams=true";
const CONTAINERS = 100;
const engine = new DockerEngine({
  socketPath: "/var/run/docker.sock",
  clock: new SystemClock(),
  log: silentLogger,
});
const removeAll = async (): Promise<void> => {
  for (const container of await engine.list(LABEL)) await engine.removeContainer(container.id);
};

beforeAll(async () => {
  await provideImage(pauseRecipe, {
    cacheFolder: mkdtempSync(join(tmpdir(), "gantry-cache-")),
    label: "gantry.image=true",
  });
  await removeAll();
});
afterAll(removeAll, 300_000);

// Before: the streams of 64 containers took every connection to the engine, and all other calls waited for one to end.
it("answers calls while the logs of a hundred containers are followed", { timeout: 300_000 }, async () => {
  const end = new AbortController();
  const ids: string[] = [];
  for (let index = 0; index < CONTAINERS; index += 1) {
    const spec = { ...pauseSpec(namingOf("streams")), name: `gantry-log-streams-${index}` };
    const id = await engine.createContainer({ ...spec, labels: { "gantry.log-streams": "true" } });
    await engine.startContainer(id);
    ids.push(id);
  }
  const followed = ids.map(async (id) => {
    for await (const _ of engine.logs(id, undefined, end.signal)) continue;
  });
  try {
    for (const id of ids) expect((await engine.inspect(id))?.state).toBe("running");
  } finally {
    end.abort();
    await Promise.allSettled(followed);
  }
});
