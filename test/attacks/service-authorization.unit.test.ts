import { parseArn } from "@gantry/kernel";
import type { Permission } from "@gantry/wire";
import { describe, expect, it } from "vitest";
import { loadedService, SERVICE_NAMES, type ServiceName } from "./loaded-services.ts";
import { REFERENCE } from "./service-authorization.ts";

// Each operation of each service asks for the actions and the resource types of the Service Authorization Reference: all that
// are required, and none that the action does not have. An action that the table does not know fails.
// Before: permissions were guessed from the members of the input, whatever the operation. 166 of the 332 operations failed,
// because the inputs here have the members of all operations of a service; with its own members alone, DeleteTaskDefinitions,
// DisassociateRouteTable, DescribeRepositories, SetRulePriorities, logs' TagResource and others still asked for `*`.
const CALLER = {
  account: "000000000000",
  region: "eu-south-1",
  principal: {
    type: "user" as const,
    arn: "arn:aws:iam::000000000000:user/u",
    account: "000000000000",
    id: "i",
  },
};
const arn = (service: string, path: string) => `arn:aws:${service}:eu-south-1:000000000000:${path}`;
const LB = "app/n/1";
/** Members as every operation of a service takes them: a permission reads those of its own operation. */
const INPUTS: Readonly<Record<ServiceName, (operation: string) => Record<string, unknown>>> = {
  ecs: () => ({
    clusterName: "c",
    cluster: "c",
    clusters: ["c"],
    service: "s",
    serviceName: "s",
    services: ["s"],
    taskSet: "ecs-svc/1",
    serviceDeploymentArn: arn("ecs", "service-deployment/c/s/1"),
    serviceDeploymentArns: [arn("ecs", "service-deployment/c/s/1")],
    serviceRevisionArns: [arn("ecs", "service-revision/c/s/1")],
    task: "t",
    tasks: ["t"],
    containerInstance: "i",
    containerInstances: ["i"],
    attributes: [{ name: "a", targetId: "i" }],
    family: "f",
    taskDefinition: "f:1",
    taskDefinitions: ["f:1"],
    taskRoleArn: "arn:aws:iam::000000000000:role/r",
    resourceArn: arn("ecs", "cluster/c"),
    tags: [{ key: "a", value: "b" }],
  }),
  ecr: () => ({
    repositoryName: "r",
    repositoryNames: ["r"],
    resourceArn: arn("ecr", "repository/r"),
    tags: [{ Key: "a", Value: "b" }],
  }),
  ec2: (operation) => ({
    VpcId: "vpc-1",
    SubnetId: "subnet-1",
    InternetGatewayId: "igw-1",
    NatGatewayId: "nat-1",
    AllocationId: "eipalloc-1",
    NetworkInterfaceId: "eni-1",
    RouteTableId: "rtb-1",
    AssociationId: "x",
    GroupId: "sg-1",
    SecurityGroupRules: [{ SecurityGroupRuleId: "sgr-1" }],
    Resources: ["vpc-1", "sg-1", "sgr-1", "eni-1"],
    TagSpecifications: operation.startsWith("Create")
      ? [{ ResourceType: "vpc", Tags: [{ Key: "a", Value: "b" }] }]
      : undefined,
  }),
  elbv2: () => ({
    Name: "n",
    LoadBalancerArn: arn("elasticloadbalancing", `loadbalancer/${LB}`),
    ListenerArn: arn("elasticloadbalancing", `listener/${LB}/2`),
    RuleArn: arn("elasticloadbalancing", `listener-rule/${LB}/2/3`),
    TargetGroupArn: arn("elasticloadbalancing", "targetgroup/n/1"),
    RulePriorities: [{ RuleArn: arn("elasticloadbalancing", `listener-rule/${LB}/2/3`), Priority: 1 }],
    ResourceArns: [arn("elasticloadbalancing", `loadbalancer/${LB}`)],
    Tags: [{ Key: "a", Value: "b" }],
  }),
  iam: () => ({
    UserName: "u",
    RoleName: "r",
    GroupName: "g",
    InstanceProfileName: "p",
    PolicyName: "p",
    AWSServiceName: "ecs.amazonaws.com",
    DeletionTaskId: "task/aws-service-role/ecs.amazonaws.com/r/1",
    PolicyArn: "arn:aws:iam::000000000000:policy/p",
    PolicySourceArn: "arn:aws:iam::000000000000:role/r",
    Tags: [{ Key: "a", Value: "b" }],
  }),
  sts: () => ({}),
  codedeploy: (operation) => ({
    applicationName: "a",
    applicationNames: ["a"],
    deploymentGroupName: "g",
    currentDeploymentGroupName: "g",
    deploymentGroupNames: ["g"],
    deploymentConfigName: "c",
    deploymentId: "d-1",
    deploymentIds: ["d-1"],
    ResourceArn: arn("codedeploy", "application:a"),
    tags: operation.startsWith("Create") ? [{ Key: "a", Value: "b" }] : undefined,
  }),
  s3: () => ({ Bucket: "b", Key: "k", Tagging: "a=b", CreateBucketConfiguration: { Tags: [{}] } }),
  efs: (operation) => ({
    FileSystemId: "fs-1",
    MountTargetId: operation === "CreateMountTarget" ? undefined : "fsmt-1",
    AccessPointId: operation.includes("AccessPoint") ? "fsap-1" : undefined,
    ResourceId: "fs-1",
    SubnetId: "subnet-1",
    Tags: [{ Key: "a", Value: "b" }],
  }),
  rds: () => ({
    DBInstanceIdentifier: "d",
    DBSubnetGroupName: "s",
    ResourceName: arn("rds", "db:d"),
    Tags: [{ Key: "a", Value: "b" }],
  }),
  logs: () => ({
    logGroupName: "g",
    logStreamName: "s",
    resourceArn: arn("logs", "log-group:g"),
    tags: { a: "b" },
  }),
  "application-autoscaling": () => ({
    ServiceNamespace: "ecs",
    ResourceId: "service/c/s",
    ScalableDimension: "ecs:service:DesiredCount",
    TargetTrackingScalingPolicyConfiguration: { TargetValue: 1 },
    ResourceARN: arn("application-autoscaling", "scalable-target/1"),
    Tags: { a: "b" },
  }),
  cloudwatch: () => ({
    AlarmName: "a",
    AlarmNames: ["a"],
    DashboardName: "d",
    DashboardNames: ["d"],
    Namespace: "n",
    ResourceARN: arn("cloudwatch", "alarm:a"),
    Tags: [{ Key: "a", Value: "b" }],
  }),
  kms: () => ({
    KeyId: "k",
    TargetKeyId: "k",
    AliasName: "alias/a",
    SourceKeyId: "k",
    DestinationKeyId: "k",
    Tags: [{ TagKey: "a", TagValue: "b" }],
  }),
  secretsmanager: () => ({ Name: "s", SecretId: "s", Tags: [{ Key: "a", Value: "b" }] }),
  ssm: () => ({
    Name: "/p",
    Names: ["/p"],
    Path: "/p",
    ResourceType: "Parameter",
    ResourceId: "/p",
    Tags: [{ Key: "a", Value: "b" }],
  }),
  acm: () => ({ CertificateArn: arn("acm", "certificate/c"), Tags: [{ Key: "a", Value: "b" }] }),
};

