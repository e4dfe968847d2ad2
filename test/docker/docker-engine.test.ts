import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DockerEngine } from "@gantry/agent";
import { describeEngine } from "@gantry/agent/engine/engine-suite";
import { pauseRecipe, provideImage } from "@gantry/images";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { beforeAll } from "vitest";

beforeAll(async () => {
  await provideImage(pauseRecipe, {
    cacheFolder: mkdtempSync(join(tmpdir(), "gantry-cache-")),
    label: "gantry.image=true",
  });
});

describeEngine(
  "DockerEngine",
  () => new DockerEngine({ socketPath: "/var/run/docker.sock", clock: new SystemClock(), log: silentLogger }),
);
