import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseSync } from "oxc-parser";

const API = resolve(import.meta.dirname, "../packages/api");

interface Body {
  readonly file: string;
  readonly name: string;
  /** Whether other files can call it. */
  readonly isOutermost: boolean;
  /** `Code` or `Code (status)`. */
  readonly errors: Set<string>;
  readonly calls: Set<string>;
}

type Node = Readonly<Record<string, unknown>>;

/**
 * The errors that each operation's own code can raise, by reading it: `new ApiError(…)` in its handler and in
 * all that the handler calls.
 */
export function errorsByOperation(
  service: string,
  operations: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(join(API, service)).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
  );
  const own = files.map((name) => join(API, service, name));
  const read = [...new Set([...own, ...own.flatMap(neighbours)])].map(bodiesOf);
  const bodies = Map.groupBy(
    read.flatMap((each) => [...each.values()]),
    ({ name }) => name,
  );
  return new Map(operations.map((operation) => [operation, [...reach(bodies, operation)].toSorted()]));
}

/** The files of other services that a file takes something from. */
function neighbours(path: string): readonly string[] {
  return [...readFileSync(path, "utf8").matchAll(/from "(\.\.\/[^"]+)"/g)].map((match) =>
    resolve(dirname(path), match[1] ?? ""),
  );
}

const collected = new Map<string, ReadonlyMap<string, Body>>();

/** The functions of a file by name. A file is read once, for all services that take something from it. */
function bodiesOf(path: string): ReadonlyMap<string, Body> {
  const bodies = collected.get(path) ?? collect(path);
  collected.set(path, bodies);
  return bodies;
}

function collect(path: string): ReadonlyMap<string, Body> {
  const bodies = new Map<string, Body>();
  const { program } = parseSync(path, readFileSync(path, "utf8"));
  const visit = (value: unknown, inside: readonly Body[]): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, inside);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    const node = value as Node; // A syntax tree's node.
    const name = nameOf(node);
    const here = name === undefined ? inside : [...inside, bodyIn(bodies, path, name, inside.length === 0)];
    const error = errorOf(node);
    if (error !== undefined) for (const body of here) for (const each of error) body.errors.add(each);
    const called = calledBy(node);
    if (called !== undefined) for (const body of here) body.calls.add(called);
    for (const [key, child] of Object.entries(node)) if (key !== "parent") visit(child, here);
  };
  visit(program, []);
  return bodies;
}

function bodyIn(bodies: Map<string, Body>, file: string, name: string, isOutermost: boolean): Body {
  let body = bodies.get(name);
  if (body === undefined)
    bodies.set(name, (body = { file, name, isOutermost, errors: new Set(), calls: new Set() }));
  return body;
}

/** The name under which a function is called: its own, its variable's, or that of the property it is. */
function nameOf(node: Node): string | undefined {
  const named = (value: unknown): string | undefined => {
    const { type, name } = (value ?? {}) as { type?: string; name?: string }; // As above.
    return type === "Identifier" ? name : undefined;
  };
  const isFunction = (value: unknown): boolean =>
    /Function/.test(String((value as Node | undefined)?.["type"]));
  if (node["type"] === "FunctionDeclaration") return named(node["id"]);
  if (node["type"] === "VariableDeclarator")
    return isFunction(node["init"]) || holdsError(node["init"]) ? named(node["id"]) : undefined;
  if (node["type"] === "Property") return isFunction(node["value"]) ? named(node["key"]) : undefined;
  return undefined;
}

/** A variable that is an error, to be thrown later. */
function holdsError(value: unknown): boolean {
  return errorOf((value ?? {}) as Node) !== undefined;
}

/** What `new ApiError("Code", …, { status })` or one of its makers says. */
function errorOf(node: Node): readonly string[] | undefined {
  if (node["type"] !== "NewExpression" || (node["callee"] as { name?: string }).name !== "ApiError")
    return undefined;
  const [code, , options] = node["arguments"] as Node[]; // As above.
  const status = ((options?.["properties"] ?? []) as Node[]).find(
    (property) => (property["key"] as { name?: string }).name === "status",
  )?.["value"] as Node | undefined; // As above.
  const number = status?.["type"] === "Literal" ? ` (${String(status["value"])})` : "";
  return literals(code).map((text) => `${text}${number}`);
}

/** The texts that an expression can be: a literal, or either side of a choice. */
function literals(node: Node | undefined): readonly string[] {
  if (node?.["type"] === "Literal") return [String(node["value"])];
  if (node?.["type"] === "ConditionalExpression")
    return [...literals(node["consequent"] as Node), ...literals(node["alternate"] as Node)]; // As above.
  return [];
}

function calledBy(node: Node): string | undefined {
  if (node["type"] === "Identifier") return String(node["name"]);
  return undefined;
}

/** A name means its own file's function; another file's where that one is an outermost one. */
function reach(bodies: ReadonlyMap<string, readonly Body[]>, operation: string): ReadonlySet<string> {
  const errors = new Set<string>();
  const seen = new Set<Body>();
  const walk = (body: Body): void => {
    if (seen.has(body)) return;
    seen.add(body);
    for (const error of body.errors) errors.add(error);
    for (const called of body.calls) for (const next of meant(called, body.file)) walk(next);
  };
  const named = (name: string): readonly Body[] => bodies.get(name) ?? [];
  const meant = (name: string, from: string): readonly Body[] => {
    const own = named(name).filter(({ file }) => file === from);
    return own.length === 0 ? named(name).filter((body) => body.isOutermost) : own;
  };
  for (const body of named(operation)) walk(body);
  return errors;
}
