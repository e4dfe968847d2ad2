import { runDemo } from "../demo/demo.ts";
import type { Call } from "./command.ts";
import { portOf } from "./up.ts";

/** Sets up all prerequisites and runs the example website. */
export async function run(call: Call): Promise<number> {
  await runDemo(call.deps, call.folder, { port: portOf(call), json: call.flag("json") });
  return 0;
}
