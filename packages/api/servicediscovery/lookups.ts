import { parseArn } from "@gantry/kernel";
import type {
  DiscoveryInstanceRecord,
  DiscoveryNamespaceRecord,
  DiscoveryServiceRecord,
  Reader,
} from "@gantry/state";
import {
  discoveryInstanceKey,
  discoveryNamespaceArnOf,
  discoveryServiceArnOf,
} from "@gantry/state/transactions/discovery";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

/** How many items a page has where the request does not say. Source: API_ListServices, MaxResults. */
const PAGE = 100;

export function invalidInput(message: string): ApiError {
  return new ApiError("InvalidInput", message);
}

function invalidToken(): ApiError {
  return invalidInput("The specified NextToken is not valid.");
}

/** A page of items that are in the order of their keys. Errors: InvalidInput for a token of another list. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  input: { readonly NextToken?: Given; readonly MaxResults?: number | undefined },
): ReturnType<typeof page<T>> {
  const sorted = items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return page(sorted, keyOf, { token: input.NextToken, size: input.MaxResults ?? PAGE, invalidToken });
}

/** The ARN of the namespace that an id or an ARN stands for, whether or not it exists. */
export function namespaceArnIn(place: Place, given: Given): string {
  return given?.startsWith("arn:") === true ? given : discoveryNamespaceArnOf(place, given ?? "");
}

/** The ARN of the service that an id or an ARN stands for, whether or not it exists. */
export function serviceArnIn(place: Place, given: Given): string {
  return given?.startsWith("arn:") === true ? given : discoveryServiceArnOf(place, given ?? "");
}

/** A namespace of the caller's account and region, by id or ARN. Errors: NamespaceNotFound. */
export function findNamespace(reader: Reader, place: Place, given: Given): DiscoveryNamespaceRecord {
  const found = within(reader.get("discoveryNamespace", namespaceArnIn(place, given)), place);
  if (found === undefined)
    throw new ApiError("NamespaceNotFound", `Namespace with ID '${given ?? ""}' doesn't exist.`);
  return found;
}

/** A service of the caller's account and region, by id or ARN. Errors: ServiceNotFound. */
export function findService(reader: Reader, place: Place, given: Given): DiscoveryServiceRecord {
  const found = within(reader.get("discoveryService", serviceArnIn(place, given)), place);
  if (found === undefined)
    throw new ApiError("ServiceNotFound", `Service with ID '${given ?? ""}' doesn't exist.`);
  return found;
}

/** Errors: InstanceNotFound. */
export function findInstance(reader: Reader, serviceArn: string, id: Given): DiscoveryInstanceRecord {
  const found = reader.get("discoveryInstance", discoveryInstanceKey(serviceArn, id ?? ""));
  if (found === undefined)
    throw new ApiError("InstanceNotFound", `Instance with ID '${id ?? ""}' doesn't exist.`);
  return found;
}

/** The namespace of a service, which is there as long as the service is. */
export function namespaceOf(
  reader: Reader,
  service: DiscoveryServiceRecord,
): DiscoveryNamespaceRecord | undefined {
  return reader.get("discoveryNamespace", service.namespaceArn);
}

/** The namespace and the service that DiscoverInstances names; undefined where there are none. */
export function namedBy(
  reader: Reader,
  { account, region }: Place,
  input: { readonly NamespaceName?: Given; readonly ServiceName?: Given },
): {
  readonly namespace: DiscoveryNamespaceRecord | undefined;
  readonly service: DiscoveryServiceRecord | undefined;
} {
  const namespace = reader
    .listBy("discoveryNamespace", "place", `${account}/${region}`)
    .find(({ httpName }) => httpName === input.NamespaceName);
  const service = reader
    .listBy("discoveryService", "namespace", namespace?.arn)
    .find(({ name }) => name === input.ServiceName);
  return { namespace, service };
}

/** What a tagging operation names. Errors: ResourceNotFoundException. */
export function findTagged(
  reader: Reader,
  place: Place,
  arn: Given,
):
  | { readonly kind: "discoveryNamespace"; readonly record: DiscoveryNamespaceRecord }
  | { readonly kind: "discoveryService"; readonly record: DiscoveryServiceRecord } {
  const namespace = within(reader.get("discoveryNamespace", arn), place);
  if (namespace !== undefined) return { kind: "discoveryNamespace", record: namespace };
  const service = within(reader.get("discoveryService", arn), place);
  if (service !== undefined) return { kind: "discoveryService", record: service };
  const isArn = parseArn(arn ?? "")?.service === "servicediscovery";
  if (!isArn) throw invalidInput(`The ARN '${arn ?? ""}' is not the ARN of a namespace or a service.`);
  throw new ApiError("ResourceNotFoundException", `Resource with ARN '${arn ?? ""}' doesn't exist.`);
}
