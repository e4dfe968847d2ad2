import { conditionKeysOf, type ConditionContext } from "@gantry/iam";
import type { Reader } from "@gantry/state";
import { DATABASE_KEYS } from "./database-keys.ts";
import { EC2_KEYS } from "./ec2-keys.ts";
import { ECS_KEYS } from "./ecs-keys.ts";
import {
  either,
  flag,
  list,
  member,
  members,
  text,
  type Asked,
  type Read,
  type Value,
} from "./key-readers.ts";
import { KMS_KEYS } from "./kms-keys.ts";
import { SECRET_KEYS } from "./secret-keys.ts";

/** The values of the condition keys that an action carries, as far as its request gives them. */
export function requestKeysOf(store: Reader, asked: Asked): ConditionContext {
  const entries = conditionKeysOf(asked.action).flatMap((key) => {
    const value = READERS[key]?.(asked, store);
    return value === undefined ? [] : [[key, value] as const];
  });
  return { ...Object.fromEntries(entries), ...databaseTagKeys(asked) };
}

/** Keys that have a reader here. */
export const keysRead = (): readonly string[] => Object.keys(READERS);

/** How each key is read. Source: Service Authorization Reference, the condition keys of each service. */
const READERS: Readonly<Record<string, Read>> = {
  // Those of IAM and S3's parameters are given by each service's permissions.ts, tags by resource-keys.ts.
  "sts:ExternalId": member("ExternalId"),
  "sts:RoleSessionName": member("RoleSessionName"),
  "sts:SourceIdentity": member("SourceIdentity"),
  "sts:TransitiveTagKeys": member("TransitiveTagKeys"),
  "s3:TlsVersion": ({ tlsVersion }) => /^TLSv(\d\.\d)$/.exec(tlsVersion ?? "")?.[1],
  "s3:authType": ({ signed }) => signed && AUTH_TYPES[signed.form],
  "s3:signatureversion": ({ signed }) =>
    signed && (signed.form === "presigned-v2" ? "AWS" : "AWS4-HMAC-SHA256"),
  "s3:signatureAge": signatureAge,
  "s3:x-amz-content-sha256": (asked) => signedText(asked, "x-amz-content-sha256"),
  "s3:if-match": member("IfMatch"),
  "s3:if-none-match": member("IfNoneMatch"),
  "s3:locationconstraint": member("CreateBucketConfiguration", "LocationConstraint"),
  "s3:object-lock-mode": either(member("ObjectLockMode"), member("Retention", "Mode")),
  "s3:object-lock-retain-until-date": either(
    member("ObjectLockRetainUntilDate"),
    member("Retention", "RetainUntilDate"),
  ),
  "s3:object-lock-legal-hold": either(member("ObjectLockLegalHoldStatus"), member("LegalHold", "Status")),
  "s3:x-amz-acl": member("ACL"),
  "s3:x-amz-grant-full-control": member("GrantFullControl"),
  "s3:x-amz-grant-read": member("GrantRead"),
  "s3:x-amz-grant-read-acp": member("GrantReadACP"),
  "s3:x-amz-grant-write": member("GrantWrite"),
  "s3:x-amz-grant-write-acp": member("GrantWriteACP"),
  "s3:x-amz-object-ownership": member("ObjectOwnership"),
  "s3:x-amz-server-side-encryption-aws-kms-key-id": member("SSEKMSKeyId"),
  "s3:x-amz-server-side-encryption-customer-algorithm": member("SSECustomerAlgorithm"),
  "s3:x-amz-website-redirect-location": member("WebsiteRedirectLocation"),
  "elasticloadbalancing:ListenerProtocol": member("Protocol"),
  "elasticloadbalancing:SecurityPolicy": member("SslPolicy"),
  "elasticloadbalancing:Scheme": ({ input }) => text(input["Scheme"]) ?? "internet-facing",
  "elasticloadbalancing:SecurityGroup": member("SecurityGroups"),
  "elasticloadbalancing:Subnet": either(member("Subnets"), members("SubnetMappings", "SubnetId")),
  "ecr:AccountSetting": member("name"),
  "elasticfilesystem:Encrypted": flag("Encrypted"),
  "autoscaling:ForceDelete": flag("ForceDelete"),
  "autoscaling:InstanceTypes": ({ input }) => instanceTypesOf(input["MixedInstancesPolicy"]),
  "autoscaling:LaunchConfigurationName": member("LaunchConfigurationName"),
  "autoscaling:LoadBalancerNames": member("LoadBalancerNames"),
  "autoscaling:OperatorPrincipal": ({ input }) =>
    text(((input["Operator"] ?? {}) as { Principal?: unknown }).Principal), // A structure of the request.
  "autoscaling:LaunchTemplateVersionSpecified": ({ input }) => {
    const { Version } = (input["LaunchTemplate"] ?? {}) as { Version?: unknown }; // A structure of the request.
    return input["LaunchTemplate"] === undefined ? undefined : String(Version !== undefined);
  },
  "autoscaling:MaxSize": ({ input }) =>
    typeof input["MaxSize"] === "number" ? String(input["MaxSize"]) : undefined,
  "autoscaling:MinSize": ({ input }) =>
    typeof input["MinSize"] === "number" ? String(input["MinSize"]) : undefined,
  "autoscaling:TargetGroupARNs": member("TargetGroupARNs"),
  "autoscaling:TrafficSourceIdentifiers": members("TrafficSources", "Identifier"),
  "autoscaling:VPCZoneIdentifiers": ({ input }) => text(input["VPCZoneIdentifier"])?.split(","),
  "application-autoscaling:scalable-dimension": member("ScalableDimension"),
  "application-autoscaling:service-namespace": member("ServiceNamespace"),
  "acm:DomainNames": ({ input }) => [
    ...[text(input["DomainName"])].flatMap((name) => name ?? []),
    ...list(input["SubjectAlternativeNames"]),
  ],
  "acm:KeyAlgorithm": ({ input }) => text(input["KeyAlgorithm"]) ?? "RSA_2048",
  "acm:ValidationMethod": ({ input }) => text(input["ValidationMethod"]) ?? "EMAIL",
  "servicequotas:service": member("ServiceCode"),
  ...DATABASE_KEYS,
  ...EC2_KEYS,
  ...ECS_KEYS,
  ...KMS_KEYS,
  ...SECRET_KEYS,
};

