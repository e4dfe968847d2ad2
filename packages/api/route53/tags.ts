import type * as sdk from "@aws-sdk/client-route-53";
import type { HealthCheckRecord, HostedZoneRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { findHealthCheck, findZone, invalidInput } from "./lookups.ts";

/** Source: Amazon Route 53, "Tagging Amazon Route 53 resources". */
const TAGS_MAX = 50;
const RESOURCES_MAX = 10;

type Tagged =
  | { readonly type: "hostedzone"; readonly record: HostedZoneRecord }
  | { readonly type: "healthcheck"; readonly record: HealthCheckRecord };

/** Tags of hosted zones and health checks. */
export function tagOperations({ store }: ApiDeps) {
  return {
    ListTagsForResource: (input, context) => ({
      ResourceTagSet: presentTagSet(findTagged(store, context, input)),
    }),
    ListTagsForResources(input, context) {
      const ids = input.ResourceIds ?? [];
      if (ids.length > RESOURCES_MAX) throw invalidInput(`At most ${RESOURCES_MAX} resources can be named.`);
      const { ResourceType } = input;
      const tagged = ids.map((ResourceId) => findTagged(store, context, { ResourceType, ResourceId }));
      return { ResourceTagSets: tagged.map(presentTagSet) };
    },
    ChangeTagsForResource(input, context) {
      store.transact((tx) => {
        const { type, record } = findTagged(tx, context, input);
        const tags = { ...withoutTags(record.tags, input.RemoveTagKeys ?? []), ...toTags(input.AddTags) };
        if (Object.keys(tags).length > TAGS_MAX)
          throw invalidInput(`A resource has at most ${TAGS_MAX} tags.`);
        if (type === "healthcheck") tx.put("healthCheck", record.arn, { ...record, tags });
        else tx.put("hostedZone", record.arn, { ...record, tags });
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

/** A hosted zone or a health check of the caller's account. Errors: NoSuchHostedZone, NoSuchHealthCheck. */
function findTagged(
  reader: Reader,
  context: RequestContext,
  { ResourceType, ResourceId }: { ResourceType: string | undefined; ResourceId: string | undefined },
): Tagged {
  return ResourceType === "healthcheck"
    ? { type: "healthcheck", record: findHealthCheck(reader, context, ResourceId) }
    : { type: "hostedzone", record: findZone(reader, context, ResourceId) };
}

function presentTagSet({ type, record }: Tagged): sdk.ResourceTagSet {
  return { ResourceType: type, ResourceId: record.id, Tags: presentTags(record.tags) };
}
