import type {
  Assignment,
  Balancer,
  BalancerClientRule,
  BalancersAssignment,
  BalancerListener,
  BalancerSecurity,
  BalancerTarget,
  BalancerTargetGroup,
  FolderKeptAssignment,
} from "@gantry/agent-protocol";
import {
  address,
  block,
  boolean,
  dnsName,
  id,
  integer,
  isObject,
  list,
  matching,
  object,
  oneOf,
  optional,
  relativePath,
  text,
  type Check,
} from "./check.ts";
import { checkPod, checkWarm } from "./check-pod.ts";
import { checkVpc } from "./check-vpc.ts";

/** Accepted, perhaps without some of its parts; or refused as a whole. */
export type CheckedAssignment =
  | { readonly type: "accepted"; readonly assignment: Assignment; readonly problems: readonly string[] }
  | { readonly type: "refused"; readonly problem: string };

const port = integer(1, 65_535);
const anyPort = integer(-1, 65_535);
const count = integer(0);
const ARN = matching(/^arn:[^\s\0]{1,2048}$/, "an ARN");

const folder = object<FolderKeptAssignment>({
  kind: oneOf("folder"),
  key: matching(/^folder\/[A-Za-z0-9-]{1,64}$/, "a folder's key"),
  path: relativePath,
});

/** Rules and actions are checked by the proxy's renderer, which escapes every value. */
const anyObject: Check = (value, path) => (isObject(value) ? undefined : `${path} is not an object`);

const listener = object<BalancerListener>({
  port,
  tls: boolean,
  certificates: list(anyObject),
  security: optional(
    object<BalancerSecurity>({
      versionMin: oneOf("TLSv1.2", "TLSv1.3"),
      versionMax: oneOf("TLSv1.2", "TLSv1.3"),
      ciphers: list(matching(/^[A-Za-z0-9_-]{1,64}$/, "a cipher")),
    }),
  ),
  rules: list(anyObject),
  defaultAction: anyObject,
});

const balancer = object<Balancer>({
  arn: ARN,
  dnsName,
  vpcId: id,
  addresses: list(address),
  internetFacing: boolean,
  idleTimeoutSeconds: count,
  clientKeepAliveSeconds: optional(count),
  clientRules: optional(
    list(object<BalancerClientRule>({ cidr: block, fromPort: anyPort, toPort: anyPort })),
  ),
  listeners: list(listener),
});

const targetGroup = object<BalancerTargetGroup>({
  arn: ARN,
  vpcId: id,
  protocol: oneOf("HTTP", "HTTPS"),
  healthCheck: object<BalancerTargetGroup["healthCheck"]>({
    enabled: boolean,
    protocol: oneOf("HTTP", "HTTPS"),
    port: matching(/^(?:traffic-port|\d{1,5})$/, "a port"),
    path: text,
    intervalSeconds: count,
    timeoutSeconds: count,
    healthyThreshold: count,
    unhealthyThreshold: count,
    matcher: text,
  }),
  algorithm: oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  stickySeconds: optional(count),
  slowStartSeconds: count,
  sourceAddress: address,
  idleTimeoutSeconds: optional(count),
  vpcCidrs: optional(list(block)),
  targets: list(object<BalancerTarget>({ address, port, isNew: boolean, draining: boolean })),
});

const balancers = object<BalancersAssignment>({
  kind: oneOf("balancers"),
  key: oneOf("balancers"),
  balancers: list(balancer),
  targetGroups: list(targetGroup),
});

/**
 * Checks what the control plane assigns, as strictly as the API checks what its clients send: the agent acts as root, so
 * it trusts no value because of who sent it. Of a VPC only the parts that cannot be used are left out, since the VPC has
 * to keep its other rules.
 */
export function checkAssignment(value: unknown): CheckedAssignment {
  if (!isObject(value)) return { type: "refused", problem: "it is not an object" };
  if (value["kind"] === "vpc") {
    const checked = checkVpc(value);
    return typeof checked === "string"
      ? { type: "refused", problem: checked }
      : { type: "accepted", assignment: checked.vpc, problems: checked.problems };
  }
  const checks: Readonly<Record<string, Check>> = {
    pod: checkPod,
    interface: checkWarm,
    folder,
    balancers,
  };
  const check = Object.hasOwn(checks, String(value["kind"])) ? checks[String(value["kind"])] : undefined;
  const problem = check === undefined ? "its kind is not known" : check(value, "");
  if (problem !== undefined) return { type: "refused", problem };
  return { type: "accepted", assignment: value as unknown as Assignment, problems: [] }; // Every member of its kind is checked.
}
