import { existsSync } from "node:fs";
import { findPackageJSON, registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const CLIENT = /^@aws-sdk\/client-[a-z0-9-]+$/;
/** The form of the module that stands for a client: a hook that loads modules would slow every import down. */
const DATA = "data:text/javascript,";

/**
 * After this call, `import "@aws-sdk/client-X"` in this process loads the schemas, errors and enums of X
 * without the client. Loading the clients costs 210 ms and 110 MB for our services (docs/decisions/0002).
 * Relies on the packages' file layout and throws if it has changed.
 */
export function importSdkSchemasOnly(from: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (CLIENT.test(specifier)) return asModule(schemasOf(specifier, from));
      // Node parses a whole file to find out that it is an ES module, because the packages do not say so.
      if (specifier.startsWith("file:") && context.parentURL?.startsWith(DATA) === true)
        return asModule(specifier);
      if (specifier.startsWith(".") && context.parentURL?.includes("/@aws-sdk/client-") === true)
        return asModule(new URL(`${specifier}.js`, context.parentURL).href);
      return next(specifier, context);
    },
  });
}

function asModule(url: string): { url: string; format: string; shortCircuit: boolean } {
  return { url, format: "module", shortCircuit: true };
}

/** The URL of a module that exports the schemas, errors and enums of a client. */
function schemasOf(client: string, from: string): string {
  const folder = join(dirname(findPackageJSON(client, pathToFileURL(from)) ?? ""), "dist-es");
  const files = ["schemas/schemas_0", "models/errors", "models/enums"]
    .map((name) => join(folder, `${name}.js`))
    .filter((file) => existsSync(file));
  if (files.length === 0) throw new Error(`${folder} holds no schemas: the SDK's file layout has changed.`);
  const source = files.map((file) => `export * from ${JSON.stringify(pathToFileURL(file).href)};`);
  return `${DATA}${encodeURIComponent(source.join("\n"))}`;
}
