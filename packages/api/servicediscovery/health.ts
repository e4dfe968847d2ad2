import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryInstanceRecord, DiscoveryServiceRecord } from "@gantry/state";
import {
  discoveryHealthOf,
  discoveryInstanceKey,
  discoveryInstancesOf,
} from "@gantry/state/transactions/discovery";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findInstance, findService, invalidInput, pageOf } from "./lookups.ts";

/** How long Cloud Map waits before a status takes effect. Source: API_HealthCheckCustomConfig, FailureThreshold. */
const DELAY_MS = 30_000;

/** Custom health statuses of instances. */
export function healthOperations(deps: ApiDeps) {
  const { store, clock } = deps;
  return {
    GetInstancesHealthStatus(input, context) {
      const service = findService(store, context, input.ServiceId);
      const named = input.Instances?.map((id) => findInstance(store, service.arn, id));
      const { items, nextToken } = pageOf(
        named ?? discoveryInstancesOf(store, service.arn),
        ({ id }) => id,
        input,
      );
      return {
        Status: Object.fromEntries(items.map((each) => [each.id, statusOf(service, each, clock.now())])),
        ...(nextToken === undefined ? {} : { NextToken: nextToken }),
      };
    },
    UpdateInstanceCustomHealthStatus: (input, context) => updateStatus(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The health status of an instance, UNKNOWN where nobody reports one. */
export function statusOf(
  service: DiscoveryServiceRecord,
  instance: DiscoveryInstanceRecord,
  now: number,
): sdk.HealthStatus {
  return service.hasCustomHealth ? discoveryHealthOf(instance, now) : "UNKNOWN";
}

/**
 * A new status takes effect after 30 s, unless the old one is reported again until then; reporting it once more
 * does not change when. Errors: ServiceNotFound, CustomHealthNotFound, InstanceNotFound, InvalidInput.
 */
function updateStatus(
  { store, clock }: ApiDeps,
  input: sdk.UpdateInstanceCustomHealthStatusRequest,
  context: RequestContext,
): object {
  const { Status: status } = input;
  if (status !== "HEALTHY" && status !== "UNHEALTHY")
    throw invalidInput("The status must be HEALTHY or UNHEALTHY.");
  store.transact((tx) => {
    const service = findService(tx, context, input.ServiceId);
    if (!service.hasCustomHealth)
      throw new ApiError("CustomHealthNotFound", `The service ${service.id} has no HealthCheckCustomConfig.`);
    const instance = findInstance(tx, service.arn, input.InstanceId);
    const now = clock.now();
    const health = discoveryHealthOf(instance, now);
    const pending = instance.nextHealth?.status === status ? instance.nextHealth : undefined;
    const nextHealth = health === status ? undefined : (pending ?? { status, at: now + DELAY_MS });
    const changed = { ...instance, health, nextHealth };
    tx.put("discoveryInstance", discoveryInstanceKey(service.arn, instance.id), changed);
  });
  return {};
}
