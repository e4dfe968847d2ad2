import type * as sdk from "@aws-sdk/client-route-53";
import type { HostedZoneRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { findZone, invalidInput } from "./lookups.ts";

/** Source: Amazon Route 53, "Tagging Amazon Route 53 resources". */
const TAGS_MAX = 50;
const RESOURCES_MAX = 10;

/** Tags of hosted zones. */
export function tagOperations({ store }: ApiDeps) {
  return {
    ListTagsForResource: (input, context) => ({
      ResourceTagSet: presentTagSet(findTagged(store, context, input)),
    }),
    ListTagsForResources(input, context) {
      const ids = input.ResourceIds ?? [];
      if (ids.length > RESOURCES_MAX) throw invalidInput(`At most ${RESOURCES_MAX} resources can be named.`);
      const { ResourceType } = input;
      const zones = ids.map((ResourceId) => findTagged(store, context, { ResourceType, ResourceId }));
      return { ResourceTagSets: zones.map(presentTagSet) };
    },
    ChangeTagsForResource(input, context) {
      store.transact((tx) => {
        const zone = findTagged(tx, context, input);
        const tags = { ...withoutTags(zone.tags, input.RemoveTagKeys ?? []), ...toTags(input.AddTags) };
        if (Object.keys(tags).length > TAGS_MAX)
          throw invalidInput(`A resource has at most ${TAGS_MAX} tags.`);
        tx.put("hostedZone", zone.arn, { ...zone, tags });
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

function findTagged(
  reader: Reader,
  context: RequestContext,
  { ResourceType, ResourceId }: { ResourceType: string | undefined; ResourceId: string | undefined },
): HostedZoneRecord {
  if (ResourceType === "healthcheck")
    throw new ApiError("NoSuchHealthCheck", `No health check found with ID: ${ResourceId ?? ""}`, {
      status: 404,
    });
  return findZone(reader, context, ResourceId);
}

function presentTagSet(zone: HostedZoneRecord): sdk.ResourceTagSet {
  return { ResourceType: "hostedzone", ResourceId: zone.id, Tags: presentTags(zone.tags) };
}
