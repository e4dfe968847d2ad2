import type { ParseResult } from "oxc-parser";
import { childrenOf, isFunction, nameOf, type SyntaxNode } from "./syntax-nodes.ts";

export const FUNCTION_LINES_MAX = 60;

/**
 * The functions of a source that have more than FUNCTION_LINES_MAX lines, from the first line of the function to its
 * last. A function is named by its path: `outer.method`. A function that contains a long one is itself long.
 */
export function longFunctions(source: string, { program }: ParseResult): readonly string[] {
  const lineStarts = [0, ...[...source.matchAll(/\n/g)].map((match) => match.index + 1)];
  const lineOf = (offset: number): number => lineStarts.findLastIndex((start) => start <= offset);
  const found: string[] = [];
  const visit = (node: SyntaxNode, path: readonly string[], given: string | undefined): void => {
    let below = path;
    const own = nameOf(node["id"]) ?? nameOf(node["key"]);
    if (isFunction(node)) {
      below = [...path, own ?? given ?? "callback"];
      const lines = lineOf(node.end) - lineOf(node.start) + 1;
      if (lines > FUNCTION_LINES_MAX) found.push(below.join("."));
    } else if (node.type === "ClassDeclaration" && own !== undefined) below = [...path, own];
    for (const child of childrenOf(node)) visit(child, below, isFunction(node) ? undefined : own);
  };
  visit(program as unknown as SyntaxNode, [], undefined); // The parser's types have no common member access.
  return found;
}
