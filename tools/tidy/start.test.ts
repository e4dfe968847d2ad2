import { parseSync } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { closureOf, loadedWith } from "./loaded-modules.ts";
import { syntax } from "./sources.ts";

/** What the control plane loads before it answers ListClusters: with the service, which its first request loads. */
const BEFORE_THE_FIRST_ANSWER = [
  "apps/control-plane/main.ts",
  "apps/control-plane/control-plane.ts",
  "packages/api/ecs/index.ts",
];
/** A module costs about 0.2 ms. What clients do not wait for belongs behind an `import()`. */
const MODULES_MAX = 267;
/** Modules of Node that take 2 ms each to load: `process.getBuiltinModule` loads them with their first use. */
const SLOW_BUILTINS = /^node:(zlib|child_process|http|https|http2|tls|dgram|worker_threads|readline)$/;
/** Nothing of these is needed for an answer, except a pure function that TLS connections are read with. */
const LATER =
  /^packages\/(controllers|agent|agent-protocol|images)\/(?!relay-header\.ts)|content\/metrics\/(math\/|(bucket|bucket-table|read-metrics)\.ts)/;
const APPS = /^@gantry\/(cli|control-plane)(?:\/(.+))?$/;

/** The file that an import names; undefined for libraries and Node's own modules. */
function fileOf(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return new URL(specifier, `file:///${from}`).pathname.slice(1);
  const [, app, inApp = "index"] = APPS.exec(specifier) ?? [];
  if (app !== undefined) return `apps/${app}/${inApp}.ts`;
  const [, name, path = "index"] = /^@gantry\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? [];
  return name === undefined ? undefined : `packages/${name}/${path}.ts`;
}

describe("the start of the control plane", () => {
  const loaded = closureOf(BEFORE_THE_FIRST_ANSWER, (file) =>
    loadedWith(syntax(file)).flatMap((specifier) => fileOf(file, specifier) ?? []),
  );

  it(`loads at most ${MODULES_MAX} modules before the first answer`, () =>
    expect(loaded.size).toBeLessThanOrEqual(MODULES_MAX));

  it("follows imports through packages", () => expect(loaded).toContain("packages/state/sqlite-store.ts"));

  it("loads controllers and what nodes need later", () =>
    expect([...loaded].filter((file) => LATER.test(file))).toEqual([]));

  it("loads none of the modules of Node that no answer needs", () =>
    expect(
      [...loaded].filter((file) =>
        loadedWith(syntax(file)).some((specifier) => SLOW_BUILTINS.test(specifier)),
      ),
    ).toEqual([]));

  it("counts imports for values, and neither those of types nor import()", () => {
    const source = `
      import { a } from "./a.ts"; import type { B } from "./b.ts"; import { type C } from "./c.ts";
      import { d, type D } from "./d.ts"; export * from "./e.ts"; export type { F } from "./f.ts";
      const later = () => import("./g.ts");`;
    expect(loadedWith(parseSync("example.ts", source))).toEqual(["./a.ts", "./d.ts", "./e.ts"]);
  });
});
