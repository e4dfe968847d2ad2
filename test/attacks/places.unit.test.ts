import { ACCOUNT as VICTIM, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVICE_NAMES, type ServiceName } from "./loaded-services.ts";
import { inputOf, mayBeNew } from "./references/inputs.ts";
import { referenceMembers } from "./references/members.ts";
import { newSandbox } from "./references/sandbox.ts";
import type { Send } from "./references/targets.ts";
import { senderOf } from "./references/world.ts";
import { admitOther, OTHER } from "./other-account.ts";

// A caller who may do everything in one account and region holds the ids and ARNs of resources of another,
// and names each in every member of every operation that refers to such a resource.
// Before: load balancers, listeners, rules and target groups of another account and region were described,
// changed and deleted.
const REGION = "eu-south-1";
const GLOBAL: readonly ServiceName[] = ["iam", "sts", "s3", "route53"];
const api = await startApi();
afterAll(() => api.close());
const { world, callWith } = await newSandbox(api);
const { subjects } = await referenceMembers();

/** Kinds of resources that an account has in no region, in services that are regional. */
const GLOBAL_KINDS: readonly string[] = ["dashboard"];
/** Operations that name the region of what they refer to. */
const ACROSS_REGIONS: readonly string[] = ["CopySnapshot"];

/**
 * Calls every operation on every resource of the service and expects that none reads or changes it, but for
 * the given kinds and operations.
 */
async function expectUntouched(
  caller: Send,
  service: ServiceName,
  but: readonly string[] = [],
): Promise<void> {
  const named = subjects.filter(
    (each) => each.service === service && !but.includes(each.kind) && !but.includes(each.operation.name),
  );
  for (const subject of named.filter((each) => !mayBeNew(each)))
    for (const target of world.targets.filter(({ kind }) => kind === subject.kind))
      for (const spelling of target.spellings) {
        const input = inputOf(subject, spelling, target, world.defaults[service]);
        const { outcome, detail, changes } = await callWith(caller, service, subject.operation.name, input);
        const what = `${service} ${subject.operation.name} with ${subject.path} = ${spelling}: ${detail}`;
        expect.soft(["denied", "refused", "missing", "nothing"], what).toContain(outcome);
        const touched = changes.filter(
          ({ account, region = REGION }) => account === VICTIM && region === REGION,
        );
        expect.soft(touched, what).toEqual([]);
      }
}

beforeAll(async () => {
  admitOther(api);
  // The first call of each place creates its default VPC, which stays.
  for (const config of [api.client(OTHER), api.client(undefined, "us-west-2")])
    await senderOf(config)("ec2", "DescribeVpcs", {});
});

describe.each(SERVICE_NAMES)("a resource of %s", (service) => {
  it("is neither read nor changed from another account", () =>
    expectUntouched(senderOf(api.client(OTHER)), service));

  if (GLOBAL.includes(service)) return;
  it("is neither read nor changed from another region", () =>
    expectUntouched(senderOf(api.client(undefined, "us-west-2")), service, [
      ...GLOBAL_KINDS,
      ...ACROSS_REGIONS,
    ]));
});

const named = (kind: string) => world.targets.find((target) => target.kind === kind)?.spellings[0] ?? "";
const firstOf = (output: Record<string, unknown>, list: string, member: string) =>
  String((output[list] as readonly Record<string, unknown>[])[0]?.[member]); // As answered.

// Before: a route, a service, a boundary and an attached policy could refer to what another account has.
it("a resource of another account cannot be referred to", async () => {
  const other = senderOf(api.client(OTHER));
  const policyArn = named("policy");
  const vpcId = firstOf(await other("ec2", "DescribeVpcs", {}), "Vpcs", "VpcId");
  const { RouteTable } = await other("ec2", "CreateRouteTable", { VpcId: vpcId });
  const { RouteTableId } = RouteTable as { RouteTableId: string }; // As answered.
  const subnetId = firstOf(await other("ec2", "DescribeSubnets", {}), "Subnets", "SubnetId");
  await other("iam", "CreateUser", { UserName: "mine" });
  await other("ecs", "CreateCluster", {});
  await other("ecs", "RegisterTaskDefinition", DEFINITION);
  const route = { RouteTableId, DestinationCidrBlock: "10.66.0.0/16", NatGatewayId: named("natGateway") };
  const group = { Name: "mine", Protocol: "HTTP", Port: 80, TargetType: "ip", VpcId: named("vpc") };
  const service = {
    serviceName: "mine",
    taskDefinition: "mine",
    desiredCount: 1,
    networkConfiguration: { awsvpcConfiguration: { subnets: [subnetId] } },
    loadBalancers: [{ targetGroupArn: named("targetGroup"), containerName: "c", containerPort: 80 }],
  };
  const calls: readonly Parameters<Send>[] = [
    ["ec2", "CreateRoute", route],
    ["iam", "AttachUserPolicy", { UserName: "mine", PolicyArn: policyArn }],
    ["iam", "PutUserPermissionsBoundary", { UserName: "mine", PermissionsBoundary: policyArn }],
    [
      "iam",
      "SimulatePrincipalPolicy",
      { PolicySourceArn: named("identityArn"), ActionNames: ["s3:GetObject"] },
    ],
    ["elbv2", "CreateTargetGroup", group],
    ["ecs", "CreateService", service],
  ];
  for (const call of calls) {
    const { outcome, detail, changes } = await callWith(other, ...call);
    expect.soft(["denied", "refused", "missing"], `${call[1]}: ${detail}`).toContain(outcome);
    expect.soft(changes).toEqual([]);
  }
});

const DEFINITION = {
  family: "mine",
  networkMode: "awsvpc",
  cpu: "256",
  memory: "512",
  containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
};

// Before: ECR ignored the registry and answered from the caller's own.
it("a repository of another registry is not mixed up with the caller's own", async () => {
  const other = senderOf(api.client(OTHER));
  await other("ecr", "CreateRepository", { repositoryName: "prod" });
  const registry = { registryId: VICTIM, repositoryName: "prod" };
  const missing = `does not exist in the registry with id '${VICTIM}'`;
  await expect(other("ecr", "DescribeImages", registry)).rejects.toThrow(missing);
  await expect(other("ecr", "DeleteRepository", { ...registry, force: true })).rejects.toThrow(missing);
  await expect(other("ecr", "DescribeRepositories", { registryId: VICTIM })).rejects.toThrow(VICTIM);
});
