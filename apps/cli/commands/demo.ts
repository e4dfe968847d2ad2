import { runDemo } from "../demo/demo.ts";
import type { Call } from "./command.ts";
import { portOf } from "./up.ts";

/** Sets up all prerequisites and runs the example website. */
export async function run(call: Call): Promise<number> {
  const options = { port: portOf(call), json: call.flag("json"), terraform: call.flag("terraform") };
  await runDemo(call.deps, call.folder, options);
  return 0;
}
