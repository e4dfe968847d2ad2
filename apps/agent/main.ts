import { flushCompileCache } from "node:module";
import { resolveOwnModules } from "@gantry/kernel/own-modules";

// How modules are loaded is decided before the program's own modules are: see docs/decisions/0044.
resolveOwnModules();
const { runNodeAgent } = await import("./node-agent.ts");
if (process.argv[2] === "--compile") {
  flushCompileCache();
  process.exit(0);
}
await runNodeAgent(process.argv[2]);
