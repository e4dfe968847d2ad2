import type * as ec2 from "@aws-sdk/client-ec2";
import type { Placed, Tags, Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { toTags, withoutPairs } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters } from "./filters.ts";
import { prefixOf, RESOURCES } from "./resources.ts";
import { changeRule } from "./security-group-rule.ts";

/** Tags on every resource of EC2. Source: API_CreateTags, API_DeleteTags, API_DescribeTags. */
export function tagOperations(deps: Ec2Deps) {
  return {
    CreateTags: (input, context) => createTags(deps, input, context),
    DeleteTags: (input, context) => deleteTags(deps, input, context),
    DescribeTags: (input, context) => describeTags(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createTags({ store }: Ec2Deps, input: ec2.CreateTagsRequest, context: RequestContext): object {
  store.transact((tx) => {
    for (const id of input.Resources ?? [])
      retag(tx, id, (tags) => ({ ...tags, ...toTags(input.Tags) }), context);
  });
  return {};
}

function deleteTags({ store }: Ec2Deps, input: ec2.DeleteTagsRequest, context: RequestContext): object {
  store.transact((tx) => {
    for (const id of input.Resources ?? [])
      retag(tx, id, (tags) => (input.Tags === undefined ? {} : withoutPairs(tags, input.Tags)), context);
  });
  return {};
}

/** Every tag of the account's resources in the region, in the order of the resources and of the tags' names. */
function describeTags(
  { store }: Ec2Deps,
  input: ec2.DescribeTagsRequest,
  context: RequestContext,
): ec2.DescribeTagsResult {
  const of = (resources: readonly (Placed & { readonly id: string; readonly tags?: Tags })[], type: string) =>
    resources
      .filter((resource) => isIn(resource, context))
      .flatMap(({ id, tags = {} }) => Object.entries(tags).map(([key, value]) => ({ id, type, key, value })));
  const rules = store
    .list("securityGroup")
    .flatMap(({ account, region, rules: own }) => own.map((rule) => ({ ...rule, account, region })));
  const all = [
    ...Object.values(RESOURCES).flatMap(({ kind, type }) =>
      of(
        store.keys(kind).flatMap((id) => {
          const record = store.get(kind, id);
          return record === undefined ? [] : [{ ...record, id }];
        }),
        type,
      ),
    ),
    ...of(rules, "security-group-rule"),
  ].map((tag) => ({ ...tag, tags: { [tag.key]: tag.value } }));
  type Tag = (typeof all)[number];
  const fields = {
    key: ({ key }: Tag) => key,
    value: ({ value }: Tag) => value,
    "resource-id": ({ id }: Tag) => id,
    "resource-type": ({ type }: Tag) => type,
  };
  return {
    Tags: applyFilters(all, input.Filters, fields)
      .toSorted((a, b) => compare(tagKey(a), tagKey(b)))
      .map(({ id, type, key, value }) => ({
        ResourceId: id,
        ResourceType: type as ec2.ResourceType, // Of RESOURCES, whose words are EC2's.
        Key: key,
        Value: value,
      })),
  };
}

const tagKey = ({ id, key }: { readonly id: string; readonly key: string }) => `${id} ${key}`;
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function retag(tx: Transaction, id: string, change: (tags: Tags) => Tags, place: Place): void {
  if (id.startsWith("sgr-"))
    return changeRule(tx, place, id, (rule) => ({ ...rule, tags: change(rule.tags ?? {}) }));
  // Looked up by prefix; undefined is handled.
  const kind = RESOURCES[prefixOf(id) as keyof typeof RESOURCES]?.kind;
  const record = kind === undefined ? undefined : tx.get(kind, id);
  if (kind === undefined || record === undefined || !isIn(record, place))
    throw new ApiError("InvalidID", `The ID '${id}' is not valid`);
  tx.put(kind, id, { ...record, tags: change(record.tags) }); // The record of the kind just read, with other tags.
}
