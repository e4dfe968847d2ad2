import * as ecs from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const SPOT = { capacityProvider: "FARGATE_SPOT", weight: 1, base: 0 };
const BASE = { capacityProvider: "FARGATE", weight: 1, base: 1 };
let networkConfiguration: ecs.NetworkConfiguration;
const run = (input: Partial<ecs.RunTaskCommandInput> = {}) =>
  client.send(
    new ecs.RunTaskCommand({ cluster: "c", taskDefinition: "app", networkConfiguration, ...input }),
  );
const create = (serviceName: string, input: Partial<ecs.CreateServiceCommandInput> = {}) =>
  client.send(
    new ecs.CreateServiceCommand({
      cluster: "c",
      serviceName,
      taskDefinition: "app",
      networkConfiguration,
      desiredCount: 2,
      ...input,
    }),
  );
const described = async (name = "c") => {
  const include: ecs.ClusterField[] = ["SETTINGS", "CONFIGURATIONS", "TAGS"];
  const { clusters } = await client.send(new ecs.DescribeClustersCommand({ clusters: [name], include }));
  return clusters?.[0];
};

beforeAll(async () => {
  networkConfiguration = await defaultNetwork(api);
  await client.send(
    new ecs.CreateClusterCommand({
      clusterName: "c",
      capacityProviders: ["FARGATE", "FARGATE_SPOT"],
      defaultCapacityProviderStrategy: [SPOT],
    }),
  );
  await client.send(new ecs.CreateClusterCommand({ clusterName: "plain" }));
  await registerTask(client, "app");
});

describe("a cluster", () => {
  it("keeps its configuration, settings and defaults, and shows them", async () => {
    const configuration = {
      executeCommandConfiguration: {
        logging: "OVERRIDE" as const,
        logConfiguration: { cloudWatchLogGroupName: "exec" },
      },
      managedStorageConfiguration: { kmsKeyId: "alias/storage" },
    };
    await client.send(new ecs.UpdateClusterCommand({ cluster: "plain", configuration }));
    await client.send(
      new ecs.UpdateClusterSettingsCommand({
        cluster: "plain",
        settings: [{ name: "containerInsights", value: "enhanced" }],
      }),
    );
    expect(await described("plain")).toMatchObject({
      configuration,
      settings: [{ name: "containerInsights", value: "enhanced" }],
      capacityProviders: [],
    });
    const wrong = { executeCommandConfiguration: { logging: "OVERRIDE" as const } };
    await expect(
      client.send(new ecs.UpdateClusterCommand({ cluster: "plain", configuration: wrong })),
    ).rejects.toThrow("logConfiguration");
  });

  it("has the given capacity providers, and keeps those that services use", async () => {
    const put = (capacityProviders: string[], defaultCapacityProviderStrategy: object[] = []) =>
      client.send(
        new ecs.PutClusterCapacityProvidersCommand({
          cluster: "c",
          capacityProviders,
          defaultCapacityProviderStrategy:
            defaultCapacityProviderStrategy as ecs.CapacityProviderStrategyItem[],
        }),
      );
    await create("spot", { capacityProviderStrategy: [SPOT] });
    await expect(put(["FARGATE"])).rejects.toMatchObject({ name: "ResourceInUseException" });
    await expect(put(["FARGATE", "own"])).rejects.toThrow("own was not found");
    await expect(put(["FARGATE"], [SPOT])).rejects.toThrow("not associated with the cluster");
    await put(["FARGATE", "FARGATE_SPOT"], [SPOT]);
    expect(await described()).toMatchObject({
      capacityProviders: ["FARGATE", "FARGATE_SPOT"],
      defaultCapacityProviderStrategy: [SPOT],
    });
  });

  it("describes the capacity providers of Fargate", async () => {
    const names = ["FARGATE", "own"];
    const { capacityProviders = [], failures } = await client.send(
      new ecs.DescribeCapacityProvidersCommand({ capacityProviders: names }),
    );
    expect(capacityProviders).toMatchObject([{ name: "FARGATE", status: "ACTIVE" }]);
    expect(failures).toMatchObject([{ reason: "MISSING" }]);
    const all = await client.send(new ecs.DescribeCapacityProvidersCommand({}));
    expect(all.capacityProviders).toHaveLength(2);
  });
});

