import * as ecs from "@aws-sdk/client-ecs";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made or changed.
const { api, client, network, balancer, roleArn } = await startEcs();
afterAll(() => api.close());

const shownService = async (name: string) =>
  (await client.send(new ecs.DescribeServicesCommand({ services: [name], include: ["TAGS"] }))).services?.[0];

describe("a service", () => {
  it("that is rolled", async () => {
    const deployment: ecs.DeploymentConfiguration = {
      strategy: "ROLLING",
      deploymentCircuitBreaker: { enable: true, rollback: true },
      maximumPercent: 150,
      minimumHealthyPercent: 50,
      alarms: { alarmNames: ["off"], enable: false, rollback: false },
    };
    const given: ecs.CreateServiceRequest = {
      serviceName: "rolled",
      taskDefinition: "one",
      launchType: "FARGATE",
      platformVersion: "1.4.0",
      schedulingStrategy: "REPLICA",
      desiredCount: 0,
      deploymentController: { type: "ECS" },
      deploymentConfiguration: deployment,
      networkConfiguration: network(),
      loadBalancers: [{ targetGroupArn: balancer.targetGroupArn, containerName: "c", containerPort: 80 }],
      healthCheckGracePeriodSeconds: 30,
      enableECSManagedTags: true,
      propagateTags: "SERVICE",
    };
    await client.send(new ecs.CreateServiceCommand(given));
    const { taskDefinition, ...shownAsGiven } = given;
    expect(await shownService("rolled")).toMatchObject(shownAsGiven);
    const changed: Partial<ecs.UpdateServiceRequest> = {
      platformVersion: "LATEST",
      deploymentConfiguration: {
        ...deployment,
        deploymentCircuitBreaker: { enable: false, rollback: false },
        maximumPercent: 200,
        minimumHealthyPercent: 100,
      },
      networkConfiguration: network({ subnets: balancer.subnets.slice(1), assignPublicIp: "DISABLED" }),
      enableECSManagedTags: false,
      propagateTags: "TASK_DEFINITION",
      healthCheckGracePeriodSeconds: 10,
    };
    await client.send(
      new ecs.UpdateServiceCommand({ service: "rolled", forceNewDeployment: false, ...changed }),
    );
    const { platformVersion: _, ...shown } = changed;
    expect(await shownService("rolled")).toMatchObject(shown);
    await client.send(new ecs.UpdateServiceCommand({ service: "rolled", loadBalancers: [] }));
    expect((await shownService("rolled"))?.loadBalancers).toEqual([]);
    expect((await shownService("rolled"))?.taskDefinition).toMatch(`/${taskDefinition}:1`);
    await client.send(new ecs.DeleteServiceCommand({ service: "rolled", force: false }));
  });
});

