import { isObject } from "@gantry/kernel";
import type { InsightsValue } from "./insights-values.ts";

/** The fields that are discovered in a message. Source: User Guide, "Supported logs and discovered fields". */
const FIELDS_MAX = 200;
const DEPTH_MAX = 20;

/** Reads the fields that are discovered in a message that is JSON, by paths such as `a.b` and `a.0.b`. */
export function discoverIn(message: string): (name: string) => InsightsValue {
  let root: unknown;
  let isParsed = false;
  const found = new Map<string, InsightsValue>();
  return (name) => {
    if (found.has(name)) return found.get(name);
    if (!isParsed) root = parseJson(message);
    isParsed = true;
    const value = presentable(root === undefined ? undefined : valueAt(root, name));
    found.set(name, value);
    return value;
  };
}

/** All fields that are discovered in a message, with their values: at most 200. */
export function discoveredFields(message: string): ReadonlyMap<string, InsightsValue> {
  const found = new Map<string, InsightsValue>();
  const walk = (value: unknown, path: string, depth: number): void => {
    if (found.size >= FIELDS_MAX) return;
    if (depth < DEPTH_MAX && (isObject(value) || Array.isArray(value)))
      for (const [name, each] of Object.entries(value))
        walk(each, path === "" ? name : `${path}.${name}`, depth + 1);
    else if (path !== "") found.set(path, presentable(value) ?? "");
  };
  walk(parseJson(message), "", 0);
  return found;
}

function parseJson(message: string): unknown {
  if (!message.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function valueAt(root: unknown, name: string): unknown {
  let value = root;
  for (const step of name.split(".")) {
    if (Array.isArray(value)) value = value[Number(step)] as unknown; // Elements of JSON are of unknown types.
    else if (isObject(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

function presentable(value: unknown): InsightsValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}
