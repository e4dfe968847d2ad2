import type { ParseResult } from "oxc-parser";
import { childrenOf, type SyntaxNode } from "./syntax-nodes.ts";

export const COLUMNS_MAX = 120;

/**
 * The numbers of the lines of a source that have more than COLUMNS_MAX columns and could be broken. Lines of a template
 * over several lines are text of another language or of a page, and a regular expression, or a literal without a blank
 * such as a URL or an ARN, has no place to break it.
 */
export function wideLines(source: string, { program }: ParseResult): readonly number[] {
  const lines = source.split("\n");
  if (lines.every((line) => line.length <= COLUMNS_MAX)) return [];
  const lineStarts = [0, ...[...source.matchAll(/\n/g)].map((match) => match.index + 1)];
  const lineOf = (offset: number): number => lineStarts.findLastIndex((start) => start <= offset);
  const exempt = new Set<number>();
  const visit = (node: SyntaxNode): void => {
    const text = source.slice(node.start, node.end);
    const [first, last] = [lineOf(node.start), lineOf(node.end)];
    if (node.type === "TemplateLiteral" && first !== last)
      for (let line = first; line <= last; line += 1) exempt.add(line);
    if (isUnbreakable(node, text)) exempt.add(first);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program as unknown as SyntaxNode); // The parser's types have no common member access.
  return lines.flatMap((line, index) =>
    [...line].length > COLUMNS_MAX && !exempt.has(index) ? [index + 1] : [],
  );
}

/** Whether a node is a long literal that has no blank outside of its interpolations. */
function isUnbreakable(node: SyntaxNode, text: string): boolean {
  if (node.type === "Literal" && text.startsWith("/")) return true;
  if (node.type !== "Literal" && node.type !== "TemplateLiteral") return false;
  return text.length > COLUMNS_MAX / 2 && !/\s/.test(text.replace(/\$\{[^}]*\}/g, ""));
}
