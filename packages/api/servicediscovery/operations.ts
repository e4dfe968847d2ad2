import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryOperationRecord, Reader } from "@gantry/state";
import { discoveryOperationKey, discoveryStatusOf } from "@gantry/state/transactions/discovery";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { matches, type Filter } from "./filters.ts";
import { pageOf } from "./lookups.ts";

const CONDITIONS = {
  NAMESPACE_ID: ["EQ"],
  SERVICE_ID: ["EQ"],
  STATUS: ["EQ", "IN"],
  TYPE: ["EQ", "IN"],
  UPDATE_DATE: ["BETWEEN"],
} as const;

/** What became of the requests that changed something. */
export function operationOperations({ store }: ApiDeps) {
  return {
    GetOperation(input, { account, region }) {
      const key = discoveryOperationKey({ account, region }, input.OperationId ?? "");
      const found = store.get("discoveryOperation", key);
      const isOwn = input.OwnerAccount === undefined || input.OwnerAccount === account;
      if (found === undefined || !isOwn)
        throw new ApiError("OperationNotFound", `Operation with ID '${input.OperationId}' doesn't exist.`);
      return { Operation: presentOperation(store, found) };
    },
    ListOperations: (input, context) => listOperations(store, input, context),
  } satisfies Implementation<typeof sdk>;
}

function listOperations(
  store: Reader,
  input: sdk.ListOperationsRequest,
  { account, region }: Place,
): sdk.ListOperationsResponse {
  const filters: readonly Filter[] = input.Filters ?? [];
  const found = store.listBy("discoveryOperation", "place", `${account}/${region}`).filter((operation) =>
    matches(filters, CONDITIONS, (name) => {
      switch (name) {
        case "NAMESPACE_ID":
          return operation.namespaceId;
        case "SERVICE_ID":
          return operation.serviceId;
        case "STATUS":
          return discoveryStatusOf(store, operation);
        case "TYPE":
          return operation.type;
        case "UPDATE_DATE":
          return String(operation.createdAt / 1000);
      }
    }),
  );
  const { items, nextToken } = pageOf(found, ({ id }) => id, input);
  return {
    Operations: items.map((each) => ({ Id: each.id, Status: discoveryStatusOf(store, each) })),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}

function presentOperation(reader: Reader, operation: DiscoveryOperationRecord): sdk.Operation {
  const { id, type, account, createdAt, failure, namespaceId, serviceId, instanceId } = operation;
  return {
    Id: id,
    OwnerAccount: account,
    Type: type,
    Status: discoveryStatusOf(reader, operation),
    ...(failure === undefined ? {} : { ErrorCode: failure.code, ErrorMessage: failure.message }),
    CreateDate: new Date(createdAt),
    UpdateDate: new Date(createdAt),
    Targets: {
      ...(namespaceId === undefined || serviceId !== undefined ? {} : { NAMESPACE: namespaceId }),
      ...(serviceId === undefined ? {} : { SERVICE: serviceId }),
      ...(instanceId === undefined ? {} : { INSTANCE: instanceId }),
    },
  };
}
