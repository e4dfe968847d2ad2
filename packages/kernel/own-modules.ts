import { existsSync } from "node:fs";
import { registerHooks } from "node:module";

/** The folder of the program: this module is in packages/kernel. */
const PROGRAM = new URL("../../", import.meta.url).href;
/** Only a checkout imports by these names: a release has relative imports in their place (tools/release/compile.ts). */
const OF_WORKSPACE = /^@gantry\/([^/]+)(?:\/(.+))?$/;

/**
 * After this call, imports between this program's own modules are resolved by their text: `./name.ts` is a file
 * beside its importer, and `@gantry/name/path` is `packages/name/path.ts`, as the packages' own `exports` say.
 * Node's own resolution looks for the file, its real path and its package.json each time, which takes a third of
 * the control plane's start (docs/decisions/0044). Imports of and between npm packages are left to Node.
 */
export function resolveOwnModules(): void {
  const inPackages = new Map<string, boolean>();
  const packageFile = (specifier: string): string | undefined => {
    const [, name = "", path = "index"] = OF_WORKSPACE.exec(specifier) ?? [];
    if (name === "") return undefined;
    const folder = new URL(`packages/${name}/`, PROGRAM);
    if (!inPackages.has(name)) inPackages.set(name, existsSync(folder));
    return inPackages.get(name) === true ? `${folder.href}${path}.ts` : undefined;
  };
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith("node:")) return { url: specifier, format: "builtin", shortCircuit: true };
      if (!isOwn(context.parentURL)) return next(specifier, context);
      const known = specifier.startsWith(".")
        ? new URL(specifier, context.parentURL).href
        : packageFile(specifier);
      return known === undefined
        ? next(specifier, context)
        : { url: known, format: formatOf(known), shortCircuit: true };
    },
  });
}

function isOwn(url: string | undefined): boolean {
  return url?.startsWith(PROGRAM) === true && !url.includes("/node_modules/", PROGRAM.length - 1);
}

/** A checkout has TypeScript, an installed release JavaScript; both are ES modules. */
function formatOf(url: string): string {
  return url.endsWith(".ts") ? "module-typescript" : "module";
}