describe("a service whose traffic is moved", () => {
  const balancers = new elb.ElasticLoadBalancingV2Client(api.client());
  const groupNamed = async (Name: string, vpc: string | undefined) => {
    const { TargetGroups } = await balancers.send(
      new elb.CreateTargetGroupCommand({ Name, Protocol: "HTTP", Port: 80, VpcId: vpc, TargetType: "ip" }),
    );
    return TargetGroups?.[0]?.TargetGroupArn ?? "";
  };
  const ruleFor = async (Priority: number, targetGroupArn: string) => {
    const { Rules } = await balancers.send(
      new elb.CreateRuleCommand({
        ListenerArn: balancer.listenerArn,
        Priority,
        Conditions: [{ Field: "path-pattern", Values: [`/${Priority}`] }],
        Actions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
      }),
    );
    return Rules?.[0]?.RuleArn ?? "";
  };
  const settings = async (name: string): Promise<ecs.LoadBalancer> => {
    const { TargetGroups } = await balancers.send(
      new elb.DescribeTargetGroupsCommand({ Names: ["members"] }),
    );
    const vpc = TargetGroups?.[0]?.VpcId;
    const [blue, green] = [await groupNamed(`${name}-blue`, vpc), await groupNamed(`${name}-green`, vpc)];
    return {
      targetGroupArn: blue,
      containerName: "c",
      containerPort: 80,
      advancedConfiguration: {
        alternateTargetGroupArn: green,
        productionListenerRule: await ruleFor((priority += 1), blue),
        testListenerRule: await ruleFor((priority += 1), blue),
        roleArn,
      },
    };
  };
  let priority = 100;
  const hook: ecs.DeploymentLifecycleHook = {
    targetType: "PAUSE",
    lifecycleStages: ["POST_SCALE_UP", "PRE_SCALE_UP"],
    timeoutConfiguration: { timeoutInMinutes: 5, action: "CONTINUE" },
  };
  const linear: ecs.DeploymentConfiguration = {
    strategy: "LINEAR",
    bakeTimeInMinutes: 3,
    linearConfiguration: { stepPercent: 20, stepBakeTimeInMinutes: 2 },
    lifecycleHooks: [hook],
  };
  const canary: ecs.DeploymentConfiguration = {
    strategy: "CANARY",
    bakeTimeInMinutes: 4,
    canaryConfiguration: { canaryPercent: 5, canaryBakeTimeInMinutes: 7 },
    alarms: { alarmNames: ["errors"], enable: true, rollback: true },
    lifecycleHooks: [{ ...hook, timeoutConfiguration: { timeoutInMinutes: 6, action: "ROLLBACK" } }],
  };

  it.each([
    ["linear", linear, canary],
    ["canary", canary, linear],
  ])("%s", async (serviceName, deploymentConfiguration, next) => {
    const loadBalancers = [await settings(serviceName)];
    const given = {
      serviceName,
      taskDefinition: "one",
      desiredCount: 0,
      deploymentConfiguration,
      loadBalancers,
    };
    await client.send(new ecs.CreateServiceCommand({ ...given, networkConfiguration: network() }));
    expect(await shownService(serviceName)).toMatchObject({ deploymentConfiguration, loadBalancers });
    const changed = { deploymentConfiguration: next, loadBalancers: [await settings(`${serviceName}-2`)] };
    await client.send(new ecs.UpdateServiceCommand({ service: serviceName, ...changed }));
    expect(await shownService(serviceName)).toMatchObject(changed);
  });

  it("blue/green, with functions at every stage", async () => {
    const functionAt = (stage: ecs.DeploymentLifecycleHookStage): ecs.DeploymentLifecycleHook => ({
      targetType: "AWS_LAMBDA",
      hookTargetArn: `arn:aws:lambda:eu-south-1:000000000000:function:${stage}`,
      roleArn,
      lifecycleStages: [stage],
    });
    const lifecycleHooks = Object.values(ecs.DeploymentLifecycleHookStage).map(functionAt);
    const deploymentConfiguration: ecs.DeploymentConfiguration = {
      strategy: "BLUE_GREEN",
      bakeTimeInMinutes: 1,
      lifecycleHooks,
    };
    const given = { taskDefinition: "one", desiredCount: 0, networkConfiguration: network() };
    const created = { ...given, serviceName: "hooked", loadBalancers: [await settings("hooked")] };
    await client.send(new ecs.CreateServiceCommand({ ...created, deploymentConfiguration }));
    expect(await shownService("hooked")).toMatchObject({ deploymentConfiguration });
    const rolling = { ...given, serviceName: "shifted", loadBalancers: [await settings("shifted")] };
    await client.send(new ecs.CreateServiceCommand(rolling));
    await client.send(new ecs.UpdateServiceCommand({ service: "shifted", deploymentConfiguration }));
    expect(await shownService("shifted")).toMatchObject({ deploymentConfiguration });
  });

  it.each([
    ["CONTINUE", "SUCCEEDED"],
    ["ROLLBACK", "FAILED"],
  ] as const)("that pauses, until somebody says %s", async (action, status) => {
    const serviceName = `paused-${action}`;
    const { service } = await client.send(
      new ecs.CreateServiceCommand({
        ...{ serviceName, taskDefinition: "one", desiredCount: 0, networkConfiguration: network() },
        loadBalancers: [await settings(serviceName)],
        deploymentConfiguration: { strategy: "BLUE_GREEN", bakeTimeInMinutes: 1, lifecycleHooks: [hook] },
      }),
    );
    const serviceDeploymentArn = service?.currentServiceDeployment ?? "";
    const record = () => api.store.get("serviceDeployment", serviceDeploymentArn);
    const stage = "PRE_SCALE_UP";
    const run = {
      hook: 0,
      stage,
      production: 0,
      startedAt: 0,
      expiresAt: 1,
      status: "AWAITING_ACTION",
    } as const;
    api.store.transact((tx) => {
      const deployment = record() ?? expect.fail("It has begun.");
      const hookRuns = ["one", "two"].map((id) => ({ ...run, id }));
      tx.put("serviceDeployment", serviceDeploymentArn, { ...deployment, hookRuns });
    });
    await client.send(
      new ecs.ContinueServiceDeploymentCommand({ serviceDeploymentArn, hookId: "two", action }),
    );
    expect(record()?.hookRuns).toMatchObject([
      { id: "one", status: "AWAITING_ACTION" },
      { id: "two", status },
    ]);
  });
});

