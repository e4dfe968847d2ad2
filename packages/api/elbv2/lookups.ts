import type {
  ListenerRecord,
  LoadBalancerRecord,
  Reader,
  RuleRecord,
  Tags,
  TargetGroupRecord,
  TrustStoreRecord,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** The records of ELB that have an ARN and tags. */
interface Parts {
  readonly loadBalancer: LoadBalancerRecord;
  readonly listener: ListenerRecord;
  readonly rule: RuleRecord;
  readonly targetGroup: TargetGroupRecord;
  readonly trustStore: TrustStoreRecord;
}

/** A record by its ARN, within the caller's account and region. */
export function partOf<K extends keyof Parts>(
  reader: Reader,
  place: Place,
  part: { readonly kind: K; readonly arn: string | undefined },
): Parts[K] | undefined {
  const { kind, arn } = part;
  // The type of the kind's records.
  const record = arn === undefined ? undefined : (reader.get(kind, arn) as Parts[K] | undefined);
  return within(record, place);
}

/** Errors: LoadBalancerNotFound. */
export function findLoadBalancer(reader: Reader, place: Place, arn: string | undefined): LoadBalancerRecord {
  const balancer = partOf(reader, place, { kind: "loadBalancer", arn });
  if (balancer === undefined) throw new ApiError("LoadBalancerNotFound", `Load balancer '${arn}' not found`);
  return balancer;
}

/** Errors: ListenerNotFound. */
export function findListener(reader: Reader, place: Place, arn: string | undefined): ListenerRecord {
  const listener = partOf(reader, place, { kind: "listener", arn });
  if (listener === undefined) throw new ApiError("ListenerNotFound", "One or more listeners not found");
  return listener;
}

/** Errors: RuleNotFound. */
export function findRule(reader: Reader, place: Place, arn: string | undefined): RuleRecord {
  const rule = partOf(reader, place, { kind: "rule", arn });
  if (rule === undefined) throw new ApiError("RuleNotFound", "One or more rules not found");
  return rule;
}

/** Errors: TargetGroupNotFound. */
export function findTargetGroup(reader: Reader, place: Place, arn: string | undefined): TargetGroupRecord {
  const group = partOf(reader, place, { kind: "targetGroup", arn });
  if (group === undefined) throw missingGroup();
  return group;
}

/** Errors: TrustStoreNotFound. */
export function findTrustStore(reader: Reader, place: Place, arn: string | undefined): TrustStoreRecord {
  const store = partOf(reader, place, { kind: "trustStore", arn });
  if (store === undefined) throw new ApiError("TrustStoreNotFound", `Trust store '${arn}' not found`);
  return store;
}

export function missingGroup(): ApiError {
  return new ApiError("TargetGroupNotFound", "One or more target groups not found");
}

/**
 * The ARN of an issued certificate of ACM or of a server certificate of IAM.
 * Errors: CertificateNotFound, UnsupportedCertificate.
 */
export function findCertificate(reader: Reader, place: Place, arn: string | undefined): string {
  const uploaded = reader.get("serverCertificate", arn);
  if (uploaded?.account === place.account) return uploaded.arn;
  const certificate = within(reader.get("certificate", arn), place);
  if (certificate === undefined)
    throw new ApiError("CertificateNotFound", `Certificate ARN '${arn}' is not valid`);
  if (certificate.unvalidated !== undefined)
    throw new ApiError(
      "UnsupportedCertificate",
      `The certificate '${certificate.arn}' must have a fully-qualified domain name, a supported signature, and a ` +
        "supported key size.",
    );
  return certificate.arn;
}

/** A resource that can be tagged, by its ARN. Errors: the NotFound error of the kind that the ARN names. */
export function findTagged(
  reader: Reader,
  place: Place,
  arn: string,
): { readonly kind: keyof Parts; readonly record: { readonly tags: Tags } } {
  const kind = taggedKindOf(arn);
  const record = partOf(reader, place, { kind, arn });
  if (record === undefined) throw new ApiError(MISSING[kind], "One or more resources not found");
  return { kind, record };
}

const MISSING = {
  loadBalancer: "LoadBalancerNotFound",
  listener: "ListenerNotFound",
  rule: "RuleNotFound",
  targetGroup: "TargetGroupNotFound",
  trustStore: "TrustStoreNotFound",
} as const;

function taggedKindOf(arn: string): keyof Parts {
  switch (arn.split(":")[5]?.split("/")[0]) {
    case "loadbalancer":
      return "loadBalancer";
    case "listener":
      return "listener";
    case "listener-rule":
      return "rule";
    case "truststore":
      return "trustStore";
    default:
      return "targetGroup";
  }
}

/** ARNs of the load balancers whose listeners or rules lead to the group. */
export function balancersOf(reader: Reader, groupArn: string): readonly string[] {
  const leads = (actions: TargetGroupActions) =>
    actions.some(
      (action) =>
        action.type === "forward" && action.targets.some((target) => target.targetGroupArn === groupArn),
    );
  const listeners = reader
    .list("listener")
    .filter(
      (listener) =>
        leads(listener.defaultActions) ||
        reader.listBy("rule", "listener", listener.arn).some((rule) => leads(rule.actions)),
    );
  return [...new Set(listeners.map((listener) => listener.loadBalancerArn))];
}

type TargetGroupActions = readonly (
  | { readonly type: "forward"; readonly targets: readonly { readonly targetGroupArn: string }[] }
  | { readonly type: "authenticate-oidc" | "redirect" | "fixed-response" }
)[];
