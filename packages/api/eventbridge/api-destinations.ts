import type * as sdk from "@aws-sdk/client-eventbridge";
import type { ApiDestinationRecord, EventConnectionRecord, Reader } from "@gantry/state";
import { apiDestinationArnOf, apiDestinationNamed } from "@gantry/state/transactions/event-connections";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { isHttpUrl } from "./connection-auth.ts";
import { notFound, pageOf, validation } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
const DESTINATIONS_MAX = 3_000;
/** Source: API_CreateApiDestination. */
const RATE_USUAL = 300;

/** HTTP endpoints that rules invoke. Source: EventBridge User Guide, "API destinations as targets". */
export function apiDestinationOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateApiDestination: (input, context) => createDestination(deps, input, context),
    UpdateApiDestination: (input, context) => updateDestination(deps, input, context),
    DescribeApiDestination(input, context) {
      const destination = findDestination(store, context, input.Name);
      return { ...presentDestination(store, destination), Description: destination.description };
    },
    ListApiDestinations: (input, context) => listDestinations(deps, input, context),
    /** Errors: ResourceNotFoundException. */
    DeleteApiDestination(input, context) {
      store.transact((tx) => tx.delete("apiDestination", findDestination(tx, context, input.Name).arn));
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceNotFoundException. */
function findDestination(reader: Reader, place: Place, name: string | undefined): ApiDestinationRecord {
  const found = apiDestinationNamed(reader, place, name ?? "");
  if (found === undefined) throw notFound(`Api-destination '${name ?? ""}' does not exist.`);
  return found;
}

/** Errors: ResourceNotFoundException. */
function connectionOf(reader: Reader, place: Place, arn: string | undefined): EventConnectionRecord {
  const found = within(reader.get("eventConnection", arn), place);
  if (found === undefined) throw notFound(`Connection '${arn?.split("/")[1] ?? ""}' does not exist.`);
  return found;
}

/** Errors: ValidationException. */
function checkEndpoint(endpoint: string): void {
  if (!isHttpUrl(endpoint)) throw validation("Parameter InvocationEndpoint is not valid.");
}

/**
 * Errors: ResourceNotFoundException for the connection, ResourceAlreadyExistsException, LimitExceededException,
 * ValidationException.
 */
function createDestination(
  { store, clock, ids }: ApiDeps,
  input: sdk.CreateApiDestinationRequest,
  place: Place,
): sdk.CreateApiDestinationResponse {
  const { Name: name = "", InvocationEndpoint: endpoint = "", HttpMethod: method = "POST" } = input;
  checkEndpoint(endpoint);
  const now = clock.now();
  const arn = apiDestinationArnOf(place, `${name}/${ids.uuid()}`);
  return store.transact((tx) => {
    if (apiDestinationNamed(tx, place, name) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", `An api-destination '${name}' already exists.`);
    if (tx.list("apiDestination", apiDestinationArnOf(place, "")).length >= DESTINATIONS_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    const destination: ApiDestinationRecord = {
      account: place.account,
      region: place.region,
      ...{ arn, name, endpoint, method },
      description: input.Description,
      connectionArn: connectionOf(tx, place, input.ConnectionArn).arn,
      ratePerSecond: input.InvocationRateLimitPerSecond ?? RATE_USUAL,
      createdAt: now,
      modifiedAt: now,
    };
    tx.put("apiDestination", arn, destination);
    return presentState(tx, destination);
  });
}

/** What is not given stays. Errors: as CreateApiDestination. */
function updateDestination(
  { store, clock }: ApiDeps,
  input: sdk.UpdateApiDestinationRequest,
  place: Place,
): sdk.UpdateApiDestinationResponse {
  if (input.InvocationEndpoint !== undefined) checkEndpoint(input.InvocationEndpoint);
  return store.transact((tx) => {
    const before = findDestination(tx, place, input.Name);
    const destination: ApiDestinationRecord = {
      ...before,
      description: input.Description ?? before.description,
      endpoint: input.InvocationEndpoint ?? before.endpoint,
      method: input.HttpMethod ?? before.method,
      ratePerSecond: input.InvocationRateLimitPerSecond ?? before.ratePerSecond,
      connectionArn:
        input.ConnectionArn === undefined
          ? before.connectionArn
          : connectionOf(tx, place, input.ConnectionArn).arn,
      modifiedAt: clock.now(),
    };
    tx.put("apiDestination", before.arn, destination);
    return presentState(tx, destination);
  });
}

function listDestinations(
  { store }: ApiDeps,
  input: sdk.ListApiDestinationsRequest,
  place: Place,
): sdk.ListApiDestinationsResponse {
  const { NamePrefix: prefix = "", ConnectionArn: connectionArn } = input;
  const all = store
    .list("apiDestination", apiDestinationArnOf(place, prefix))
    .filter((destination) => connectionArn === undefined || destination.connectionArn === connectionArn);
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { ApiDestinations: items.map((each) => presentDestination(store, each)), NextToken: nextToken };
}

function presentDestination(reader: Reader, destination: ApiDestinationRecord): sdk.ApiDestination {
  return {
    ...presentState(reader, destination),
    Name: destination.name,
    ConnectionArn: destination.connectionArn,
    InvocationEndpoint: destination.endpoint,
    HttpMethod: destination.method,
    InvocationRateLimitPerSecond: destination.ratePerSecond,
  };
}

/** A destination whose connection is not authorized is not invoked. */
function presentState(
  reader: Reader,
  { arn, connectionArn, createdAt, modifiedAt }: ApiDestinationRecord,
): sdk.CreateApiDestinationResponse {
  const connection = reader.get("eventConnection", connectionArn);
  const isActive = connection !== undefined && connection.state !== "DEAUTHORIZED";
  return {
    ApiDestinationArn: arn,
    ApiDestinationState: isActive ? "ACTIVE" : "INACTIVE",
    CreationTime: new Date(createdAt),
    LastModifiedTime: new Date(modifiedAt),
  };
}
