import type { ParseResult } from "oxc-parser";
import { childrenOf, nameOf, type SyntaxNode } from "./syntax-nodes.ts";

/** Names of functions that look something up by a key, or that make the key. */
const LOOKUP = /^(?:get|has|delete|listBy|keysBy|countBy|find\w*|\w+KeyOf)$/;

/** The look-ups of a source that turn an absent key into the empty one: `get("role", arn ?? "")`. */
export function absentKeys(source: string, { program }: ParseResult): readonly string[] {
  const found: string[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === "CallExpression") {
      const callee = node["callee"] as SyntaxNode; // As in the grammar of a call, and below.
      const name = nameOf(callee.type === "MemberExpression" ? callee["property"] : callee);
      if (
        name !== undefined &&
        LOOKUP.test(name) &&
        (node["arguments"] as SyntaxNode[]).some(isEmptyFallback)
      )
        found.push(source.slice(node.start, node.end));
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program as unknown as SyntaxNode); // The parser's types have no common member access.
  return found;
}

function isEmptyFallback(node: SyntaxNode): boolean {
  const right = node["right"] as SyntaxNode | undefined; // As above.
  return node.type === "LogicalExpression" && right?.type === "Literal" && right["value"] === "";
}
