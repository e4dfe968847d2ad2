import type { ConditionContext } from "@gantry/iam/principal";

/** The connection of a task, as the relay of its VPC on a node describes it. */
export interface RelayOrigin {
  readonly vpcId: string;
  /** The private address of the task. */
  readonly sourceIp: string;
  /** The address that the task connected to: that of the AWS service names, or of an interface endpoint. */
  readonly destinationIp: string;
  /** Whether the VPC gives the task a public source address: it has a route out. */
  readonly hasExit: boolean;
}

/** How a request reaches a service. */
export type NetworkPath =
  /** From the host, or from a VPC without a VPC endpoint for the service. */
  | { readonly type: "direct" }
  /** The VPC has no way to the service: on AWS the request would not arrive. */
  | { readonly type: "unreachable"; readonly reason: string }
  | {
      readonly type: "endpoint";
      readonly endpointId: string;
      /** aws:SourceVpce, aws:SourceVpc and aws:VpcSourceIp; they take the place of aws:SourceIp. */
      readonly keys: ConditionContext;
      /** The endpoint's policy; undefined where it allows everything. */
      readonly policy: string | undefined;
    };

export const DIRECT: NetworkPath = { type: "direct" };

/** Finds the path of a request to a service of a region, by its signing name. */
export type NetworkPathOf = (
  origin: RelayOrigin | undefined,
  called: { readonly service: string; readonly region: string },
) => NetworkPath;

/** A request whose VPC has no way to the service: its connection is closed without an answer. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** How a request reaches a service. Errors: UnreachableError. */
export function reachableBy(
  pathOf: NetworkPathOf | undefined,
  { origin }: { readonly origin?: RelayOrigin | undefined },
  called: Parameters<NetworkPathOf>[1],
): NetworkPath {
  const path = pathOf?.(origin, called) ?? DIRECT;
  if (path.type === "unreachable") throw new UnreachableError(path.reason);
  return path;
}
