import { readFileSync } from "node:fs";
import { join } from "node:path";
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

/** A demo that is up, with what tests ask of it. */
export function openDemo(demo: Demo) {
  const { environment, url } = demo;
  const instance = openInstance(demo.folder, demo.port);
  const name = (JSON.parse(readFileSync(join(demo.folder, "instance.json"), "utf8")) as { instance: string }).instance; // Our own file.
  const client = () => ({
    region: REGION,
    endpoint: environment["AWS_ENDPOINT_URL"] ?? "",
    credentials: { accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "", secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "" },
  });
  return {
    instance,
    name,
    url,
    environment,
    client,
    aws: (...parameters: readonly string[]) => run("aws", [...parameters, "--output", "json"], environment),
    fileshare: async () =>
      (await new ECSClient(client()).send(new DescribeServicesCommand({ cluster: "fileshare", services: ["fileshare"] }))).services?.[0],
    taskContainers: async () => {
      const filters = ["gantry.role=task", `gantry.instance=${name}`, "gantry.container=fileshare-app"];
      return (await run("docker", ["ps", "-q", ...filters.flatMap((filter) => ["--filter", `label=${filter}`])])).split("\n").filter(Boolean);
    },
  };
}
