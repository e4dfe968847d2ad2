import { conditionKeysOf, type ConditionContext } from "@gantry/iam";
import { formatArn, parseArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { AskedKeys } from "@gantry/wire";
import { defaultVpcOf } from "../ec2/lookups.ts";
import { RESOURCES } from "../ec2/resources.ts";
import { parseCpu, parseMemory } from "../ecs/task-sizes.ts";

type Asked = AskedKeys & { readonly now: number };
type Value = string | readonly string[] | undefined;
type Read = (asked: Asked, store: Reader) => Value;

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
  "s3:TlsVersion": ({ tlsVersion }) => /^TLSv(\d\.\d)$/.exec(tlsVersion ?? "")?.[1],
  "s3:authType": ({ headers, rawQuery }) =>
    headers["authorization"] !== undefined
      ? "REST-HEADER"
      : /(?:^|&)X-Amz-Signature=/.test(rawQuery)
        ? "REST-QUERY-STRING"
        : headers["content-type"]?.startsWith("multipart/form-data") === true
          ? "POST"
          : undefined,
  "s3:signatureversion": ({ headers, rawQuery }) =>
    headers["authorization"] !== undefined || /(?:^|&)X-Amz-Signature=/.test(rawQuery)
      ? "AWS4-HMAC-SHA256"
      : undefined,
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
  "ecs:task-cpu": size((input) => parseCpu(text(input["cpu"]) ?? text(overridesOf(input)["cpu"]))),
  "ecs:task-memory": size((input) =>
    parseMemory(text(input["memory"]) ?? text(overridesOf(input)["memory"])),
  ),
  "ecs:privileged": ({ input }) => {
    const containers = Array.isArray(input["containerDefinitions"]) ? input["containerDefinitions"] : [];
    return String(containers.some((each: { privileged?: unknown }) => each.privileged === true));
  },
  "ecs:service": ({ input, account, region }) => {
    const [cluster, service] = [text(input["cluster"]) ?? "default", text(input["service"])];
    if (service === undefined || service.startsWith("arn:")) return service;
    return formatArn("ecs", { account, region }, `service/${cluster.split("/").at(-1)}/${service}`);
  },
  "ecs:task-definition": taskDefinitionArn,
  "ecs:capacity-provider": members("capacityProviderStrategy", "capacityProvider"),
  "ecs:enable-execute-command": flag("enableExecuteCommand"),
  "ecs:enable-ecs-managed-tags": flag("enableECSManagedTags"),
  "ecs:propagate-tags": member("propagateTags"),
  "ecs:auto-assign-public-ip": (asked, store) => {
    const value = member("networkConfiguration", "awsvpcConfiguration", "assignPublicIp")(asked, store);
    return value === undefined ? undefined : String(value === "ENABLED");
  },
  "ecs:subnet": member("networkConfiguration", "awsvpcConfiguration", "subnets"),
  "ec2:Region": ({ region }) => region,
  "ec2:Vpc": (asked, store) => placeOf(asked, store).vpc,
  "ec2:Subnet": (asked, store) => placeOf(asked, store).subnet,
  "elasticloadbalancing:ListenerProtocol": member("Protocol"),
  "elasticloadbalancing:SecurityPolicy": member("SslPolicy"),
  "elasticloadbalancing:Scheme": ({ input }) => text(input["Scheme"]) ?? "internet-facing",
  "elasticloadbalancing:SecurityGroup": member("SecurityGroups"),
  "elasticloadbalancing:Subnet": either(member("Subnets"), members("SubnetMappings", "SubnetId")),
  "elasticfilesystem:Encrypted": flag("Encrypted"),
  "rds:ManageMasterUserPassword": flag("ManageMasterUserPassword"),
  "rds:PubliclyAccessible": flag("PubliclyAccessible"),
  "acm:DomainNames": ({ input }) => [
    ...[text(input["DomainName"])].flatMap((name) => name ?? []),
    ...list(input["SubjectAlternativeNames"]),
  ],
  "acm:KeyAlgorithm": ({ input }) => text(input["KeyAlgorithm"]) ?? "RSA_2048",
  "acm:ValidationMethod": member("ValidationMethod"),
};

