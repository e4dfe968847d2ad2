import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryServiceRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findService, invalidInput } from "./lookups.ts";

/** Source: API_UpdateServiceAttributes, Attributes. */
const ATTRIBUTES_MAX = 30;
const KEY_MAX = 255;
const VALUE_MAX = 1_024;

/** Attributes of services. Errors: ServiceNotFound, ServiceAttributesLimitExceededException. */
export function attributeOperations({ store }: ApiDeps) {
  const change = (
    place: Place,
    id: string | undefined,
    changed: (before: Readonly<Record<string, string>>) => DiscoveryServiceRecord["attributes"],
  ): object => {
    store.transact((tx) => {
      const service = findService(tx, place, id);
      const attributes = changed(service.attributes);
      if (Object.keys(attributes).length > ATTRIBUTES_MAX)
        throw new ApiError(
          "ServiceAttributesLimitExceededException",
          `A service can have at most ${ATTRIBUTES_MAX} attributes.`,
        );
      tx.put("discoveryService", service.arn, { ...service, attributes });
    });
    return {};
  };
  return {
    GetServiceAttributes(input, context) {
      const { arn, account, attributes } = findService(store, context, input.ServiceId);
      return {
        ServiceAttributes: { ServiceArn: arn, ResourceOwner: account, Attributes: { ...attributes } },
      };
    },
    UpdateServiceAttributes(input, context) {
      const given = input.Attributes ?? {};
      for (const [key, value] of Object.entries(given))
        if (key === "" || key.length > KEY_MAX || value.length > VALUE_MAX)
          throw invalidInput(`The attribute '${key.slice(0, KEY_MAX)}' is too long.`);
      return change(context, input.ServiceId, (before) => ({ ...before, ...given }));
    },
    DeleteServiceAttributes: (input, context) =>
      change(context, input.ServiceId, (before) =>
        Object.fromEntries(Object.entries(before).filter(([key]) => !(input.Attributes ?? []).includes(key))),
      ),
  } satisfies Implementation<typeof sdk>;
}