describe("a capacity provider strategy", () => {
  it("decides the provider of each task by base and weight", async () => {
    const { tasks = [] } = await run({ count: 5, capacityProviderStrategy: [BASE, SPOT] });
    expect(tasks.map((task) => task.capacityProviderName).toSorted()).toEqual([
      "FARGATE",
      "FARGATE",
      "FARGATE",
      "FARGATE_SPOT",
      "FARGATE_SPOT",
    ]);
    expect(tasks[0]?.launchType).toBe("FARGATE");
  });

  it("is the cluster's if the call names neither a strategy nor a launch type", async () => {
    expect((await run()).tasks?.[0]?.capacityProviderName).toBe("FARGATE_SPOT");
    expect((await run({ launchType: "FARGATE" })).tasks?.[0]?.capacityProviderName).toBeUndefined();
    expect((await create("by-default")).service).toMatchObject({ capacityProviderStrategy: [SPOT] });
  });

  it("is refused beside a launch type, of unknown providers, and with two bases", async () => {
    const strategies: [RegExp, ecs.CapacityProviderStrategyItem[]][] = [
      [/at least one capacity provider with a weight/, [{ ...SPOT, weight: 0 }]],
      [/Only one capacity provider/, [BASE, { ...SPOT, base: 1 }]],
      [/duplicate/, [SPOT, SPOT]],
      [/was not found/, [{ capacityProvider: "own" }]],
    ];
    for (const [words, capacityProviderStrategy] of strategies)
      await expect(run({ capacityProviderStrategy })).rejects.toThrow(words);
    await expect(run({ launchType: "FARGATE", capacityProviderStrategy: [SPOT] })).rejects.toThrow(
      "Specifying both a launch type and capacity provider strategy is not supported",
    );
    await expect(run({ cluster: "plain", capacityProviderStrategy: [SPOT] })).rejects.toThrow(
      "not associated with the cluster",
    );
  });

  it("of a service is shown in place of its launch type, and changes by a deployment", async () => {
    const { service } = await create("web", { capacityProviderStrategy: [SPOT] });
    expect(service?.launchType).toBeUndefined();
    const update = (capacityProviderStrategy: ecs.CapacityProviderStrategyItem[]) =>
      client.send(new ecs.UpdateServiceCommand({ cluster: "c", service: "web", capacityProviderStrategy }));
    const updated = await update([BASE, SPOT]);
    expect(updated.service).toMatchObject({
      capacityProviderStrategy: [BASE, SPOT],
      deployments: [{ capacityProviderStrategy: [BASE, SPOT] }, { capacityProviderStrategy: [SPOT] }],
    });
    expect((await update([])).service).toMatchObject({ launchType: "FARGATE" });
  });
});

describe("placement on Fargate", () => {
  it("has no constraints and no strategies", async () => {
    await expect(create("placed", { placementConstraints: [{ type: "distinctInstance" }] })).rejects.toThrow(
      "Placement constraints are not supported with FARGATE launch type.",
    );
    await expect(create("placed", { placementStrategy: [{ type: "random" }] })).rejects.toThrow(
      "Placement strategies are not supported with FARGATE launch type.",
    );
    const { service } = await create("zones", { availabilityZoneRebalancing: "ENABLED" });
    expect(service?.availabilityZoneRebalancing).toBe("ENABLED");
  });
});

describe("account settings", () => {
  const list = async (input: ecs.ListAccountSettingsCommandInput) =>
    (await client.send(new ecs.ListAccountSettingsCommand(input))).settings;
  it("have the values that AWS begins with, then the account's, then the principal's", async () => {
    const name = "containerInsights" as const;
    expect(await list({ name })).toEqual([]);
    expect(await list({ name, effectiveSettings: true })).toMatchObject([{ name, value: "disabled" }]);
    await client.send(new ecs.PutAccountSettingDefaultCommand({ name, value: "enabled" }));
    expect(await list({ name, effectiveSettings: true })).toMatchObject([{ value: "enabled" }]);
    const principalArn = "arn:aws:iam::000000000000:user/one";
    await client.send(new ecs.PutAccountSettingCommand({ name, value: "enhanced", principalArn }));
    expect(await list({ name, principalArn })).toMatchObject([{ value: "enhanced", principalArn }]);
    await client.send(new ecs.DeleteAccountSettingCommand({ name, principalArn }));
    expect(await list({ name, principalArn })).toEqual([]);
    expect((await list({ effectiveSettings: true, maxResults: 100 }))?.length).toBe(10);
  });

  it("hold for new clusters", async () => {
    await client.send(
      new ecs.PutAccountSettingDefaultCommand({ name: "containerInsights", value: "enabled" }),
    );
    await client.send(new ecs.CreateClusterCommand({ clusterName: "insights" }));
    expect((await described("insights"))?.settings).toEqual([
      { name: "containerInsights", value: "enabled" },
    ]);
  });

  it("refuse unknown values, names and principals", async () => {
    const put = (name: ecs.SettingName, value: string) =>
      client.send(new ecs.PutAccountSettingDefaultCommand({ name, value }));
    await expect(put("taskLongArnFormat", "disabled")).rejects.toThrow("You can no longer disable");
    await expect(put("fargateTaskRetirementWaitPeriod", "3")).rejects.toThrow("0 or 7 or 14");
    await expect(put("none" as ecs.SettingName, "on")).rejects.toThrow("setting name");
    await expect(list({ principalArn: "arn:aws:iam::999999999999:root" })).rejects.toThrow("principalArn");
  });
});
