import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const elbClient = new elb.ElasticLoadBalancingV2Client(api.client());

let network: ecs.NetworkConfiguration;
let blue = "";
let green = "";
let foreign = "";
let other = "";
let listener = "";
let rule = "";
let testRule = "";
let roleArn = "";

beforeAll(async () => {
  const vpcs = new ec2.EC2Client(api.client());
  const { Subnets = [] } = await vpcs.send(new ec2.DescribeSubnetsCommand({}));
  const subnets = Subnets.map((subnet) => subnet.SubnetId ?? "").slice(0, 2);
  network = { awsvpcConfiguration: { subnets } };
  const { LoadBalancers } = await elbClient.send(
    new elb.CreateLoadBalancerCommand({ Name: "web", Subnets: subnets }),
  );
  const group = async (Name: string) => {
    const { TargetGroups } = await elbClient.send(
      new elb.CreateTargetGroupCommand({
        Name,
        Protocol: "HTTP",
        Port: 80,
        VpcId: Subnets[0]?.VpcId,
        TargetType: "ip",
      }),
    );
    return TargetGroups?.[0]?.TargetGroupArn ?? "";
  };
  [blue, green, foreign] = [await group("blue"), await group("green"), await group("foreign")];
  other = await group("other");
  const { Listeners } = await elbClient.send(
    new elb.CreateListenerCommand({
      LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [{ Type: "forward", TargetGroupArn: blue }],
    }),
  );
  listener = Listeners?.[0]?.ListenerArn ?? "";
  const { Rules } = await elbClient.send(new elb.DescribeRulesCommand({ ListenerArn: listener }));
  rule = Rules?.[0]?.RuleArn ?? "";
  const made = await elbClient.send(
    new elb.CreateRuleCommand({
      ListenerArn: listener,
      Priority: 1,
      Conditions: [{ Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-test", Values: ["1"] } }],
      Actions: [{ Type: "forward", TargetGroupArn: blue }],
    }),
  );
  testRule = made.Rules?.[0]?.RuleArn ?? "";
  const { Role } = await new iam.IAMClient(api.client()).send(
    new iam.CreateRoleCommand({
      RoleName: "infrastructure",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      }),
    }),
  );
  roleArn = Role?.Arn ?? "";
  await client.send(new ecs.CreateClusterCommand({}));
  for (const family of ["one", "two"])
    await client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family,
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
      }),
    );
});

function create(
  serviceName: string,
  deploymentConfiguration: ecs.DeploymentConfiguration,
  advanced: Partial<ecs.AdvancedConfiguration> | undefined = {},
) {
  return client.send(
    new ecs.CreateServiceCommand({
      serviceName,
      taskDefinition: "one",
      desiredCount: 1,
      networkConfiguration: network,
      deploymentConfiguration,
      loadBalancers: [
        {
          targetGroupArn: blue,
          containerName: "c",
          containerPort: 80,
          ...(advanced === undefined
            ? {}
            : {
                advancedConfiguration: {
                  alternateTargetGroupArn: green,
                  productionListenerRule: rule,
                  testListenerRule: testRule,
                  roleArn,
                  ...advanced,
                },
              }),
        },
      ],
    }),
  );
}

const BLUE_GREEN: ecs.DeploymentConfiguration = { strategy: "BLUE_GREEN", bakeTimeInMinutes: 0 };

