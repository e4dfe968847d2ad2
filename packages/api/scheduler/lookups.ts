import { parseArn } from "@gantry/kernel";
import {
  scheduleArnOf,
  scheduleGroupArnOf,
  type Reader,
  type ScheduleGroupRecord,
  type ScheduleRecord,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

export const DEFAULT_GROUP = "default";

export function validation(message: string): ApiError {
  return new ApiError("ValidationException", message, { status: 400 });
}

export function notFound(message: string): ApiError {
  return new ApiError("ResourceNotFoundException", message, { status: 404 });
}

export function conflict(message: string): ApiError {
  return new ApiError("ConflictException", message, { status: 409 });
}

function invalidToken(): ApiError {
  return validation("Invalid NextToken.");
}

/** How many items a page has where the request does not say. */
const PAGE = 100;

/** A page of items that are in the order of their keys. Errors: ValidationException for a token of another list. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  input: { readonly NextToken?: Given; readonly MaxResults?: number | undefined },
): ReturnType<typeof page<T>> {
  return page(items, keyOf, { token: input.NextToken, size: input.MaxResults ?? PAGE, invalidToken });
}

export function groupArnOf(place: Place, name: Given): string {
  return scheduleGroupArnOf(place, name ?? DEFAULT_GROUP);
}

export function namedArnOf(place: Place, group: Given, name: Given): string {
  return scheduleArnOf(place, group ?? DEFAULT_GROUP, name ?? "");
}

/** Finds a group by name in the caller's account and region. The group `default` exists without a record. */
export function groupOf(reader: Reader, place: Place, name: Given): ScheduleGroupRecord | undefined {
  const arn = groupArnOf(place, name);
  const found = reader.get("scheduleGroup", arn);
  if (found !== undefined || (name ?? DEFAULT_GROUP) !== DEFAULT_GROUP) return found;
  const { account, region } = place;
  return { account, region, arn, name: DEFAULT_GROUP, tags: {}, createdAt: 0, modifiedAt: 0 };
}

/** Errors: ResourceNotFoundException. */
export function findGroup(reader: Reader, place: Place, name: Given): ScheduleGroupRecord {
  const found = groupOf(reader, place, name);
  if (found === undefined) throw notFound(`Schedule group ${name ?? DEFAULT_GROUP} does not exist.`);
  return found;
}

/** Errors: ResourceNotFoundException. */
export function findSchedule(reader: Reader, place: Place, group: Given, name: Given): ScheduleRecord {
  const found = reader.get("schedule", namedArnOf(place, group, name));
  if (found === undefined) throw notFound(`Schedule ${name ?? ""} does not exist.`);
  return found;
}

/** The group that a tagging operation names. Errors: ResourceNotFoundException, ValidationException. */
export function findTagged(reader: Reader, place: Place, arn: Given): ScheduleGroupRecord {
  const parsed = parseArn(arn ?? "");
  if (parsed?.service !== "scheduler" || !parsed.resource.startsWith("schedule-group/"))
    throw validation("Invalid resource ARN: schedule groups alone have tags.");
  const isHere = parsed.account === place.account && parsed.region === place.region;
  const name = parsed.resource.slice("schedule-group/".length);
  const found = isHere ? groupOf(reader, place, name) : undefined;
  if (found === undefined) throw notFound(`Schedule group ${name} does not exist.`);
  return found;
}
