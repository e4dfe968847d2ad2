import type { ParseResult } from "oxc-parser";

/**
 * The modules that a module loads when it is loaded: those that it imports or exports from for values. Imports of types
 * are erased, and `import()` loads later.
 */
export function loadedWith({ module }: ParseResult): readonly string[] {
  const imported = module.staticImports
    .filter(({ entries }) => entries.length === 0 || entries.some((entry) => !entry.isType))
    .map((each) => each.moduleRequest.value);
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap((entry) => (entry.isType ? [] : (entry.moduleRequest?.value ?? []))),
  );
  return [...imported, ...exported];
}

/** The first modules, and every module that is loaded with them. */
export function closureOf(
  first: readonly string[],
  next: (module: string) => readonly string[],
): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [...first];
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    if (found.has(module)) continue;
    found.add(module);
    waiting.push(...next(module));
  }
  return found;
}
