import { existsSync } from "node:fs";
import { findPackageJSON, registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const CLIENT = /^@aws-sdk\/client-[a-z0-9-]+$/;

/**
 * After this call, `import "@aws-sdk/client-X"` in this process loads the schemas, errors and enums of X
 * without the client. Loading the clients costs 210 ms and 110 MB for our services (docs/decisions/0002).
 * Relies on the packages' file layout and throws if it has changed.
 */
export function importSdkSchemasOnly(from: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (CLIENT.test(specifier))
        return { url: `sdk-schemas:${specifier}`, shortCircuit: true, format: "module" };
      if (specifier.startsWith(".") && context.parentURL?.includes("/@aws-sdk/client-")) {
        return {
          url: new URL(`${specifier}.js`, context.parentURL).href,
          shortCircuit: true,
          format: "module",
        };
      }
      return next(specifier, context);
    },
    load(url, context, next) {
      if (!url.startsWith("sdk-schemas:")) return next(url, context);
      const folder = join(
        dirname(findPackageJSON(url.slice("sdk-schemas:".length), pathToFileURL(from)) ?? ""),
        "dist-es",
      );
      const files = ["schemas/schemas_0", "models/errors", "models/enums"]
        .map((name) => join(folder, `${name}.js`))
        .filter((file) => existsSync(file));
      if (files.length === 0)
        throw new Error(`${folder} holds no schemas: the SDK's file layout has changed.`);
      return {
        format: "module",
        shortCircuit: true,
        source: files.map((file) => `export * from ${JSON.stringify(pathToFileURL(file).href)};`).join("\n"),
      };
    },
  });
}
