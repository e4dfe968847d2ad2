import { parseArn } from "@gantry/kernel";
import {
  DEFAULT_BUS,
  eventBusArnOf,
  eventRuleArnOf,
  type EventBusRecord,
  type EventRuleRecord,
  type Reader,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

/** Where the events of archives are, by their group. */
export interface EventContentStore {
  deleteGroup(group: string): void;
  /** How many events a group has, and their bytes. */
  sizeOf(group: string): { readonly count: number; readonly bytes: number };
}

export function validation(message: string): ApiError {
  return new ApiError("ValidationException", message);
}

export function notFound(message: string): ApiError {
  return new ApiError("ResourceNotFoundException", message);
}

function invalidToken(): ApiError {
  return validation("The token is not valid.");
}

/** How many items a page has where the request does not say. */
const PAGE = 100;

/** A page of items that are in the order of their keys. Errors: ValidationException for a token of another list. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  input: { readonly NextToken?: Given; readonly Limit?: number | undefined },
): ReturnType<typeof page<T>> {
  return page(items, keyOf, { token: input.NextToken, size: input.Limit ?? PAGE, invalidToken });
}

/** The name of the bus that a name or an ARN stands for; the default bus without one. */
export function busNameOf(given: Given): string {
  if (given === undefined) return DEFAULT_BUS;
  return given.startsWith("arn:") ? (parseArn(given)?.resource.replace(/^event-bus\//, "") ?? given) : given;
}

/** The ARN of the bus that a name or an ARN stands for, whether or not it exists. */
export function busArnOf(place: Place, given: Given): string {
  return given?.startsWith("arn:") === true ? given : eventBusArnOf(place, busNameOf(given));
}

export function ruleArnOf(place: Place, bus: Given, name: Given): string {
  return eventRuleArnOf(place, busNameOf(bus), name ?? "");
}

/** A bus of the caller's account and region. The default bus always exists. */
export function busOf(reader: Reader, place: Place, given: Given): EventBusRecord | undefined {
  const found = within(reader.get("eventBus", busArnOf(place, given)), place);
  if (found !== undefined || busArnOf(place, given) !== eventBusArnOf(place, DEFAULT_BUS)) return found;
  const { account, region } = place;
  const arn = eventBusArnOf(place, DEFAULT_BUS);
  return {
    account,
    region,
    arn,
    name: DEFAULT_BUS,
    description: undefined,
    tags: {},
    createdAt: 0,
    modifiedAt: 0,
  };
}

/** Errors: ResourceNotFoundException. */
export function findBus(reader: Reader, place: Place, given: Given): EventBusRecord {
  const found = busOf(reader, place, given);
  if (found === undefined) throw notFound(`Event bus ${busNameOf(given)} does not exist.`);
  return found;
}

/** Errors: ResourceNotFoundException for a bus or a rule that does not exist. */
export function findRule(reader: Reader, place: Place, bus: Given, name: Given): EventRuleRecord {
  const home = findBus(reader, place, bus);
  const found = reader.get("eventRule", eventRuleArnOf(place, home.name, name ?? ""));
  if (found === undefined) throw notFound(`Rule ${name ?? ""} does not exist on EventBus ${home.name}.`);
  return found;
}

/** What a tagging operation names: a rule or a bus. Errors: ResourceNotFoundException. */
export function findTagged(
  reader: Reader,
  place: Place,
  arn: Given,
):
  | { readonly kind: "eventRule"; readonly record: EventRuleRecord }
  | { readonly kind: "eventBus"; readonly record: EventBusRecord } {
  const rule = within(reader.get("eventRule", arn), place);
  if (rule !== undefined) return { kind: "eventRule", record: rule };
  const bus = arn?.startsWith("arn:") === true ? busOf(reader, place, arn) : undefined;
  if (bus !== undefined) return { kind: "eventBus", record: bus };
  const [type, ...path] = (parseArn(arn ?? "")?.resource ?? "").split("/");
  throw notFound(
    type === "rule"
      ? `Rule ${path.at(-1) ?? ""} does not exist on EventBus ${path.length > 1 ? path[0] : DEFAULT_BUS}.`
      : `Event bus ${path.join("/")} does not exist.`,
  );
}