it("a task set", async () => {
  const service = "external";
  const role = {
    loadBalancers: [{ targetGroupArn: balancer.targetGroupArn, containerName: "c", containerPort: 80 }],
  };
  await client.send(
    new ecs.CreateServiceCommand({
      serviceName: service,
      desiredCount: 1,
      deploymentController: { type: "EXTERNAL" },
    }),
  );
  const set = { cluster: "default", service, taskDefinition: "one" };
  const given = {
    launchType: ecs.LaunchType.FARGATE,
    platformVersion: "1.4.0",
    networkConfiguration: network(),
    ...role,
  };
  const { taskSet } = await client.send(new ecs.CreateTaskSetCommand({ ...set, ...given }));
  const shown = async (taskSetId: string | undefined) =>
    (
      await client.send(
        new ecs.DescribeTaskSetsCommand({ ...set, taskSets: [taskSetId ?? ""], include: ["TAGS"] }),
      )
    ).taskSets?.[0];
  expect(await shown(taskSet?.id)).toMatchObject({ ...given, tags: [] });
  const advancedConfiguration = { alternateTargetGroupArn: balancer.targetGroupArn, roleArn };
  const moved = { ...given, loadBalancers: [{ ...role.loadBalancers[0], advancedConfiguration }] };
  await expect(client.send(new ecs.CreateTaskSetCommand({ ...set, ...moved }))).rejects.toThrow(
    "loadBalancers.advancedConfiguration",
  );
  const capacityProviderStrategy = [{ capacityProvider: "FARGATE_SPOT", weight: 2, base: 1 }];
  const spot = await client.send(
    new ecs.CreateTaskSetCommand({ ...set, capacityProviderStrategy, networkConfiguration: network() }),
  );
  expect(await shown(spot.taskSet?.id)).toMatchObject({ capacityProviderStrategy });
  const remove = (force: boolean) =>
    client.send(new ecs.DeleteTaskSetCommand({ ...set, taskSet: taskSet?.id, force }));
  await expect(remove(false)).rejects.toMatchObject({ name: "InvalidParameterException" });
  expect((await remove(true)).taskSet?.status).toBe("DRAINING");
});

it("a task that is started on a container instance which there is not", async () => {
  const containerOverrides: ecs.ContainerOverride[] = [
    {
      name: "c",
      command: ["echo"],
      environment: [{ name: "A", value: "1" }],
      cpu: 10,
      memory: 100,
      memoryReservation: 50,
    },
  ];
  const { failures } = await client.send(
    new ecs.StartTaskCommand({
      cluster: "default",
      taskDefinition: "one",
      containerInstances: ["i"],
      networkConfiguration: network(),
      overrides: { containerOverrides, cpu: "256", memory: "512" },
      propagateTags: "TASK_DEFINITION",
      tags: [{ key: "a", value: "b" }],
    }),
  );
  expect(failures?.[0]?.reason).toBe("MISSING");
  const unknown = client.send(
    new ecs.StartTaskCommand({
      taskDefinition: "one",
      containerInstances: ["i"],
      networkConfiguration: network({ securityGroups: ["sg-none"] }),
    }),
  );
  await expect(unknown).rejects.toThrow("sg-none");
});

it("settings of a cluster and of the account", async () => {
  const settings = [{ name: ecs.ClusterSettingName.CONTAINER_INSIGHTS, value: "enabled" }];
  await client.send(new ecs.UpdateClusterCommand({ cluster: "default", settings }));
  const include: ecs.ClusterField[] = ["SETTINGS", "ATTACHMENTS", "STATISTICS"];
  const { clusters } = await client.send(new ecs.DescribeClustersCommand({ clusters: ["default"], include }));
  expect(clusters?.[0]?.settings).toEqual(settings);
  const providers = await client.send(
    new ecs.DescribeCapacityProvidersCommand({ cluster: "default", include: ["TAGS"] }),
  );
  expect(providers.capacityProviders).toMatchObject([
    { name: "FARGATE", tags: [] },
    { name: "FARGATE_SPOT" },
  ]);
  const named = async (input: ecs.ListAccountSettingsRequest) =>
    (await client.send(new ecs.ListAccountSettingsCommand(input))).settings?.map(({ name }) => name);
  await client.send(new ecs.PutAccountSettingCommand({ name: "containerInsights", value: "enhanced" }));
  expect(await named({ effectiveSettings: false, value: "enhanced" })).toEqual(["containerInsights"]);
  expect(await named({ effectiveSettings: false, value: "disabled" })).toEqual([]);
});

it("the times between which a service's deployments were created", async () => {
  const count = async (createdAt: ecs.CreatedAt) =>
    (await client.send(new ecs.ListServiceDeploymentsCommand({ service: "linear", createdAt })))
      .serviceDeployments?.length;
  const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  expect(await count({ after: past, before: future })).toBe(2);
  expect(await count({ before: past })).toBe(0);
  expect(await count({ after: future })).toBe(0);
});