/** Where AWS is known to ask for another resource than its reference says, with the source. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "ecs:ListTasks": "`*` unless a container instance is named: github.com/cdklabs/construct-hub/pull/1207",
};

/** The type of a resource, in the words of the reference. */
function typeOf(resource: string): string {
  const parsed = parseArn(resource);
  if (parsed === undefined) return resource;
  const { service, resource: path } = parsed;
  if (service === "s3") return path.includes("/") ? "object" : "bucket";
  if (service === "cloudwatch" || service === "codedeploy") return path.split(/[:/]/)[0] ?? "";
  if (service === "logs") return path.includes(":log-stream:") ? "log-stream" : "log-group";
  return path.split(["rds", "secretsmanager"].includes(service) ? ":" : "/")[0] ?? "";
}

function byAction(permissions: readonly Permission[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { action, resource } of permissions)
    found.set(action, (found.get(action) ?? new Set()).add(typeOf(resource)));
  return found;
}

const LISTED = new Map(
  REFERENCE.trim()
    .split("\n")
    .map((line) => {
      const [action = "", ...types] = line.split(" ");
      return [action, types] as const;
    }),
);

describe.each(SERVICE_NAMES)("operations of %s", async (id) => {
  const { operations, permissions } = await loadedService(id);
  const implemented = [...operations.values()].filter(({ handler }) => handler !== undefined);
  const inputOf = INPUTS[id];

  it.each(implemented.map(({ name }) => name))("%s asks for what the reference lists", (operation) => {
    const asked = permissions(operation, inputOf(operation), CALLER);
    for (const [action, types] of byAction(asked)) {
      const listed = LISTED.get(action) ?? expect.fail(`${action} is not in the reference`);
      if (EXCEPTIONS[action] !== undefined) continue;
      const all = listed.map((type) => type.replace("*", ""));
      const required = listed.filter((type) => type.endsWith("*")).map((type) => type.replace("*", ""));
      expect([...types].filter((type) => !(all.length === 0 ? ["*"] : all).includes(type))).toEqual([]);
      expect(required.filter((type) => !types.has(type))).toEqual([]);
    }
  });
});
