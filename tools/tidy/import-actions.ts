import type { ParseResult } from "oxc-parser";
import { isFunction, nameOf, walk, type SyntaxNode } from "./syntax-nodes.ts";

const DECLARATIONS =
  /^(Import|Export(All|Named|Default)|Function|Class|Variable|TS\w+)Declaration$|^TSDeclareFunction$/;
const OUTSIDE = /^node:(fs|fs\/promises|child_process|net|tls|http|https|dgram|dns|sqlite|worker_threads)$/;

/**
 * What a module does when it is imported: statements that are not declarations, imports without names, `await`, and
 * calls of functions that reach outside the process (files, sockets, processes) in an initial value. Other calls in
 * initial values, such as `new Map([...])`, count as data.
 */
export function importActions(source: string, { program, module }: ParseResult): readonly string[] {
  const outside = new Set(
    module.staticImports
      .filter((each) => OUTSIDE.test(each.moduleRequest.value))
      .flatMap((each) => each.entries.map((entry) => entry.localName.value)),
  );
  const nodes = program.body as unknown as readonly SyntaxNode[]; // The parser's types have no common member access.
  return nodes
    .filter((node) => {
      if (node.type === "ImportDeclaration") return !/^import\s+[^"']/.test(source.slice(node.start));
      return !DECLARATIONS.test(node.type) || reachesOutside(node, outside);
    })
    .map((node) => source.slice(node.start, node.end).split("\n")[0] ?? "");
}

function reachesOutside(declaration: SyntaxNode, outside: ReadonlySet<string>): boolean {
  for (const node of walk(
    declaration,
    (each) => !isFunction(each) && !each.type.startsWith("TS") && !isOfInstance(each),
  )) {
    if (node.type === "AwaitExpression") return true;
    if (node.type !== "CallExpression" && node.type !== "NewExpression") continue;
    const callee = node["callee"] as SyntaxNode; // A call has a callee.
    if (outside.has(nameOf(callee["object"]) ?? nameOf(callee) ?? "")) return true;
  }
  return false;
}

/** Fields of an instance get their values when an object is constructed, not when the module is imported. */
function isOfInstance(node: SyntaxNode): boolean {
  return node.type === "PropertyDefinition" && node["static"] !== true;
}
