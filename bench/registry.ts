import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateRepositoryCommand, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { run } from "@gantry/cli/run";
import { ensureProgram, withServer } from "./programs.ts";
import { median, type Question } from "./question.ts";

const LAYERS = 4;
const LAYER_MIB = 50;
const ROUNDS = 5;
const REGISTRY_PORT = 14_578;

/** `docker push` and `docker pull` of an image of 200 MB, against Debian's docker-registry on the same disk. */
export const registry: Question = {
  name: "registry",
  async ask(bench) {
    await ensureProgram("/usr/bin/docker-registry", "docker-registry");
    const { folder } = bench.settings;
    const work = join(folder, "registry-bench");
    mkdirSync(work, { recursive: true });
    const config = join(work, "docker");
    const { repository } = await bench.clients.ecr.send(
      new CreateRepositoryCommand({ repositoryName: "bench" }),
    );
    const { authorizationData = [] } = await bench.clients.ecr.send(new GetAuthorizationTokenCommand({}));
    const password = Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64")
      .toString()
      .slice("AWS:".length);
    const own = `${repository?.repositoryUri}`;
    const host = own.split("/")[0] ?? "";
    await run("docker", ["--config", config, "login", "-u", "AWS", "--password-stdin", host], {
      input: password,
    });
    const yaml = join(work, "registry.yml");
    writeFileSync(
      yaml,
      `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${work}/blobs } }\n` +
        `http: { addr: "127.0.0.1:${REGISTRY_PORT}" }\n`,
    );
    const other = `127.0.0.1:${REGISTRY_PORT}/bench`;
    const times = {
      ownPush: [] as number[],
      ownPull: [] as number[],
      otherPush: [] as number[],
      otherPull: [] as number[],
    };
    try {
      await withServer(
        ["/usr/bin/docker-registry", "serve", yaml],
        `http://127.0.0.1:${REGISTRY_PORT}/v2/`,
        async () => {
          for (let round = 0; round < ROUNDS; round += 1) {
            // New bytes for every round and side: what a registry has it is not sent.
            times.ownPush.push(await push(config, work, `${own}:${round}`));
            times.otherPush.push(await push(config, work, `${other}:${round}`));
            times.ownPull.push(await pull(config, `${own}:${round}`));
            times.otherPull.push(await pull(config, `${other}:${round}`));
          }
        },
      );
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    const answer = (name: string, value: readonly number[], baseline: readonly number[]) => ({
      name,
      unit: "s",
      value: median(value),
      baseline: median(baseline),
      against: "docker-registry",
      goal: { of: "ratio" as const, most: 1 },
    });
    return [
      answer("registry-push-200m", times.ownPush, times.otherPush),
      answer("registry-pull-200m", times.ownPull, times.otherPull),
    ];
  },
};

/** Builds an image of new bytes, pushes it; answers how long the push took, in seconds. */
async function push(config: string, work: string, image: string): Promise<number> {
  const layers = Array.from({ length: LAYERS }, (_, index) => `layer-${index}`);
  for (const layer of layers)
    await run("sh", ["-c", `head -c ${LAYER_MIB}M /dev/urandom > ${join(work, layer)}`]);
  writeFileSync(
    join(work, "Dockerfile"),
    ["FROM scratch", ...layers.map((layer) => `COPY ${layer} /`)].join("\n"),
  );
  writeFileSync(join(work, ".dockerignore"), "blobs\ndocker\n");
  await run("docker", ["build", "-q", "-t", image, work], { env: { ...process.env, DOCKER_BUILDKIT: "0" } });
  return timed(() => run("docker", ["--config", config, "push", "-q", image]));
}

async function pull(config: string, image: string): Promise<number> {
  await run("docker", ["rmi", "-f", image]);
  const seconds = await timed(() => run("docker", ["--config", config, "pull", "-q", image]));
  await run("docker", ["rmi", "-f", image]);
  return seconds;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}
