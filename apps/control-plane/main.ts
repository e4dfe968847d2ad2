import { join } from "node:path";
import { resolveOwnModules } from "@gantry/kernel/own-modules";
import { importSdkSchemasOnly } from "@gantry/wire/sdk-schemas";

// How modules are loaded is decided before the program's own modules are: see docs/decisions/0002 and 0044.
importSdkSchemasOnly(join(import.meta.dirname, "../../packages/api/package.json"));
resolveOwnModules();
const { runControlPlane } = await import("./control-plane.ts");
await runControlPlane(process.argv[2]);