describe("CreateService with a strategy that moves traffic", () => {
  it("records and shows what is given", async () => {
    const { service } = await create("shown", BLUE_GREEN);
    expect(service?.deploymentConfiguration).toMatchObject(BLUE_GREEN);
    expect(service?.loadBalancers?.[0]).toMatchObject({
      targetGroupArn: blue,
      advancedConfiguration: { alternateTargetGroupArn: green, productionListenerRule: rule, roleArn },
    });
    expect(service?.deployments?.[0]).toMatchObject({ status: "PRIMARY", desiredCount: 0 });
    const { serviceDeployments = [] } = await client.send(
      new ecs.DescribeServiceDeploymentsCommand({
        serviceDeploymentArns: [service?.currentServiceDeployment ?? "", "arn:none"],
      }),
    );
    expect(serviceDeployments).toHaveLength(1);
    expect(serviceDeployments[0]).toMatchObject({
      status: "IN_PROGRESS",
      lifecycleStage: "PRE_SCALE_UP",
      sourceServiceRevisions: [],
      targetServiceRevision: { requestedTaskCount: 0, requestedProductionTrafficWeight: 0 },
      deploymentCircuitBreaker: { status: "DISABLED" },
    });
    const { serviceRevisions = [] } = await client.send(
      new ecs.DescribeServiceRevisionsCommand({
        serviceRevisionArns: [serviceDeployments[0]?.targetServiceRevision?.arn ?? ""],
      }),
    );
    // The production rule leads to blue: the first version registers with green until its stage has come.
    expect(serviceRevisions[0]?.resolvedConfiguration?.loadBalancers).toEqual([
      { targetGroupArn: green, productionListenerRule: rule },
    ]);
  });

  it("takes several load balancers, each with its own rules and target groups", async () => {
    const ruleOf = async (Priority: number, TargetGroupArn: string) => {
      const { Rules } = await elbClient.send(
        new elb.CreateRuleCommand({
          ...{ ListenerArn: listener, Priority },
          Conditions: [{ Field: "host-header", Values: [`h${Priority}.example.org`] }],
          Actions: [{ Type: "forward", TargetGroupArn }],
        }),
      );
      return Rules?.[0]?.RuleArn;
    };
    const entry = (targetGroupArn: string, alternateTargetGroupArn: string, production = rule) => ({
      ...{ targetGroupArn, containerName: "c", containerPort: 80 },
      advancedConfiguration: { alternateTargetGroupArn, productionListenerRule: production, roleArn },
    });
    const several = (serviceName: string, ...loadBalancers: ecs.LoadBalancer[]) =>
      client.send(
        new ecs.CreateServiceCommand({
          ...{ serviceName, taskDefinition: "one", desiredCount: 1, networkConfiguration: network },
          ...{ deploymentConfiguration: BLUE_GREEN, loadBalancers },
        }),
      );
    const second = entry(foreign, other, await ruleOf(20, foreign));
    const { service } = await several("several", entry(blue, green), second);
    expect(service?.loadBalancers).toEqual([entry(blue, green), second]);
    const { serviceDeployments = [] } = await client.send(
      new ecs.DescribeServiceDeploymentsCommand({
        serviceDeploymentArns: [service?.currentServiceDeployment ?? ""],
      }),
    );
    const { serviceRevisions = [] } = await client.send(
      new ecs.DescribeServiceRevisionsCommand({
        serviceRevisionArns: [serviceDeployments[0]?.targetServiceRevision?.arn ?? ""],
      }),
    );
    expect(serviceRevisions[0]?.resolvedConfiguration?.loadBalancers).toEqual([
      { targetGroupArn: green, productionListenerRule: rule },
      { targetGroupArn: other, productionListenerRule: second.advancedConfiguration.productionListenerRule },
    ]);
    await expect(
      several("refused", entry(blue, green), entry(green, other, await ruleOf(21, other))),
    ).rejects.toThrow(`The target group ${green} belongs to two pairs of target groups.`);
    const many = Array.from({ length: 6 }, () => entry(blue, green));
    await expect(several("refused", ...many)).rejects.toThrow("load balancers can have at most 5 items.");
  });

  // Before: the bake time of a ROLLING deployment was shown as 0.
  it("shows the bake time of a rolling deployment, which reports no stage", async () => {
    await create("rolling", { strategy: "ROLLING", bakeTimeInMinutes: 7 }, undefined);
    const { services } = await client.send(new ecs.DescribeServicesCommand({ services: ["rolling"] }));
    const { serviceDeployments } = await client.send(
      new ecs.DescribeServiceDeploymentsCommand({
        serviceDeploymentArns: [services?.[0]?.currentServiceDeployment ?? ""],
      }),
    );
    expect(serviceDeployments?.[0]?.deploymentConfiguration).toMatchObject({
      strategy: "ROLLING",
      bakeTimeInMinutes: 7,
    });
    expect(serviceDeployments?.[0]).not.toHaveProperty("lifecycleStage");
  });

  it("has AWS's defaults for canaries and linear steps", async () => {
    const canary = await create("canary", {
      strategy: "CANARY",
      canaryConfiguration: { canaryPercent: 0.1 },
    });
    expect(canary.service?.deploymentConfiguration?.canaryConfiguration).toEqual({
      canaryPercent: 0.1,
      canaryBakeTimeInMinutes: 10,
    });
    const linear = await create("linear", { strategy: "LINEAR" });
    expect(linear.service?.deploymentConfiguration?.linearConfiguration).toEqual({
      stepPercent: 10,
      stepBakeTimeInMinutes: 6,
    });
  });

  it.each<
    [string, ecs.DeploymentConfiguration, () => Partial<ecs.AdvancedConfiguration> | undefined, RegExp]
  >([
    ["no bake time", { strategy: "BLUE_GREEN" }, () => ({}), /bakeTimeInMinutes is required/],
    [
      "a canary of another strategy",
      { ...BLUE_GREEN, canaryConfiguration: {} },
      () => ({}),
      /only valid with/,
    ],
    [
      "a step below 3 percent",
      { strategy: "LINEAR", linearConfiguration: { stepPercent: 2.9 } },
      () => ({}),
      /greater than or equal to 3/,
    ],
    [
      "hundredths of a percent",
      { strategy: "CANARY", canaryConfiguration: { canaryPercent: 5.55 } },
      () => ({}),
      /multiple of 0\.1/,
    ],
    [
      "no alternate target group",
      BLUE_GREEN,
      () => ({ alternateTargetGroupArn: "arn:none" }),
      /does not exist/,
    ],
    ["one target group twice", BLUE_GREEN, () => ({ alternateTargetGroupArn: blue }), /must differ/],
    [
      "a rule that is not there",
      BLUE_GREEN,
      () => ({ productionListenerRule: "arn:none" }),
      /rule does not exist/,
    ],
    ["one rule twice", BLUE_GREEN, () => ({ testListenerRule: rule }), /must differ/],
    [
      "a listener in place of a rule",
      BLUE_GREEN,
      () => ({ productionListenerRule: listener }),
      /does not exist/,
    ],
    [
      "a rule that leads to another's target group",
      BLUE_GREEN,
      () => ({ alternateTargetGroupArn: foreign, testListenerRule: "arn:none" }),
      /does not exist/,
    ],
    [
      "a role that does not trust ECS",
      BLUE_GREEN,
      () => ({ roleArn: "arn:aws:iam::000000000000:role/none" }),
      /unable to assume/,
    ],
  ])("is refused with %s", async (_, configuration, advanced, message) => {
    await expect(create("refused", configuration, advanced())).rejects.toThrow(message);
  });

  it("is refused without the rules that it writes", async () => {
    const call = client.send(
      new ecs.CreateServiceCommand({
        serviceName: "refused",
        taskDefinition: "one",
        networkConfiguration: network,
        deploymentConfiguration: BLUE_GREEN,
        loadBalancers: [{ targetGroupArn: blue, containerName: "c", containerPort: 80 }],
      }),
    );
    await expect(call).rejects.toThrow(/advancedConfiguration is required/);
  });
});

