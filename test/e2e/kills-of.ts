import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { eventually, run } from "./helpers.ts";

/** Ends processes of an instance as `kill -9` does; the control plane is started again. */
export function killsOf({ instance, name }: ReturnType<typeof openDemo>) {
  return {
    agent: async () => {
      const pid = await eventually(async () => {
        const { agents } = await instance.status();
        return agents[0]?.pid ?? expect.fail("The agent is not back yet.");
      });
      process.kill(pid, "SIGKILL");
    },
    proxy: async () => {
      const filters = ["--filter", `label=gantry.instance=${name}`, "--filter", "label=gantry.role=proxy"];
      await run("docker", ["kill", (await run("docker", ["ps", "-q", ...filters])).trim()]);
    },
    controlPlane: async () => {
      process.kill((await instance.status()).controlPlane.pid, "SIGKILL");
      await instance.up("up");
    },
  };
}
