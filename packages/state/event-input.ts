import { isObject } from "@gantry/kernel";
import type { EventRuleRecord, EventTargetRecord } from "./records.ts";

/** An event as it is delivered, with its JSON text. */
export interface DeliveredEvent {
  readonly value: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a target is given: the event, a part of it, a constant text, or a template that is filled in. */
export function inputOf(
  target: EventTargetRecord,
  event: DeliveredEvent,
  rule: Pick<EventRuleRecord, "arn" | "name">,
): string {
  const { Input, InputPath, InputTransformer } = target.parameters;
  if (typeof Input === "string") return Input;
  if (typeof InputPath === "string") return JSON.stringify(valueAt(event.value, InputPath) ?? null);
  if (!isObject(InputTransformer)) return event.text;
  const { InputPathsMap, InputTemplate } = InputTransformer;
  const values = new Map<string, unknown>([
    ["aws.events.rule-arn", rule.arn],
    ["aws.events.rule-name", rule.name],
    ["aws.events.event.ingestion-time", event.value["time"]],
  ]);
  for (const [name, path] of Object.entries(isObject(InputPathsMap) ? InputPathsMap : {}))
    values.set(name, valueAt(event.value, String(path)));
  return filled(String(InputTemplate), values, event.text);
}

/**
 * The target with the parts of its request to an API destination that are paths into the event filled in.
 * Source: API_HttpParameters; EventBridge User Guide, "API destinations as targets", dynamic parameters.
 */
export function withRequestOf(target: EventTargetRecord, event: DeliveredEvent): EventTargetRecord {
  const { http } = target;
  if (http === undefined) return target;
  const filledIn = (text: string): string => {
    if (!text.startsWith("$.") || !isInputPath(text)) return text;
    const found = valueAt(event.value, text);
    return typeof found === "string" ? found : found === undefined ? "" : JSON.stringify(found);
  };
  const each = (map: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, filledIn(value)]));
  return {
    ...target,
    http: { path: http.path.map(filledIn), headers: each(http.headers), query: each(http.query) },
  };
}

/**
 * A variable within quotation marks becomes text; elsewhere its JSON.
 * Source: EventBridge User Guide, "Input transformation".
 */
function filled(template: string, values: ReadonlyMap<string, unknown>, eventText: string): string {
  let isQuoted = false;
  return template.replaceAll(/\\.|"|<([A-Za-z0-9_.-]+)>/g, (token: string, name: string | undefined) => {
    if (name === undefined) {
      if (token === '"') isQuoted = !isQuoted;
      return token;
    }
    if (name === "aws.events.event" || name === "aws.events.event.json")
      return isQuoted ? JSON.stringify(eventText).slice(1, -1) : eventText;
    if (!values.has(name)) return token;
    const value = values.get(name) ?? "";
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const asText = JSON.stringify(text).slice(1, -1);
    return isQuoted ? asText : typeof value === "string" ? `"${asText}"` : text;
  });
}

const STEP = /^(?:\.([A-Za-z0-9_-]+)|\[(?:(\d+)|'([^']+)'|"([^"]+)")\])/;

/** Whether a text is a path that `valueAt` follows: `$`, then members and elements. */
export function isInputPath(path: string): boolean {
  if (!path.startsWith("$")) return false;
  let rest = path.slice(1);
  for (let match = STEP.exec(rest); match !== null; match = STEP.exec(rest))
    rest = rest.slice(match[0].length);
  return rest === "";
}

/** The value at a path; undefined where there is none. */
function valueAt(value: unknown, path: string): unknown {
  let found = value;
  let rest = path.slice(1);
  for (let match = STEP.exec(rest); match !== null; match = STEP.exec(rest)) {
    const name = match[1] ?? match[3] ?? match[4];
    if (name !== undefined) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    else found = Array.isArray(found) ? (found[Number(match[2])] as unknown) : undefined; // An element of any type.
    rest = rest.slice(match[0].length);
  }
  return found;
}
