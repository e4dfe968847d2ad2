import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { loadedService, SERVICE_NAMES, type ServiceName } from "./loaded-services.ts";
import { inputOf } from "./references/inputs.ts";
import { referenceMembers } from "./references/members.ts";
import { createMore } from "./references/world-more.ts";
import { withoutNode } from "./references/sandbox.ts";
import { createWorld, senderOf } from "./references/world.ts";

// A reader who walks a list page by page sees what a reader of the whole list sees, each item once: an audit
// misses nothing, and a page is as small as it was asked for. The lists are read from the SDK's schemas, so
// that a new one is included.
// Before: the tags of IAM's resources, a user's access keys and the capacity providers came on one page,
// whatever was asked for.
const api = await startApi();
afterAll(() => api.close());
const send = withoutNode(api, senderOf(api.client()));
const world = await createWorld(send);
await createMore(send, world);
const { subjects } = await referenceMembers();

const SIZE = /^(?:max(?:Results|Items|Records|Keys|Uploads|Parts|Buckets)|limit|pageSize)$/i;
const TOKEN = /^(?:nextToken|marker|continuationToken|keyMarker|partNumberMarker)$/i;
/** Members of an output that say where to continue; the later ones repeat the input's in some lists. */
const NEXT = [
  /^next(?:Token|Marker|ContinuationToken|KeyMarker|PartNumberMarker)$/i,
  /^(?:marker|continuationToken)$/i,
];
/** The fewest items that a page may have. */
const LEAST: Partial<Record<ServiceName, number>> = { ec2: 5, rds: 20 };

