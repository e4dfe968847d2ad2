import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DockerEngine, namingOf } from "@gantry/agent";
import { describeEngine } from "@gantry/agent/engine/engine-suite";
import { pauseSpec } from "@gantry/agent/naming";
import { pauseRecipe, provideImage } from "@gantry/images";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { beforeAll, expect, it, onTestFinished } from "vitest";

const run = promisify(execFile);

beforeAll(async () => {
  await provideImage(pauseRecipe, {
    cacheFolder: mkdtempSync(join(tmpdir(), "gantry-cache-")),
    label: "gantry.image=true",
  });
});

const openEngine = () =>
  new DockerEngine({ socketPath: "/var/run/docker.sock", clock: new SystemClock(), log: silentLogger });

describeEngine("DockerEngine", openEngine);

// Before: the container had an endpoint in the engine's network "none". The removal of endpoints can deadlock every
// container of Docker before 23 (docs/decisions/0050).
it("the engine gives a pause container a namespace of its own, and no endpoint", async () => {
  const engine = openEngine();
  const name = "gantry-no-endpoint";
  onTestFinished(() => engine.removeContainer(name));
  await engine.createContainer({ ...pauseSpec(namingOf("suite")), name, labels: {}, hostname: "ip-10" });
  await engine.startContainer(name);
  const { stdout } = await run("docker", ["inspect", name]);
  const [found] = JSON.parse(stdout) as [
    { State: { Pid: number }; NetworkSettings: { SandboxKey: string; Networks: object } },
  ]; // What Docker answers.
  expect(found.NetworkSettings).toMatchObject({ SandboxKey: "", Networks: {} });

  const namespaceOf = (pid: number | "self") => readlink(`/proc/${pid}/ns/net`);
  expect(await namespaceOf(found.State.Pid)).not.toBe(await namespaceOf("self"));
  const links = await run("nsenter", ["-t", String(found.State.Pid), "-n", "ip", "-o", "link"]);
  expect(links.stdout.trim().split("\n")).toStrictEqual([expect.stringMatching(/^1: lo: /)]);
});
