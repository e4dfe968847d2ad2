import type { TestProject } from "vitest/node";
import { newInstance } from "./helpers.ts";

const PORT = 24_566;

/** One demo for all end-to-end tests that leave it as they found it: up before the first, gone after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const instance = newInstance(PORT);
  const answer = await instance.up("demo", "--json");
  const { url } = JSON.parse(answer.trim().split("\n").at(-1) ?? "{}") as { url: string }; // Our own output.
  project.provide("demo", { folder: instance.folder, port: PORT, url, environment: await instance.environment() });
  return async () => {
    await instance.gantry("down", "--purge");
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    demo: { folder: string; port: number; url: string; environment: Record<string, string> };
  }
}
