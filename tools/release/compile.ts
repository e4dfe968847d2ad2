import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, extname, join, posix } from "node:path";
import { parseSync } from "oxc-parser";

/** The modules that start processes and threads; everything else is reached from them. */
export const ENTRY_POINTS = [
  "apps/cli/main.ts",
  "apps/control-plane/main.ts",
  "apps/agent/main.ts",
  "packages/content/hash-worker.ts",
  "packages/content/metrics/metric-worker.ts",
] as const;

/** What was compiled. */
export interface Compiled {
  /** The modules, by their path in the sources. */
  readonly modules: readonly string[];
  /** The npm packages that the modules import by name, and those that their own packages declare. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * Compiles every module that the program can reach from its entry points to JavaScript, into the same places below
 * `target`. Node's own type stripping is used, as it is in a checkout, so lines and columns stay the same. Imports of
 * workspace packages become relative: the result needs no workspace. Files beside the modules that are no modules (such
 * as engine-mounts.pl) are copied.
 * Errors: a module that imports by an expression, because what it imports would be missing.
 */
export function compileProgram(sources: string, target: string): Compiled {
  const modules = new Set<string>();
  const waiting: string[] = [...ENTRY_POINTS];
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    if (modules.has(module)) continue;
    modules.add(module);
    const { text, imports } = compileModule(readFileSync(join(sources, module), "utf8"), module);
    writeInto(target, asJavaScript(module), text);
    waiting.push(...imports);
  }
  for (const folder of new Set([...modules].map((module) => dirname(module))))
    for (const name of readdirSync(join(sources, folder)).filter(isCompanion))
      copyFileSync(join(sources, folder, name), join(target, folder, name));
  return { modules: [...modules].toSorted(), dependencies: declaredBy(sources, modules) };
}

/** One module in JavaScript, and the modules of the program that it imports. Pure. */
export function compileModule(source: string, module: string): { text: string; imports: readonly string[] } {
  const text = stripTypeScriptTypes(source);
  const { module: syntax } = parseSync("module.js", text);
  const requests = [
    ...syntax.staticImports.map((each) => each.moduleRequest),
    ...syntax.staticExports.flatMap((each) => each.entries.flatMap((entry) => entry.moduleRequest ?? [])),
    ...syntax.dynamicImports.map((each) => each.moduleRequest),
  ];
  const imports = new Set<string>();
  let compiled = text;
  // From the end to the beginning, so that positions stay right; an export of several names is one request.
  const places = new Map(requests.map(({ start, end }) => [start, end]));
  for (const [start, end] of [...places].toSorted(([a], [b]) => b - a)) {
    const literal = /^(["'])([^"'\\]+)\1$/.exec(text.slice(start, end));
    if (literal === null) throw new Error(`${module} imports by an expression: ${text.slice(start, end)}.`);
    const imported = moduleOf(literal[2] ?? "", module);
    if (imported === undefined) continue;
    imports.add(imported);
    const relative = posix.relative(posix.dirname(module), asJavaScript(imported));
    const specifier = relative.startsWith(".") ? relative : `./${relative}`;
    compiled = `${compiled.slice(0, start)}"${specifier}"${compiled.slice(end)}`;
  }
  return { text: compiled, imports: [...imports] };
}

const APPS: Readonly<Record<string, string>> = {
  "@gantry/cli": "apps/cli",
  "@gantry/control-plane": "apps/control-plane",
};

/** The path of an imported module of this repository; undefined for Node's and npm's. */
function moduleOf(specifier: string, from: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
  const match = /^(@gantry\/[\w-]+)(?:\/(.+))?$/.exec(specifier);
  if (match === null) return undefined;
  const [, name = "", path = "index"] = match;
  return `${APPS[name] ?? name.replace("@gantry", "packages")}/${path}.ts`;
}

function asJavaScript(module: string): string {
  return module.replace(/\.ts$/, ".js");
}

/** Files that modules read at run time, and SUPPORT.md, as opposed to modules and manifests. */
function isCompanion(name: string): boolean {
  return ![".ts", ".tsx", ".json", ""].includes(extname(name));
}

/** The exact versions that the workspaces of these modules declare; types are not needed at run time. */
function declaredBy(sources: string, modules: ReadonlySet<string>): Readonly<Record<string, string>> {
  const workspaces = new Set([...modules].map((module) => module.split("/").slice(0, 2).join("/")));
  const declared = [...workspaces].flatMap((workspace) => {
    const text = readFileSync(join(sources, workspace, "package.json"), "utf8");
    return Object.entries((JSON.parse(text) as { dependencies?: Record<string, string> }).dependencies ?? {});
  });
  return Object.fromEntries(
    declared
      .filter(([name]) => !name.startsWith("@types/") && !name.startsWith("@gantry/"))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function writeInto(target: string, path: string, text: string): void {
  mkdirSync(dirname(join(target, path)), { recursive: true });
  writeFileSync(join(target, path), text);
}
