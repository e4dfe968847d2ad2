import {
  AllocateAddressCommand,
  CreateNatGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
} from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import {
  CreateTargetGroupCommand,
  type CreateTargetGroupCommandInput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  AttachUserPolicyCommand,
  CreateUserCommand,
  PutUserPermissionsBoundaryCommand,
  SimulatePrincipalPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
} from "@aws-sdk/client-ecr";
import { ACCOUNT as VICTIM, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elbTargets } from "./spelling-balancers.ts";
import { efsTargets, iamTargets, logsTargets, rdsTargets } from "./spelling-stores.ts";
import {
  acmTargets,
  clientsOf,
  ec2Targets,
  ecrTargets,
  ecsTargets,
  outcomeOf,
  type Clients,
  type Target,
} from "./spelling-targets.ts";

// A caller who may do everything in one account and region holds the ids and ARNs of resources of another.
// Before: load balancers, listeners, rules and target groups of another account and region were described, changed and deleted.
const REGION = "eu-south-1";
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const api = await startApi();
afterAll(() => api.close());

const REGIONAL = [
  ecsTargets,
  ecrTargets,
  ec2Targets,
  acmTargets,
  elbTargets,
  efsTargets,
  rdsTargets,
  logsTargets,
];

describe("a resource of another place", () => {
  let regional: readonly Target[] = [];
  let global: readonly Target[] = [];
  const changed: string[] = [];
  beforeAll(async () => {
    const root = clientsOf(api.client());
    for (const make of REGIONAL) regional = [...regional, ...(await make(root))];
    global = await iamTargets(root);
    api.store.transact((tx) =>
      tx.put("accessKey", OTHER.accessKeyId, {
        accessKeyId: OTHER.accessKeyId,
        sealedSecret: api.vault.seal(OTHER.secretAccessKey),
        account: "111111111111",
        userArn: undefined,
        status: "Active",
        createdAt: 0,
      }),
    );
    api.store.watch(({ kind, key, account, region = REGION }) => {
      if (account === VICTIM && region === REGION) changed.push(`${kind} ${key}`);
    });
  });

  async function expectUntouched(caller: Clients, targets: readonly Target[]): Promise<void> {
    for (const { names, calls, reads } of targets)
      for (const [operation, call] of Object.entries({ ...calls, ...reads }))
        for (const name of names) {
          const outcome = await outcomeOf(call(caller, name));
          expect
            .soft(["denied", "refused", "nothing"], `${operation} of ${name}: ${outcome}`)
            .toContain(outcome);
        }
    expect(changed).toEqual([]);
  }

  it("is neither read nor changed from another account", () =>
    expectUntouched(clientsOf(api.client(OTHER)), [...regional, ...global]));

  // Before: a route, a service, a boundary and an attached policy could refer to what another account has.
  it("is not referred to from another account", async () => {
    const root = clientsOf(api.client());
    const other = clientsOf(api.client(OTHER));
    const policyArn = global.find(({ arn }) => arn.includes(":policy/"))?.arn ?? "";
    const userArn = global.find(({ arn }) => arn.includes(":user/"))?.arn ?? "";
    const groupArn = regional.find(({ arn }) => arn.includes(":targetgroup/"))?.arn ?? "";
    const { Subnets = [] } = await root.ec2.send(new DescribeSubnetsCommand({}));
    const { AllocationId } = await root.ec2.send(new AllocateAddressCommand({}));
    const { NatGateway } = await root.ec2.send(
      new CreateNatGatewayCommand({ SubnetId: Subnets[0]?.SubnetId, AllocationId }),
    );
    changed.length = 0;
    const { Vpcs = [] } = await other.ec2.send(new DescribeVpcsCommand({}));
    const { RouteTable } = await other.ec2.send(new CreateRouteTableCommand({ VpcId: Vpcs[0]?.VpcId }));
    await other.iam.send(new CreateUserCommand({ UserName: "mine" }));
    const route = {
      RouteTableId: RouteTable?.RouteTableId,
      DestinationCidrBlock: "10.66.0.0/16",
      NatGatewayId: NatGateway?.NatGatewayId,
    };
    const group = { Name: "mine", Protocol: "HTTP", Port: 80, TargetType: "ip", VpcId: Subnets[0]?.VpcId };
    const own = await other.ec2.send(new DescribeSubnetsCommand({}));
    const ownSubnets = own.Subnets?.map((subnet) => subnet.SubnetId ?? "") ?? [];
    const outcomes = [
      other.ec2.send(new CreateRouteCommand(route)),
      other.iam.send(new AttachUserPolicyCommand({ UserName: "mine", PolicyArn: policyArn })),
      other.iam.send(
        new PutUserPermissionsBoundaryCommand({ UserName: "mine", PermissionsBoundary: policyArn }),
      ),
      other.iam.send(
        new SimulatePrincipalPolicyCommand({ PolicySourceArn: userArn, ActionNames: ["s3:GetObject"] }),
      ),
      other.elb.send(new CreateTargetGroupCommand(group as CreateTargetGroupCommandInput)),
      serviceOf(other, { subnets: ownSubnets, targetGroupArn: groupArn }),
    ];
    for (const outcome of outcomes) expect.soft(await outcomeOf(outcome)).toBe("refused");
    expect(changed).toEqual([]);
  });

  // Before: ECR ignored the registry and answered from the caller's own.
  it("is not mixed up with the caller's own where ECR is given a registry", async () => {
    const { ecr } = clientsOf(api.client(OTHER));
    await ecr.send(new CreateRepositoryCommand({ repositoryName: "prod" }));
    const registry = { registryId: VICTIM, repositoryName: "prod" };
    const missing = `does not exist in the registry with id '${VICTIM}'`;
    await expect(ecr.send(new DescribeImagesCommand(registry))).rejects.toThrow(missing);
    const deletion = new DeleteRepositoryCommand({ ...registry, force: true });
    await expect(ecr.send(deletion)).rejects.toThrow(missing);
    await expect(ecr.send(new DescribeRepositoriesCommand({ registryId: VICTIM }))).rejects.toThrow(VICTIM);
  });

  it("is neither read nor changed from another region", () =>
    expectUntouched(clientsOf(api.client(undefined, "us-west-2")), regional));
});

/** A service of the caller's own whose tasks are registered with the target group. */
async function serviceOf(
  { ecs }: Clients,
  to: { readonly subnets: string[]; readonly targetGroupArn: string },
): Promise<unknown> {
  await ecs.send(new CreateClusterCommand({}));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "mine",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  return ecs.send(
    new CreateServiceCommand({
      serviceName: "mine",
      taskDefinition: "mine",
      desiredCount: 1,
      networkConfiguration: { awsvpcConfiguration: { subnets: to.subnets } },
      loadBalancers: [{ targetGroupArn: to.targetGroupArn, containerName: "c", containerPort: 80 }],
    }),
  );
}
