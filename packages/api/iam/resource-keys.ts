import type { ObjectStore } from "@gantry/content";
import { formatArn, parseArn } from "@gantry/kernel";
import type { Reader, Tags } from "@gantry/state";
import type { ConditionContext } from "@gantry/iam";
import { RESOURCES } from "../ec2/resources.ts";

/** Objects whose tags conditions ask for. */
export type ObjectTags = Pick<ObjectStore["index"], "get" | "version">;

/** Source: Service Authorization Reference, Amazon S3: the actions with the key s3:ExistingObjectTag. */
const READS_OBJECT_TAGS =
  /^s3:(Get|Put|Delete)Object(Version)?(Tagging|Acl)$|^s3:GetObject(Version)?$|^s3:GetObject(Version)?(Attributes|Torrent)$|^s3:GetObject(Retention|LegalHold)$/;

/**
 * What conditions can know of the resource that is asked about: its account, its tags.
 * Source: IAM User Guide, "AWS global condition context keys".
 */
export function resourceKeys(
  deps: { store: Reader; objects?: ObjectTags | undefined },
  asked: { action: string; resource: string; conditions: ConditionContext },
): ConditionContext {
  const arn = parseArn(asked.resource);
  if (arn === undefined) return {};
  if (arn.service === "s3") return objectKeys(deps, asked, arn.resource);
  const prefix = asked.action.split(":")[0] ?? "";
  const names =
    arn.service === "rds"
      ? ["aws:ResourceTag", `rds:${arn.resource.split(":")[0]}-tag`]
      : ["aws:ResourceTag", `${prefix === "sts" ? "iam" : prefix}:ResourceTag`];
  const tags = Object.entries(tagsOf(deps.store, asked.resource) ?? {});
  return {
    ...(arn.account === "" ? {} : { "aws:ResourceAccount": arn.account }),
    ...Object.fromEntries(names.flatMap((name) => tags.map(([key, value]) => [`${name}/${key}`, value]))),
  };
}

function objectKeys(
  { store, objects }: { store: Reader; objects?: ObjectTags | undefined },
  { action, conditions }: { action: string; conditions: ConditionContext },
  path: string,
): ConditionContext {
  const [bucket = "", ...rest] = path.split("/");
  const account = store.get("bucket", bucket)?.account;
  const owner: ConditionContext =
    account === undefined ? {} : { "aws:ResourceAccount": account, "s3:ResourceAccount": account };
  if (rest.length === 0 || objects === undefined || !READS_OBJECT_TAGS.test(action)) return owner;
  const version = conditions["s3:VersionId"];
  const key = rest.join("/");
  const meta = typeof version === "string" ? objects.version(bucket, key, version) : objects.get(bucket, key);
  return {
    ...owner,
    ...Object.fromEntries(
      Object.entries(meta?.tags ?? {}).map(([name, value]) => [`s3:ExistingObjectTag/${name}`, value]),
    ),
  };
}

/** Kinds of records that are kept by their ARN, by its service and the word before the first slash. */
const KEPT_BY_ARN = {
  "ecs/cluster": "cluster",
  "ecs/service": "service",
  "ecs/task": "task",
  "ecs/task-definition": "taskDefinition",
  "ecr/repository": "repository",
  "elasticloadbalancing/loadbalancer": "loadBalancer",
  "elasticloadbalancing/targetgroup": "targetGroup",
  "elasticloadbalancing/listener": "listener",
  "elasticloadbalancing/listener-rule": "rule",
  "acm/certificate": "certificate",
  "iam/role": "role",
  "iam/user": "user",
  "iam/policy": "policy",
  "iam/instance-profile": "instanceProfile",
  "iam/server-certificate": "serverCertificate",
} as const;

/** The tags of whatever has this ARN; undefined where nothing has. */
function tagsOf(store: Reader, resource: string): Tags | undefined {
  const { service, resource: path } = parseArn(resource) ?? { service: "", resource: "" };
  const [type = "", id = ""] = path.split("/");
  const kind = KEPT_BY_ARN[`${service}/${type}` as keyof typeof KEPT_BY_ARN] as
    | (typeof KEPT_BY_ARN)[keyof typeof KEPT_BY_ARN]
    | undefined; // Looked up; undefined is handled.
  if (kind !== undefined) return store.get(kind, resource)?.tags;
  switch (service) {
    case "ec2":
      return tagsInEc2(store, resource, { type, id });
    case "elasticfilesystem":
      return type === "access-point" ? store.get("accessPoint", id)?.tags : store.get("fileSystem", id)?.tags;
    case "rds":
      if (path.startsWith("subgrp:")) return store.get("databaseSubnetGroup", resource)?.tags;
      if (path.startsWith("pg:")) return store.get("databaseParameterGroup", resource)?.tags;
      if (path.startsWith("og:")) return store.get("databaseOptionGroup", resource)?.tags;
      if (path.startsWith("es:")) return store.get("databaseSubscription", resource)?.tags;
      if (path.startsWith("snapshot:")) return store.listBy("databaseSnapshot", "arn", resource)[0]?.tags;
      return store.get("databaseInstance", resource)?.tags;
    case "cloudwatch":
      return (store.get("alarm", resource) ?? store.get("dashboard", resource))?.tags;
    case "autoscaling":
      return store.get("autoScalingGroup", resource)?.tags;
    case "application-autoscaling":
      return store.get("scalableTarget", resource)?.tags;
    case "events":
      return (store.get("eventRule", resource) ?? store.get("eventBus", resource))?.tags;
    case "scheduler":
      return store.get("scheduleGroup", resource)?.tags;
    case "kms":
      return store.get("kmsKey", resource)?.tags;
    case "route53":
      return store.get("hostedZone", resource)?.tags;
    case "servicediscovery":
      return (store.get("discoveryService", resource) ?? store.get("discoveryNamespace", resource))?.tags;
    case "secretsmanager":
      return store.get("secret", resource)?.tags;
    case "sns":
      return store.get("topic", resource)?.tags;
    case "sqs":
      return store.get("queue", resource)?.tags;
    case "ssm":
      return store.get("parameter", resource)?.tags;
    case "logs":
      return store.get("logGroup", resource.split(":").slice(0, 7).join(":"))?.tags;
    default:
      return undefined;
  }
}

function tagsInEc2(
  store: Reader,
  resource: string,
  { type, id }: { readonly type: string; readonly id: string },
): Tags | undefined {
  if (type === "security-group-rule")
    return store
      .list("securityGroup")
      .flatMap((group) => group.rules)
      .find((rule) => rule.id === id)?.tags;
  if (type === "key-pair" || type === "placement-group")
    return store
      .list(type === "key-pair" ? "keyPair" : "placementGroup")
      .find(
        ({ account, region, name }) => formatArn("ec2", { account, region }, `${type}/${name}`) === resource,
      )?.tags;
  const found = Object.values(RESOURCES).find((each) => each.type === type);
  return found === undefined ? undefined : store.get(found.kind, id)?.tags;
}