/** Lists that have one page in this world, with the reason. */
const SINGLE: Readonly<Record<string, string>> = {
  "application-autoscaling DescribeScalingActivities": "no controller scales here",
  "efs DescribeReplicationConfigurations": "no file system is replicated",
  "autoscaling DescribeAutoScalingInstances": "no controller launches here",
  "autoscaling DescribeInstanceRefreshes": "a group has one refresh at a time",
  "autoscaling DescribeLoadBalancerTargetGroups": "no group has a target group",
  "autoscaling DescribeLoadBalancers": "there are no Classic Load Balancers",
  "autoscaling DescribeScalingActivities": "no controller launches here",
  "autoscaling DescribeTrafficSources": "no group has a target group",
  "ecr DescribeImageScanFindings": "no image is scanned",
  "ecr DescribePullThroughCacheRules": "there is one rule",
  "ecr DescribeRepositoryCreationTemplates": "there is one template",
  "ec2 DescribeAddressesAttribute": "no address has a domain name",
  "ec2 DescribeInstanceCreditSpecifications": "there is one instance",
  "ec2 DescribeInstanceStatus": "there is one instance",
  "ec2 DescribeInstances": "there is one instance",
  "ec2 DescribeVolumes": "there is one instance",
  "ec2 DescribeIamInstanceProfileAssociations": "there is one instance",
  "ec2 DescribeSnapshots": "there is no volume to copy",
  "ec2 DescribeVolumesModifications": "no volume is modified",
  "ec2 DescribeTags": "there are fewer tags than the least page",
  "ec2 DescribeVpcEndpointConnectionNotifications": "there is one notification",
  "ec2 DescribeVpcEndpointConnections": "no endpoint is of a customer's service",
  "ec2 DescribeVpcEndpointServiceConfigurations": "there is one service",
  "ec2 DescribeVpcEndpointServicePermissions": "the service has no principals",
  "ec2 DescribePrefixLists": "AWS has two lists for the services here",
  "ecs ListAttributes": "no cluster has a container instance",
  "ecs ListContainerInstances": "no cluster has a container instance",
  "elbv2 DescribeTrustStoreAssociations": "one listener has the trust store",
  "iam GetServiceLastAccessedDetails": "nobody has asked for a report",
  "iam GetServiceLastAccessedDetailsWithEntities": "nobody has asked for a report",
  "iam ListAccountAliases": "an account has one alias",
  "kms ListKeyPolicies": "a key has one policy",
  "iam ListServiceSpecificCredentials": "there are none",
  "logs DescribeExportTasks": "nobody exports; apps/control-plane/log-exports.unit.test.ts",
  "logs DescribeQueries": "nobody has started a query",
  "logs GetQueryResults": "nobody has started a query",
  "logs GetLogEvents": "its tokens are those of both directions, and never end",
  "rds DescribeDBEngineVersions": "there are fewer than the least page",
  "rds DescribeDBParameters":
    "a page without a size has 100 of more; packages/api/rds/parameters.unit.test.ts",
  "rds DescribeEngineDefaultParameters": "as DescribeDBParameters",
  "rds DescribeOrderableDBInstanceOptions": "as DescribeDBParameters",
  "rds DescribeOptionGroupOptions": "there are fewer than the least page",
  "rds DescribeCertificates": "there are fewer than the least page",
  "rds DescribeDBClusters": "there are no clusters",
  "rds DescribeDBLogFiles": "no server writes; packages/api/rds/log-files.unit.test.ts",
  "rds DescribeDBSnapshots": "no instance is available; packages/api/rds/snapshots.unit.test.ts",
  "rds DescribeEventSubscriptions": "an account has at most as many as the least page",
  "rds DescribeEvents": "too little happens; packages/api/rds/events.unit.test.ts",
  "elbv2 DescribeTrustStoreRevocations": "the trust store has no revocation list",
  "ssm DescribeDocumentPermission": "a document is shared with nobody",
  "sqs ListDeadLetterSourceQueues": "no queue sends to another",
  "route53 ListHealthChecks": "there is one health check",
  "route53 ListHostedZones": "there is one zone",
  "route53 ListHostedZonesByVPC": "the VPC is in one zone",
  "route53 ListVPCAssociationAuthorizations": "one VPC is authorized",
  "servicediscovery GetInstancesHealthStatus": "the service has one instance",
  "servicediscovery ListInstances": "the service has one instance",
  "servicediscovery ListNamespaces": "there is one namespace",
  "servicediscovery ListServices": "there is one service",
  "s3 GetObjectAttributes": "the object has no parts",
  "s3 ListParts": "the upload has no parts",
  "s3 ListObjects": "its marker is a key, and its answer has one with a delimiter alone",
};

/** Members that name what is listed, where the schema requires none. */
const MORE: Readonly<Record<string, object>> = {
  "application-autoscaling DescribeScheduledActions": { ServiceNamespace: "ecs" },
  "ec2 DescribeLaunchTemplateVersions": { Versions: ["$Latest"] },
  "ec2 GetManagedPrefixListAssociations": { PrefixListId: await listNamed("more") },
  "ec2 GetManagedPrefixListEntries": { PrefixListId: await listNamed("more") },
  "iam ListAccessKeys": { UserName: "prod" },
  "iam ListMFADevices": { UserName: "prod" },
  "iam ListPolicies": { Scope: "Local" },
  "iam ListSSHPublicKeys": { UserName: "prod" },
  "iam ListSigningCertificates": { UserName: "prod" },
  "iam SimulateCustomPolicy": { ActionNames: ["s3:GetObject", "s3:PutObject", "s3:ListBucket"] },
  "iam SimulatePrincipalPolicy": { ActionNames: ["s3:GetObject", "s3:PutObject", "s3:ListBucket"] },
  "logs DescribeLogStreams": { logGroupName: "prod" },
  "logs FilterLogEvents": { logGroupName: "prod" },
  "efs DescribeMountTargets": { FileSystemId: targetOf("fileSystem") },
  "elbv2 DescribeListenerCertificates": { ListenerArn: await secureListener() },
  "kms ListRetirableGrants": { RetiringPrincipal: "arn:aws:iam::000000000000:user/spare" },
  "elbv2 DescribeListeners": { LoadBalancerArn: targetOf("loadBalancer") },
  "elbv2 DescribeRules": { ListenerArn: targetOf("listener") },
  "kms ListGrants": { KeyId: targetOf("kmsKey") },
  "secretsmanager BatchGetSecretValue": { Filters: [{ Key: "name", Values: ["more"] }] },
  "ssm GetParametersByPath": { Path: "/prod" },
};