/** Source: "Amazon S3 Signature Version 4 authentication specific policy keys". */
const AUTH_TYPES = {
  header: "REST-HEADER",
  presigned: "REST-QUERY-STRING",
  "presigned-v2": "REST-QUERY-STRING",
  form: "POST",
} as const;

/** Milliseconds since the request was signed. */
function signatureAge({ signed, now }: Asked): Value {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signed?.amzDate ?? "");
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return String(now - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`));
}

/** What a signature says of itself, in a header or in the query. */
function signedText({ headers, rawQuery }: Asked, name: string): string | undefined {
  if (headers[name] !== undefined) return headers[name];
  for (const [key, value] of new URLSearchParams(rawQuery)) if (key.toLowerCase() === name) return value;
  return undefined;
}

/** RDS has its own spelling of the tags that a request gives or takes. */
function databaseTagKeys({ action, input }: Asked): ConditionContext {
  if (!action.startsWith("rds:") || !Array.isArray(input["Tags"])) return {};
  const tags = input["Tags"] as readonly { Key?: string; Value?: string }[]; // The shape's own members.
  return Object.fromEntries(tags.map(({ Key, Value }) => [`rds:req-tag/${Key ?? ""}`, Value ?? ""]));
}

/** The instance types that a mixed instances policy names. */
function instanceTypesOf(policy: unknown): readonly string[] {
  const { LaunchTemplate: template } = (policy ?? {}) as {
    LaunchTemplate?: { Overrides?: readonly { InstanceType?: string }[] };
  }; // A structure of the request.
  return (template?.Overrides ?? []).flatMap((each) => each.InstanceType ?? []);
}
