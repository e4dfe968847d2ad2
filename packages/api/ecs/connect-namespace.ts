import type { Reader, Transaction } from "@gantry/state";
import { discoveryNamespaceArnOf } from "@gantry/state/transactions/discovery";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/**
 * The ARN of the Cloud Map namespace that a cluster's Service Connect uses, by its name or ARN. A name that no
 * namespace has makes an HTTP namespace, with the caller's permission. Source: API_ClusterServiceConnectDefaultsRequest.
 * Errors: NamespaceNotFoundException.
 */
export function connectNamespace(
  tx: Transaction,
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  context: RequestContext,
  given: string | undefined,
): string | undefined {
  if (given === undefined || given === "") return undefined;
  const found = namespaceNamed(tx, context, given);
  if (found !== undefined) return found;
  if (given.startsWith("arn:"))
    throw new ApiError("NamespaceNotFoundException", `The specified namespace ${given} could not be found.`);
  context.authorize("servicediscovery:CreateHttpNamespace", "*");
  const { account, region } = context;
  const id = `ns-${ids.upper(16).toLowerCase()}`;
  const arn = discoveryNamespaceArnOf(context, id);
  tx.put("discoveryNamespace", arn, {
    ...{ account, region, arn, id, name: given, type: "HTTP", httpName: given },
    ...{ description: undefined, creatorRequestId: undefined, zoneArn: undefined, vpcId: undefined },
    tags: { AmazonECSManaged: "true" },
    createdAt: clock.now(),
  });
  return arn;
}

function namespaceNamed(reader: Reader, context: RequestContext, given: string): string | undefined {
  if (given.startsWith("arn:")) return within(reader.get("discoveryNamespace", given), context)?.arn;
  return reader
    .listBy("discoveryNamespace", "place", `${context.account}/${context.region}`)
    .find(({ name, type }) => name === given && type !== "DNS_PUBLIC")?.arn;
}
