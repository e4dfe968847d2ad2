import type * as ec2 from "@aws-sdk/client-ec2";
import type { Tags, Transaction } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { toTags, withoutPairs } from "../common/tags.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { RESOURCES } from "./resources.ts";
import { changeRule } from "./security-group-rule.ts";

/** Tags on every resource of EC2. Source: API_CreateTags, API_DeleteTags. */
export function tagOperations(deps: Ec2Deps) {
  return {
    CreateTags: (input, context) => createTags(deps, input, context),
    DeleteTags: (input, context) => deleteTags(deps, input, context),
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

function retag(tx: Transaction, id: string, change: (tags: Tags) => Tags, place: Place): void {
  if (id.startsWith("sgr-"))
    return changeRule(tx, place, id, (rule) => ({ ...rule, tags: change(rule.tags ?? {}) }));
  const kind = RESOURCES[(id.split("-")[0] ?? "") as keyof typeof RESOURCES]?.kind; // Looked up by prefix; undefined is handled.
  const record = kind === undefined ? undefined : tx.get(kind, id);
  if (kind === undefined || record === undefined || !isIn(record, place))
    throw new ApiError("InvalidID", `The ID '${id}' is not valid`);
  tx.put(kind, id, { ...record, tags: change(record.tags) }); // The record of the kind just read, with other tags.
}
