import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { DescribeServicesCommand, ECSClient } from "@aws-sdk/client-ecs";
import { openInstance, run } from "./helpers.ts";

export const REGION = "eu-south-1";

export interface Demo {
  folder: string;
  port: number;
  url: string;
  environment: Record<string, string>;
}

/** Brings the demo up on an instance of a test's own. */
export async function bringUpDemo(instance: ReturnType<typeof openInstance>): Promise<Demo> {
  const answer = await instance.up("demo", "--json");
  const { url } = JSON.parse(answer.trim().split("\n").at(-1) ?? "{}") as { url: string }; // Our own output.
  return { folder: instance.folder, port: instance.port, url, environment: await instance.environment() };
}

/**
 * Inside a task, for some seconds: names looked up and credentials asked for again and again, as an SDK would with so
 * many tries. Prints how often it went well, and what went wrong.
 */
const NAMES_AND_CREDENTIALS = `
const { lookup } = require("node:dns/promises");
const [seconds, tries] = process.argv.slice(1).map(Number);
const until = Date.now() + seconds * 1000;
const failures = [];
let good = 0;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const again = async (work) => {
  for (let left = tries; ; left -= 1) {
    try { return await work(); } catch (thrown) { if (left <= 1) throw thrown; await pause(500); }
  }
};
(async () => {
  while (Date.now() < until) {
    try {
      await lookup(process.env.DB_HOST);
      await again(async () => {
        const answer = await fetch("http://169.254.170.2" + process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, { headers: { connection: "close" } });
        if (!(await answer.json()).AccessKeyId) throw new Error("no credentials");
      });
      good += 1;
    } catch (thrown) { failures.push(String(thrown.cause || thrown)); }
    await pause(20);
  }
  console.log(JSON.stringify({ good, failures }));
})();
`;

/** A demo that is up, with what tests ask of it. */
export function openDemo(demo: Demo) {
  const { environment, url } = demo;
  const instance = openInstance(demo.folder, demo.port);
  const name = (JSON.parse(readFileSync(join(demo.folder, "instance.json"), "utf8")) as { instance: string })
    .instance; // Our own file.
  const client = () => ({
    region: REGION,
    endpoint: environment["AWS_ENDPOINT_URL"] ?? "",
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  });
  return {
    instance,
    name,
    url,
    environment,
    client,
    aws: (...parameters: readonly string[]) => run("aws", [...parameters, "--output", "json"], environment),
    /** Pushes an image to this instance's registry; answers its digest. */
    push: async (image: string): Promise<string> => {
      const { registry } = await instance.status();
      const { authorizationData = [] } = await new ECRClient(client()).send(
        new GetAuthorizationTokenCommand({}),
      );
      const folder = mkdtempSync(join(tmpdir(), "gantry-push-"));
      const file = join(folder, "password");
      const password = Buffer.from(authorizationData[0]?.authorizationToken ?? "", "base64")
        .toString()
        .slice("AWS:".length);
      writeFileSync(file, password, { mode: 0o600 });
      await run("sh", [
        "-c",
        `docker --config ${folder} login -u AWS --password-stdin ${registry} < ${file}`,
      ]);
      const output = await run("docker", ["--config", folder, "push", image]);
      return /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1] ?? "";
    },
    fileshare: async () =>
      (
        await new ECSClient(client()).send(
          new DescribeServicesCommand({ cluster: "fileshare", services: ["fileshare"] }),
        )
      ).services?.[0],
    namesAndCredentials: async (container: string, options: { seconds: number; tries: number }) => {
      const output = await run("docker", [
        "exec",
        container,
        "node",
        "-e",
        NAMES_AND_CREDENTIALS,
        String(options.seconds),
        String(options.tries),
      ]);
      return JSON.parse(output) as { good: number; failures: readonly string[] }; // The script's own line.
    },
    taskContainers: async () => {
      const filters = ["gantry.role=task", `gantry.instance=${name}`, "gantry.container=fileshare-app"];
      return (
        await run("docker", ["ps", "-q", ...filters.flatMap((filter) => ["--filter", `label=${filter}`])])
      )
        .split("\n")
        .filter(Boolean);
    },
  };
}