describe("the history of deployments", () => {
  it("lists the newest first, a page at a time, by status", async () => {
    await create("history", BLUE_GREEN);
    await client.send(new ecs.UpdateServiceCommand({ service: "history", taskDefinition: "two" }));
    const list = (input: Partial<ecs.ListServiceDeploymentsRequest> = {}) =>
      client.send(new ecs.ListServiceDeploymentsCommand({ service: "history", ...input }));
    const { serviceDeployments: all = [] } = await list();
    expect(all.map((each) => each.status).toSorted()).toEqual(["IN_PROGRESS", "STOPPED"]);
    const first = await list({ maxResults: 1 });
    const second = await list({ maxResults: 1, nextToken: first.nextToken });
    expect([...(first.serviceDeployments ?? []), ...(second.serviceDeployments ?? [])]).toEqual(all);
    expect((await list({ status: ["STOPPED"] })).serviceDeployments).toHaveLength(1);
    await expect(list({ service: "none" })).rejects.toThrow("Service not found.");
  });

  it("stops a deployment once", async () => {
    const { service } = await create("stopped", BLUE_GREEN);
    const serviceDeploymentArn = service?.currentServiceDeployment ?? "";
    const stop = (arn: string, stopType?: ecs.StopServiceDeploymentStopType) =>
      client.send(new ecs.StopServiceDeploymentCommand({ serviceDeploymentArn: arn, stopType }));
    await expect(stop(serviceDeploymentArn, "ABORT")).rejects.toThrow(/stopType/);
    expect(await stop(serviceDeploymentArn)).toMatchObject({ serviceDeploymentArn });
    await expect(stop(serviceDeploymentArn)).rejects.toMatchObject({ name: "ConflictException" });
    await expect(stop("arn:none")).rejects.toMatchObject({ name: "ServiceDeploymentNotFoundException" });
  });

  it("stores alarms and pause hooks, and refuses unsupported members", async () => {
    const alarms = { alarmNames: ["errors"], enable: true, rollback: true };
    const pause: ecs.DeploymentLifecycleHook = { targetType: "PAUSE", lifecycleStages: ["POST_SCALE_UP"] };
    const { service } = await create("guarded", { ...BLUE_GREEN, alarms, lifecycleHooks: [pause] });
    expect(service?.deploymentConfiguration).toMatchObject({
      alarms,
      lifecycleHooks: [{ ...pause, timeoutConfiguration: { timeoutInMinutes: 1_440, action: "ROLLBACK" } }],
    });
    const refused = (lifecycleHooks: ecs.DeploymentLifecycleHook[]) =>
      create("refused", { ...BLUE_GREEN, lifecycleHooks });
    const check: ecs.DeploymentLifecycleHook = {
      lifecycleStages: ["TEST_TRAFFIC_SHIFT"],
      hookTargetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
      roleArn,
      hookDetails: { page: "/" },
    };
    const hooked = await create("hooked", { ...BLUE_GREEN, lifecycleHooks: [check] });
    expect(hooked.service?.deploymentConfiguration?.lifecycleHooks).toMatchObject([
      { ...check, targetType: "AWS_LAMBDA" },
    ]);
    await expect(refused([{ lifecycleStages: ["POST_SCALE_UP"], hookTargetArn: "arn" }])).rejects.toThrow(
      /must have a hookTargetArn and a roleArn/,
    );
    await expect(refused([{ ...pause, lifecycleStages: ["TEST_TRAFFIC_SHIFT"] }])).rejects.toThrow(
      /not valid at the stage/,
    );
    const call = client.send(
      new ecs.ContinueServiceDeploymentCommand({
        serviceDeploymentArn: service?.currentServiceDeployment,
        hookId: "none",
      }),
    );
    await expect(call).rejects.toThrow(/No lifecycle hook none/);
  });

  it("does not change to ROLLING while traffic is split", async () => {
    await create("changed", BLUE_GREEN);
    const call = client.send(
      new ecs.UpdateServiceCommand({
        service: "changed",
        taskDefinition: "two",
        deploymentConfiguration: { strategy: "ROLLING" },
      }),
    );
    await expect(call).rejects.toThrow(/cannot change to ROLLING while/);
  });
});
