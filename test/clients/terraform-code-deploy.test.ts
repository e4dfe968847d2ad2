import { resolve } from "node:path";
import { CreateClusterCommand, ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { serviceController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/code-deploy");
const LOOK_MS = 200;

describe.skipIf(!canRunTerraform())("Terraform, with a service of CodeDeploy", async () => {
  const api = await startApi();
  const terraform = openTerraform(api.environment, {}, CONFIGURATION);
  // Terraform waits until a deleted service is INACTIVE.
  const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
  const services = serviceController({ ...deps, permissions: { deniedBecause: () => undefined } });
  const looking = setInterval(() => {
    for (const key of services.keys()) void services.reconcile(key);
  }, LOOK_MS);
  const change = { minutes: "15" };
  let given: Readonly<Record<string, string>> = {};
  let resources: readonly StateResource[] = [];

  /** The cluster, load balancer and role that the configuration refers to. */
  beforeAll(async () => {
    const ecs = new ECSClient(api.client());
    const elb = new ElasticLoadBalancingV2Client(api.client());
    const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
    const subnets = Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId);
    const { LoadBalancers } = await elb.send(
      new CreateLoadBalancerCommand({ Name: "web", Subnets: subnets }),
    );
    const groups: string[] = [];
    for (const Name of ["blue", "green"]) {
      const group = { Name, TargetType: "ip", Protocol: "HTTP", Port: 80, VpcId: Subnets[0]?.VpcId } as const;
      const { TargetGroups } = await elb.send(new CreateTargetGroupCommand(group));
      groups.push(TargetGroups?.[0]?.TargetGroupArn ?? "");
    }
    const listen = async (Port: number) => {
      const { Listeners } = await elb.send(
        new CreateListenerCommand({
          ...{ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn, Protocol: "HTTP", Port },
          DefaultActions: [{ Type: "forward", TargetGroupArn: groups[0] }],
        }),
      );
      return Listeners?.[0]?.ListenerArn ?? "";
    };
    const { Role } = await new IAMClient(api.client()).send(
      new CreateRoleCommand({
        RoleName: "deployer",
        AssumeRolePolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: { Service: "codedeploy.amazonaws.com" },
              Action: "sts:AssumeRole",
            },
          ],
        }),
      }),
    );
    given = {
      ...{ listener: await listen(80), test_listener: await listen(8080), role: Role?.Arn ?? "" },
      ...{ target_group: groups[0] ?? "", subnets: JSON.stringify(subnets) },
    };
    await ecs.send(new CreateClusterCommand({ clusterName: "shop" }));
    const definition = { family: "web", networkMode: "awsvpc" as const, cpu: "256", memory: "512" };
    const containerDefinitions = [{ name: "web", image: "busybox", portMappings: [{ containerPort: 80 }] }];
    await ecs.send(new RegisterTaskDefinitionCommand({ ...definition, containerDefinitions }));
    await terraform.init();
  });
  afterAll(() => {
    clearInterval(looking);
    terraform.remove();
    api.close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply(given);
    expect(await terraform.plan(given)).toContain("No changes");
    resources = await terraform.resources();
    expect(resources).toHaveLength(7);
  });

  it("updates in place", async () => {
    const changed = { ...given, ...change };
    expect(await terraform.apply(changed)).toContain("0 added, 3 changed, 0 destroyed");
    expect(await terraform.plan(changed)).toContain("No changes");
  });

  it("imports existing resources", async () => {
    const changed = { ...given, ...change };
    await terraform.reimport(resources, changed);
    expect(await terraform.plan(changed)).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy(given);
    for (const kind of ["codeDeployApplication", "codeDeployGroup", "codeDeployConfig", "alarm"] as const)
      expect(api.store.keys(kind)).toEqual([]);
    expect(api.store.list("service").filter(({ status }) => status !== "INACTIVE")).toEqual([]);
  });
});
