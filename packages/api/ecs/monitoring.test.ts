import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
  type MonitoringConfiguration,
} from "@aws-sdk/client-ecs";
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { startApi, type Api } from "@gantry/testkit/api-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
let ecs: ECSClient;
let subnet = "";
beforeAll(async () => {
  api = await startApi();
  ecs = new ECSClient(api.client());
  const ec2 = new EC2Client(api.client());
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.0.1.0/24" }));
  subnet = Subnet?.SubnetId ?? "";
  await ecs.send(new CreateClusterCommand({ clusterName: "main" }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "web",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      requiresCompatibilities: ["FARGATE"],
      containerDefinitions: [{ name: "web", image: "web" }],
    }),
  );
});
afterAll(() => api.close());

describe("a cluster's Container Insights", () => {
  it.each(["enabled", "enhanced", "disabled"])("can be %s", async (value) => {
    const { cluster } = await ecs.send(
      new CreateClusterCommand({
        clusterName: `c-${value}`,
        settings: [{ name: "containerInsights", value }],
      }),
    );
    expect(cluster?.settings).toEqual([{ name: "containerInsights", value }]);
  });

  it("are refused with another value", async () => {
    const settings = [{ name: "containerInsights" as const, value: "on" }];
    await expect(ecs.send(new CreateClusterCommand({ clusterName: "c", settings }))).rejects.toThrow(
      "Invalid value for containerInsights: on. Use enabled, disabled or enhanced.",
    );
  });
});

describe("a service's monitoring", () => {
  const create = (
    serviceName: string,
    metricConfigurations: MonitoringConfiguration["metricConfigurations"],
  ) =>
    ecs.send(
      new CreateServiceCommand({
        cluster: "main",
        serviceName,
        taskDefinition: "web",
        desiredCount: 0,
        launchType: "FARGATE",
        networkConfiguration: { awsvpcConfiguration: { subnets: [subnet] } },
        monitoring: { metricConfigurations },
      }),
    );
  const fine = (name: string) =>
    api.store.list("service").find((each) => each.name === name)?.spec.fineMetrics;

  it("says which metrics have a resolution of 20 seconds, until it is changed", async () => {
    await create("web", [{ metricNames: ["CPUUtilization"], resolutionSeconds: 20 }]);
    expect(fine("web")).toEqual(["CPUUtilization"]);
    await ecs.send(
      new UpdateServiceCommand({ cluster: "main", service: "web", healthCheckGracePeriodSeconds: 5 }),
    );
    expect(fine("web")).toEqual(["CPUUtilization"]);
    const monitoring = { metricConfigurations: [{ metricNames: ["CPUUtilization"], resolutionSeconds: 60 }] };
    await ecs.send(new UpdateServiceCommand({ cluster: "main", service: "web", monitoring }));
    expect(fine("web")).toEqual([]);
  });

  it("is refused for other metrics and resolutions", async () => {
    await expect(create("a", [{ metricNames: ["CPUUtilization"], resolutionSeconds: 10 }])).rejects.toThrow(
      "The metric resolution must be 20 or 60 seconds.",
    );
    await expect(create("b", [{ metricNames: ["DiskUtilization"], resolutionSeconds: 20 }])).rejects.toThrow(
      "Invalid metric name: DiskUtilization.",
    );
  });
});