function targetOf(kind: string): string | undefined {
  return world.targets.find((each) => each.kind === kind)?.spellings[0];
}

async function listNamed(name: string): Promise<string> {
  const Filters = [{ Name: "prefix-list-name", Values: [name] }];
  const { PrefixLists } = await send("ec2", "DescribeManagedPrefixLists", { Filters });
  return (PrefixLists as { PrefixListId: string }[])[0]?.PrefixListId ?? ""; // As answered.
}

async function secureListener(): Promise<string> {
  const { Listeners } = await send("elbv2", "DescribeListeners", {
    LoadBalancerArn: targetOf("loadBalancer"),
  });
  const all = Listeners as { ListenerArn: string; Protocol: string }[]; // As answered.
  return all.find(({ Protocol }) => Protocol === "HTTPS")?.ListenerArn ?? "";
}

interface List {
  readonly service: ServiceName;
  readonly name: string;
  readonly size: string;
  readonly token: string;
  readonly input: object;
}

async function lists(): Promise<readonly List[]> {
  const found: List[] = [];
  for (const service of SERVICE_NAMES)
    for (const operation of (await loadedService(service)).operations.values()) {
      const { name, input } = operation;
      if (operation.handler === undefined || input.type !== "structure") continue;
      const size = input.members.find((member) => SIZE.test(member.name))?.name;
      const token = input.members.find((member) => TOKEN.test(member.name))?.name;
      if (size === undefined || token === undefined || SINGLE[`${service} ${name}`] !== undefined) continue;
      const required = input.members.filter((member) => member.required).map((member) => member.name);
      const subject = subjects.find(
        (each) =>
          each.service === service &&
          each.operation.name === name &&
          required.includes(each.path.split(/[.[]/)[0] ?? ""),
      );
      const target = world.targets.find(({ kind }) => kind === subject?.kind);
      const least = inputOf(
        subject ?? { service, operation, path: "", kind: "vpc", reach: "none" },
        target?.spellings[0] ?? "",
        target ?? {},
        world.defaults[service],
      );
      found.push({ service, name, size, token, input: { ...least, ...MORE[`${service} ${name}`] } });
    }
  return found;
}

/** The items of an answer as texts; names beside structures are those of the same things. */
function itemsOf(output: Record<string, unknown>): readonly string[] {
  const all = Object.values(output).flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : []));
  const structures = all.filter((each) => typeof each === "object");
  return (structures.length > 0 ? structures : all).map((each) => JSON.stringify(each));
}

function nextOf(output: Record<string, unknown>): unknown {
  if (output["IsTruncated"] === false) return undefined;
  const found = NEXT.flatMap((name) => Object.entries(output).filter(([member]) => name.test(member)));
  return found.find(([, value]) => value !== undefined && value !== "")?.[1];
}

it.each(await lists())("$service $name", async ({ service, name, size, token, input }) => {
  const all = itemsOf(await send(service, name, input));
  const walked: string[] = [];
  let next: unknown;
  let pages = 0;
  do {
    const from = next === undefined ? {} : { [token]: next };
    const output = await send(service, name, { ...input, ...from, [size]: LEAST[service] ?? 1 });
    walked.push(...itemsOf(output));
    next = nextOf(output);
    pages += 1;
  } while (next !== undefined && pages < 100);
  expect(walked.toSorted()).toEqual(all.toSorted());
  expect(pages).toBeGreaterThan(1);
});
