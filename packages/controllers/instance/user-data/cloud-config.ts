import { isObject } from "@gantry/kernel";
import { parseDocument } from "yaml";

export type CloudConfig = Readonly<Record<string, unknown>>;

/** Aliases that one document may resolve: each can repeat what the others have made. */
const ALIASES_MAX = 50;

/**
 * Reads cloud-config, YAML 1.1 as cloud-init reads it: `0644` is octal, and the last of equal keys counts.
 * Errors: an Error whose message says what is wrong.
 */
export function parseCloudConfig(text: string): CloudConfig {
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false, merge: true, logLevel: "error" });
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(problem.message.split("\n")[0]);
  const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw new Error("it is not a mapping");
  return value;
}

/**
 * One configuration from several parts: keys of later parts replace those of earlier ones, unless the later part says
 * in `merge_how` that lists are appended.
 * Source: cloud-init's documentation, "Merge user data sections".
 */
export function mergeCloudConfig(earlier: CloudConfig, later: CloudConfig): CloudConfig {
  const how = JSON.stringify(later["merge_how"] ?? later["merge_type"] ?? "");
  const isAppended = /list\(append|"append"/.test(how);
  const merged = Object.entries(later).map(([key, value]) => {
    const before = Object.hasOwn(earlier, key) ? earlier[key] : undefined;
    return [key, isAppended && Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value];
  });
  return { ...earlier, ...Object.fromEntries(merged) };
}