/** A size of the request. One that cannot be read is refused by the operation. */
function size(read: (input: Asked["input"]) => number | undefined): Read {
  return ({ input }) => {
    try {
      return text(read(input));
    } catch {
      return undefined;
    }
  };
}

function overridesOf(input: Asked["input"]): Readonly<Record<string, unknown>> {
  const value = input["overrides"];
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}; // An object has members.
}

/** The VPC and subnet of an EC2 resource: its own, or for one that is created those that the request names. */
function placeOf(asked: Asked, store: Reader): { vpc: Value; subnet: Value } {
  const { input, account, region } = asked;
  const [type = "", id = ""] = (parseArn(asked.resource)?.resource ?? "").split("/");
  const kind = Object.values(RESOURCES).find((each) => each.type === type)?.kind;
  const record: object = (kind === undefined ? undefined : store.get(kind, id)) ?? {};
  const of = (name: string): string | undefined =>
    Object.hasOwn(record, name) ? text((record as Readonly<Record<string, unknown>>)[name]) : undefined; // As above.
  const subnetId =
    type === "subnet" && id !== "*"
      ? id
      : (of("subnetId") ?? (id === "*" ? text(input["SubnetId"]) : undefined));
  const vpcId =
    (type === "vpc" ? id : of("vpcId")) ??
    store.get("subnet", subnetId)?.vpcId ??
    text(input["VpcId"]) ??
    (asked.action === "ec2:CreateSecurityGroup" ? defaultVpcOf(store, { account, region })?.id : undefined);
  const arn = (path: string, of: string | undefined) =>
    of === undefined ? undefined : formatArn("ec2", { account, region }, `${path}/${of}`);
  return { vpc: arn("vpc", vpcId), subnet: arn("subnet", subnetId) };
}

/** The value at a path of the input, as text; a list of texts stays one. */
function member(...path: readonly string[]): Read {
  return ({ input }) => {
    let value: unknown = input;
    for (const name of path)
      value =
        typeof value === "object" && value !== null
          ? (value as Readonly<Record<string, unknown>>)[name] // An object has members.
          : undefined;
    return Array.isArray(value) ? list(value) : text(value);
  };
}

/** One member of each entry of a list of the input. */
function members(name: string, of: string): Read {
  return ({ input }) => {
    const entries: readonly unknown[] = Array.isArray(input[name]) ? input[name] : [];
    return entries.flatMap((entry) => {
      const value =
        typeof entry === "object" && entry !== null
          ? text((entry as Record<string, unknown>)[of])
          : undefined; // As above.
      return value ?? [];
    });
  };
}

function either(one: Read, other: Read): Read {
  return (asked, store) => {
    const value = one(asked, store);
    return value === undefined || value.length === 0 ? other(asked, store) : value;
  };
}

/** A switch of the input; a call that creates something without naming it leaves it off. */
function flag(name: string): Read {
  return ({ action, input }) =>
    text(input[name]) ?? (/:(?:Create|Run|Register)/.test(action) ? "false" : undefined);
}

function text(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return value instanceof Date ? value.toISOString() : undefined;
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((each: unknown) => text(each) ?? []) : [];
}

/** The ARN with its revision: of a family alone, the latest active one. */
function taskDefinitionArn({ input, account, region }: Asked, store: Reader): Value {
  const given = text(input["taskDefinition"]);
  if (given === undefined) return undefined;
  const name = given.startsWith("arn:") ? (parseArn(given)?.resource.split("/")[1] ?? "") : given;
  const arn = formatArn("ecs", { account, region }, `task-definition/${name}`);
  if (/:\d+$/.test(name)) return arn;
  const revisionOf = (each: { arn: string }) => Number(each.arn.split(":").at(-1));
  const latest = store
    .list("taskDefinition", `${arn}:`)
    .filter(({ status }) => status === "ACTIVE")
    .toSorted((one, other) => revisionOf(other) - revisionOf(one))[0];
  return latest?.arn ?? arn;
}

/** Milliseconds since the request was signed. */
function signatureAge(asked: Asked): Value {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signedText(asked, "x-amz-date") ?? "");
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return String(asked.now - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`));
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
