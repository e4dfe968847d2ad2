import { readdirSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { syntax, text } from "../tidy/sources.ts";
import { childrenOf, isFunction, nameOf, type SyntaxNode } from "../tidy/syntax-nodes.ts";

const ROOT = resolve(import.meta.dirname, "../..");

export interface NamedMembers {
  /** Names that the code reads or has in a list or a table. */
  readonly names: ReadonlySet<string>;
  /** Paths that `refuseMembers` refuses. */
  readonly refused: ReadonlySet<string>;
}

/** A named function or constant, with the names of members that it reads and the names that it refers to. */
interface Body {
  readonly file: string;
  readonly name: string;
  readonly isOutermost: boolean;
  /** A constant in capitals: the keys of its tables are names of members. */
  readonly isConstant: boolean;
  readonly members: Set<string>;
  /** The members that it refuses with `refuseMembers`, as paths. */
  readonly refuses: Set<string>;
  readonly refers: Set<string>;
}

/**
 * The member names that the code of each operation mentions: those that it reads (`input.Name`, `{ Name } = input`) and
 * those that a table or a list names (`"Name"`), in the handler and in all that it refers to, and in what the service
 * wraps around every operation. It is read from the source: a name that is mentioned for another structure counts too.
 */
export function namedMembers(
  service: string,
  operations: readonly string[],
): ReadonlyMap<string, NamedMembers> {
  const bodies = new Map<string, Body>();
  const folder = posix.join("packages/api", service);
  const own = readdirSync(join(ROOT, folder))
    .filter((name) => /(?<!\.test)\.ts$/.test(name) && name !== "members.ts")
    .map((name) => posix.join(folder, name));
  for (const file of new Set([...own, ...own.flatMap(neighbours)])) collect(file, bodies);
  const byName = Map.groupBy(bodies.values(), (body) => body.name);
  const index = bodies.get(`${folder}/index.ts#${service}Service`);
  const around = reach(
    { bodies, byName },
    index === undefined ? [] : [index],
    /(?:Operations|[pP]ermissions)$/,
  );
  return new Map(
    operations.map((operation) => {
      const own = reach({ bodies, byName }, byName.get(operation) ?? []);
      return [operation, { names: own.names.union(around.names), refused: own.refused }];
    }),
  );
}

/** The files of other folders that a file imports from by a relative path, and theirs. */
function neighbours(file: string): readonly string[] {
  return [...text(file).matchAll(/from "(\.\.\/[^"]+)"/g)].map((match) =>
    posix.join(dirname(file), match[1] ?? ""),
  );
}

function collect(file: string, bodies: Map<string, Body>): void {
  const visit = (node: SyntaxNode, inside: readonly Body[]): void => {
    const name = declaredName(node, inside.length === 0);
    const here = name === undefined ? inside : [...inside, bodyOf(bodies, file, name, inside.length === 0)];
    const isConstant = inside.some((body) => body.isConstant);
    for (const body of here) {
      for (const member of membersOf(node, isConstant)) body.members.add(member);
      for (const path of refusedBy(node, file)) body.refuses.add(path);
      if (node.type === "Identifier") body.refers.add(String(node["name"]));
    }
    for (const child of childrenOf(node)) if (!isKey(child, node)) visit(child, here);
  };
  visit(syntax(file).program as unknown as SyntaxNode, []); // The parser's types have no common member access.
}

function bodyOf(bodies: Map<string, Body>, file: string, name: string, isOutermost: boolean): Body {
  const key = `${file}#${name}`;
  const known = bodies.get(key);
  if (known !== undefined) return known;
  const isConstant = /^[A-Z][A-Z0-9_]+$/.test(name);
  const body: Body = {
    file,
    name,
    isOutermost,
    isConstant,
    members: new Set(),
    refuses: new Set(),
    refers: new Set(),
  };
  bodies.set(key, body);
  return body;
}

/** The name under which other code refers to a declaration. Inside a function it is that of a function alone. */
function declaredName(node: SyntaxNode, isOutermost: boolean): string | undefined {
  if (node.type === "FunctionDeclaration") return nameOf(node["id"]);
  const value = (node["init"] ?? node["value"]) as SyntaxNode | undefined; // A node, where there is one.
  const holdsFunction = value !== undefined && value !== null && isFunction(value);
  if (node.type === "VariableDeclarator")
    return isOutermost || holdsFunction ? nameOf(node["id"]) : undefined;
  return node.type === "Property" && holdsFunction ? nameOf(node["key"]) : undefined;
}

/** The paths that a call of `refuseMembers(input, names, code, path)` names, in a list or a constant of the file. */
function refusedBy(node: SyntaxNode, file: string): readonly string[] {
  if (node.type !== "CallExpression" || nameOf(node["callee"]) !== "refuseMembers") return [];
  const [, list, , path] = childrenOf(node).filter((child) => child !== node["callee"]);
  const above = path === undefined ? "" : `${nameOf(path) ?? ""}.`;
  return namesIn(list, file).map((name) => `${above}${name}`);
}

function namesIn(list: SyntaxNode | undefined, file: string): readonly string[] {
  if (list === undefined) return [];
  if (list.type === "Literal") return names(list);
  if (list.type !== "Identifier") return childrenOf(list).flatMap((child) => namesIn(child, file));
  const literals = new RegExp(`const ${nameOf(list)} = \\[([^\\]]*)\\]`).exec(text(file))?.[1] ?? "";
  return [...literals.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
}

/** Whether a node names a member and refers to nothing. A key that is also the value (`{ name }`) refers to it. */
function isKey(child: SyntaxNode, parent: SyntaxNode): boolean {
  if (parent["computed"] === true) return false;
  if (parent.type === "MemberExpression") return child === parent["property"];
  return parent.type === "Property" && child === parent["key"];
}

/**
 * What a node says of members: it reads one, takes one out of a structure, or has a text that may be the name
 * of one.
 */
function membersOf(node: SyntaxNode, isConstant: boolean): readonly string[] {
  if (node.type === "MemberExpression") return names(node["property"]);
  if (node.type === "ObjectPattern" || (node.type === "ObjectExpression" && isConstant))
    return childrenOf(node).flatMap((property) => names(property["key"]));
  return node.type === "Literal" && typeof node["value"] === "string" ? [node["value"]] : [];
}

function names(node: unknown): readonly string[] {
  const name = nameOf(node);
  return name === undefined ? [] : [name];
}

/** What the given bodies name, and all that they refer to: in their own file, or outermost in another. */
function reach(
  { bodies, byName }: { bodies: ReadonlyMap<string, Body>; byName: ReadonlyMap<string, readonly Body[]> },
  roots: readonly Body[],
  except?: RegExp,
): NamedMembers {
  const [found, refused, seen] = [new Set<string>(), new Set<string>(), new Set<Body>()];
  const walk = (body: Body): void => {
    if (seen.has(body)) return;
    seen.add(body);
    for (const member of body.members) found.add(member);
    for (const path of body.refuses) refused.add(path);
    for (const name of body.refers) {
      if (except?.test(name) === true) continue;
      const own = bodies.get(`${body.file}#${name}`);
      for (const next of own === undefined ? (byName.get(name) ?? []).filter(isOutermost) : [own]) walk(next);
    }
  };
  for (const root of roots) walk(root);
  return { names: found, refused };
}

function isOutermost(body: Body): boolean {
  return body.isOutermost;
}
