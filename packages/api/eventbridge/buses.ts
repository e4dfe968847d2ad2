import type * as sdk from "@aws-sdk/client-eventbridge";
import { DEFAULT_BUS, eventBusArnOf, type EventBusRecord, type Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { presentBound } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { findBus, pageOf, validation } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
export const BUSES_MAX = 100;

/** Event buses: one that every account and region has, and the caller's own. */
export function busOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateEventBus: (input, context) => createBus(deps, input, context),
    DescribeEventBus: (input, context) => presentBus(store, findBus(store, context, input.Name)),
    UpdateEventBus: (input, context) => updateBus(deps, input, context),
    DeleteEventBus: (input, context) => deleteBus(deps, input, context),
    ListEventBuses: (input, context) => listBuses(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceAlreadyExistsException, LimitExceededException, ValidationException. */
function createBus(
  { store, clock }: ApiDeps,
  input: sdk.CreateEventBusRequest,
  place: Place,
): sdk.CreateEventBusResponse {
  const name = input.Name ?? "";
  if (name.startsWith("aws.") || name.includes("/"))
    throw validation("Event bus name must not contain '/', and must not begin with 'aws.'.");
  const arn = eventBusArnOf(place, name);
  const now = clock.now();
  store.transact((tx) => {
    if (name === DEFAULT_BUS || tx.get("eventBus", arn) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", `Event bus ${name} already exists.`);
    if (tx.list("eventBus", eventBusArnOf(place, "")).length >= BUSES_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    tx.put("eventBus", arn, {
      account: place.account,
      region: place.region,
      arn,
      name,
      description: input.Description,
      tags: toTags(input.Tags),
      createdAt: now,
      modifiedAt: now,
    });
  });
  return { EventBusArn: arn, Description: input.Description };
}

/** Errors: ResourceNotFoundException. */
function updateBus(
  { store, clock }: ApiDeps,
  input: sdk.UpdateEventBusRequest,
  place: Place,
): sdk.UpdateEventBusResponse {
  const next = store.transact((tx) => {
    const bus = findBus(tx, place, input.Name);
    const changed = { ...bus, description: input.Description, modifiedAt: clock.now() };
    tx.put("eventBus", bus.arn, changed);
    return changed;
  });
  return { Arn: next.arn, Name: next.name, Description: next.description };
}

/** A bus that does not exist is deleted already. Errors: ValidationException. */
function deleteBus({ store }: ApiDeps, input: sdk.DeleteEventBusRequest, place: Place): object {
  if (input.Name === DEFAULT_BUS) throw validation("Cannot delete event bus default.");
  store.transact((tx) => {
    const arn = eventBusArnOf(place, input.Name ?? "");
    // An archive has a rule of EventBridge's own on the bus.
    if (tx.countBy("eventRule", "bus", arn) + tx.countBy("eventArchive", "bus", arn) > 0)
      throw validation(`Event bus ${input.Name ?? ""} cannot be deleted since it has rules.`);
    if (tx.get("eventBus", arn) !== undefined) tx.delete("eventBus", arn);
  });
  return {};
}

function listBuses(
  { store }: ApiDeps,
  input: sdk.ListEventBusesRequest,
  place: Place,
): sdk.ListEventBusesResponse {
  const own = store.list("eventBus", eventBusArnOf(place, "")).filter(({ name }) => name !== DEFAULT_BUS);
  const all = [findBus(store, place, DEFAULT_BUS), ...own]
    .filter(({ name }) => name.startsWith(input.NamePrefix ?? ""))
    .toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { EventBuses: items.map((bus) => presentBus(store, bus)), NextToken: nextToken };
}

function presentBus(reader: Reader, bus: EventBusRecord): sdk.EventBus {
  return {
    Name: bus.name,
    Arn: bus.arn,
    Description: bus.description,
    ...(bus.policy === undefined ? {} : { Policy: presentBound(reader, bus.policy, bus.policyPrincipals) }),
    ...(bus.createdAt === 0
      ? {}
      : { CreationTime: new Date(bus.createdAt), LastModifiedTime: new Date(bus.modifiedAt) }),
  };
}
