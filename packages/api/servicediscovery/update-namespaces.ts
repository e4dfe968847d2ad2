import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryNamespaceRecord } from "@gantry/state";
import { addDiscoveryOperation } from "@gantry/state/transactions/discovery";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { findNamespace, invalidInput } from "./lookups.ts";
import { updateNamespaceZone } from "./zones.ts";

interface Change {
  readonly type: DiscoveryNamespaceRecord["type"];
  readonly id: string | undefined;
  readonly description: string | undefined;
  readonly soaTtl?: number | undefined;
}

/** The three operations that change a namespace, one for each type. Errors: InvalidInput, NamespaceNotFound. */
export function namespaceUpdates(deps: ApiDeps) {
  return {
    UpdateHttpNamespace: (input, context) =>
      update(deps, { type: "HTTP", id: input.Id, description: input.Namespace?.Description }, context),
    UpdatePrivateDnsNamespace: (input, context) =>
      update(
        deps,
        {
          ...{ type: "DNS_PRIVATE", id: input.Id, description: input.Namespace?.Description },
          soaTtl: input.Namespace?.Properties?.DnsProperties?.SOA?.TTL,
        },
        context,
      ),
    UpdatePublicDnsNamespace: (input, context) =>
      update(
        deps,
        {
          ...{ type: "DNS_PUBLIC", id: input.Id, description: input.Namespace?.Description },
          soaTtl: input.Namespace?.Properties?.DnsProperties?.SOA?.TTL,
        },
        context,
      ),
  } satisfies Implementation<typeof sdk>;
}

function update(deps: ApiDeps, change: Change, { account, region }: Place): { OperationId: string } {
  return deps.store.transact((tx) => {
    const namespace = findNamespace(tx, { account, region }, change.id);
    if (namespace.type !== change.type)
      throw invalidInput(`The namespace ${namespace.id} is of type ${namespace.type}, not ${change.type}.`);
    const description = change.description ?? namespace.description;
    const changed = { ...namespace, description };
    tx.put("discoveryNamespace", namespace.arn, changed);
    const zone = updateNamespaceZone(tx, deps, changed, change.soaTtl);
    const operation = addDiscoveryOperation(tx, deps.ids, {
      ...{ account, region, type: "UPDATE_NAMESPACE", namespaceId: namespace.id, zone },
      ...{ serviceId: undefined, instanceId: undefined, failure: undefined, createdAt: deps.clock.now() },
    });
    return { OperationId: operation.id };
  });
}
