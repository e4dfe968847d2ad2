import type * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import { parseArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { taggedResources, type TaggedResource } from "./tagged-resources.ts";

/** Items of a page: the greatest ResourcesPerPage, which is also the default. */
const PAGE = 100;

/** The tagged resources of the caller's account and region, their keys and their values. */
export function getOperations({ store }: Pick<ApiDeps, "store">) {
  return {
    GetResources: (input, context) => getResources(store, input, context),
    GetTagKeys: (input, context) => {
      const { items, next } = textPage(keysOf(store, context), input.PaginationToken);
      return { TagKeys: items, PaginationToken: next };
    },
    GetTagValues: (input, context) => {
      const { items, next } = textPage(valuesOf(store, context, input.Key), input.PaginationToken);
      return { TagValues: items, PaginationToken: next };
    },
  } satisfies Implementation<typeof sdk>;
}

/** Errors: InvalidParameterException. Source: API_GetResources. */
function getResources(reader: Reader, input: sdk.GetResourcesInput, place: Place): sdk.GetResourcesOutput {
  const all = taggedResources(reader, place);
  const { ResourceARNList: arns, TagFilters: filters = [], ResourceTypeFilters: types = [] } = input;
  if (arns !== undefined) {
    checkAlone(input);
    return present(
      all.filter(({ arn }) => arns.includes(arn)),
      undefined,
    );
  }
  const found = all.filter(
    (each) =>
      filters.every((filter) => hasTag(each, filter)) &&
      (types.length === 0 || types.some((type) => isOfType(each, type))),
  );
  const token = tokenOf(input.PaginationToken);
  const take = (size: number) => page(found, ({ arn }) => arn, { token, size, invalidToken });
  const most = take(input.ResourcesPerPage ?? PAGE).items;
  const { items, nextToken } = take(countWithin(most, input.TagsPerPage));
  return present(items, nextToken);
}

/** Errors: InvalidParameterException for a list of ARNs together with filters or pages. */
function checkAlone(input: sdk.GetResourcesInput): void {
  const members = [
    "TagFilters",
    "ResourceTypeFilters",
    "ResourcesPerPage",
    "TagsPerPage",
    "PaginationToken",
  ] as const;
  const given = members.find((name) => {
    const value = input[name];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== "";
  });
  if (given !== undefined)
    throw new ApiError(
      "InvalidParameterException",
      `ResourceARNList and ${given} cannot be given in the same request.`,
    );
}

function hasTag({ tags }: TaggedResource, { Key = "", Values = [] }: sdk.TagFilter): boolean {
  const value = Object.hasOwn(tags, Key) ? tags[Key] : undefined;
  return value !== undefined && (Values.length === 0 || Values.includes(value));
}

/** Whether the ARN is of `SERVICE` or `SERVICE:TYPE`. A bucket's ARN has no type. */
function isOfType({ arn }: TaggedResource, filter: string): boolean {
  const [service, ...rest] = filter.split(":");
  const parsed = parseArn(arn);
  if (parsed === undefined || parsed.service !== service) return false;
  if (rest.length === 0) return true;
  const type = rest.join(":");
  if (service === "s3") return type === "bucket";
  return parsed.resource.startsWith(`${type}/`) || parsed.resource.startsWith(`${type}:`);
}

/** How many resources have at most so many tags together. One resource is always on the page. */
function countWithin(resources: readonly TaggedResource[], tagsMax = Infinity): number {
  let tags = 0;
  const end = resources.findIndex((each) => (tags += Object.keys(each.tags).length) > tagsMax);
  return end < 0 ? resources.length : Math.max(end, 1);
}

function present(items: readonly TaggedResource[], next: string | undefined): sdk.GetResourcesOutput {
  return {
    ResourceTagMappingList: items.map(({ arn, tags }) => ({ ResourceARN: arn, Tags: presentTags(tags) })),
    PaginationToken: next ?? "",
  };
}

function keysOf(reader: Reader, place: Place): readonly string[] {
  return distinct(taggedResources(reader, place).flatMap(({ tags }) => Object.keys(tags)));
}

function valuesOf(reader: Reader, place: Place, key = ""): readonly string[] {
  return distinct(
    taggedResources(reader, place).flatMap(({ tags }) => (Object.hasOwn(tags, key) ? (tags[key] ?? []) : [])),
  );
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

/** Errors: InvalidParameterException. */
function textPage(all: readonly string[], given: string | undefined) {
  // A value may be empty, and the text of a token may not.
  const { items, nextToken } = page(all, (text) => `=${text}`, {
    token: tokenOf(given),
    size: PAGE,
    invalidToken,
  });
  return { items: [...items], next: nextToken ?? "" };
}

/** The last page has an empty token, which some clients send back. */
function tokenOf(given: string | undefined): string | undefined {
  return given === "" ? undefined : given;
}

function invalidToken(): ApiError {
  return new ApiError("InvalidParameterException", "The PaginationToken is not valid.");
}
