import type { TestProject } from "vitest/node";
import { bringUpDemo, type Demo } from "./demo.ts";
import { newInstance } from "./helpers.ts";

/** One demo for all end-to-end tests that leave it as they found it: up before the first, gone after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const instance = await newInstance();
  project.provide("demo", await bringUpDemo(instance));
  return async () => {
    await instance.gantry("down", "--purge");
  };
}

declare module "vitest" {
  export interface ProvidedContext {
    demo: Demo;
  }
}
