import { posix } from "node:path";
import type { ParseResult } from "oxc-parser";

/** The modules that a file imports or exports from: for values or for types, statically or with `import()`. */
export function importsOf(source: string, { module }: ParseResult): readonly string[] {
  const dynamic = module.dynamicImports.flatMap(({ moduleRequest }) => {
    const literal = /^["']([^"']+)["']$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
    return literal?.[1] ?? [];
  });
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
  );
  return [...module.staticImports.map((each) => each.moduleRequest.value), ...exported, ...dynamic];
}

/** The file of the repository that an import names; undefined for libraries and Node's own modules. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
  const name = /^@gantry\/([^/]+)$/.exec(specifier)?.[1];
  return name === undefined ? undefined : `packages/${name}/index.ts`;
}

/**
 * The groups of files that import one another in a circle, each sorted. A group is a strongly connected component of
 * more than one file, found by Tarjan's algorithm.
 */
export function importCircles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const [order, low] = [new Map<string, number>(), new Map<string, number>()];
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    const at = order.size;
    order.set(file, at);
    low.set(file, at);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      const reached = order.has(next) ? (stack.includes(next) ? (order.get(next) ?? at) : at) : visit(next);
      low.set(file, Math.min(low.get(file) ?? at, reached));
    }
    if (low.get(file) === at) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) circles.push(circle.toSorted());
    }
    return low.get(file) ?? at;
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}
