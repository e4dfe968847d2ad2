import * as ecs from "@aws-sdk/client-ecs";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made.
const { api, client, network } = await startEcs({ allowHostAccess: true });
afterAll(() => api.close());

it("a task definition", async () => {
  const containerDefinitions: ecs.ContainerDefinition[] = [
    { name: "first", image: "busybox", essential: false, healthCheck: { command: ["CMD", "true"] } },
    {
      name: "c",
      image: "busybox",
      essential: true,
      cpu: 10,
      memory: 200,
      memoryReservation: 100,
      portMappings: [{ containerPort: 80, hostPort: 80, protocol: "udp", name: "dns" }],
      restartPolicy: { enabled: true, restartAttemptPeriod: 120 },
      entryPoint: ["sh"],
      command: ["-c", "true"],
      environment: [{ name: "A", value: "1" }],
      mountPoints: [{ sourceVolume: "host", containerPath: "/host", readOnly: true }],
      volumesFrom: [{ sourceContainer: "first", readOnly: true }],
      linuxParameters: { capabilities: { add: ["NET_ADMIN"], drop: ["MKNOD"] }, initProcessEnabled: true },
      dependsOn: [{ containerName: "first", condition: "HEALTHY" }],
      startTimeout: 20,
      stopTimeout: 10,
      versionConsistency: "disabled",
      user: "nobody",
      workingDirectory: "/tmp",
      privileged: true,
      readonlyRootFilesystem: true,
      interactive: true,
      pseudoTerminal: true,
      ulimits: [{ name: "nofile", softLimit: 100, hardLimit: 200 }],
      healthCheck: { command: ["CMD", "true"], interval: 10, timeout: 3, retries: 2, startPeriod: 5 },
      systemControls: [{ namespace: "net.core.somaxconn", value: "1000" }],
    },
  ];
  const given: ecs.RegisterTaskDefinitionRequest = {
    family: "full",
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    pidMode: "host",
    runtimePlatform: { cpuArchitecture: "X86_64", operatingSystemFamily: "LINUX" },
    volumes: [{ name: "host", host: { sourcePath: "/srv" } }],
    containerDefinitions,
  };
  const tags = [{ key: "a", value: "b" }];
  await client.send(new ecs.RegisterTaskDefinitionCommand({ ...given, tags }));
  const shown = await client.send(
    new ecs.DescribeTaskDefinitionCommand({ taskDefinition: "full", include: ["TAGS"] }),
  );
  expect(shown.taskDefinition).toMatchObject(given);
  expect(shown.tags).toEqual(tags);
});

it("a task definition of Fargate with a file system", async () => {
  const given: ecs.RegisterTaskDefinitionRequest = {
    family: "files",
    networkMode: "awsvpc",
    requiresCompatibilities: ["FARGATE"],
    cpu: "256",
    memory: "512",
    ephemeralStorage: { sizeInGiB: 30 },
    volumes: [
      {
        name: "v",
        efsVolumeConfiguration: {
          fileSystemId: "fs-1",
          transitEncryption: "ENABLED",
          authorizationConfig: { accessPointId: "fsap-1", iam: "ENABLED" },
        },
      },
    ],
    containerDefinitions: [{ name: "c", image: "busybox" }],
  };
  const { taskDefinition } = await client.send(new ecs.RegisterTaskDefinitionCommand(given));
  expect(taskDefinition).toMatchObject(given);
});

describe("lists are narrowed by", () => {
  const familiesOf = async (input: ecs.ListTaskDefinitionFamiliesRequest) =>
    (await client.send(new ecs.ListTaskDefinitionFamiliesCommand(input))).families;
  const definitionsOf = async (input: ecs.ListTaskDefinitionsRequest) =>
    (await client.send(new ecs.ListTaskDefinitionsCommand(input))).taskDefinitionArns?.map(
      (arn) => arn.split("/")[1],
    );

  it("family, status and order", async () => {
    for (const family of ["gone", "gone"]) {
      const container = { name: "c", image: "busybox", memory: 64 };
      await client.send(
        new ecs.RegisterTaskDefinitionCommand({
          family,
          networkMode: "awsvpc",
          containerDefinitions: [container],
        }),
      );
    }
    expect(await definitionsOf({ familyPrefix: "gone", sort: "DESC" })).toEqual(["gone:2", "gone:1"]);
    expect(await definitionsOf({ familyPrefix: "gone", sort: "ASC" })).toEqual(["gone:1", "gone:2"]);
    for (const taskDefinition of ["gone:1", "gone:2"])
      await client.send(new ecs.DeregisterTaskDefinitionCommand({ taskDefinition }));
    expect(await familiesOf({ familyPrefix: "go" })).toEqual(["gone"]);
    expect(await familiesOf({ familyPrefix: "go", status: "ACTIVE" })).toEqual([]);
    expect(await familiesOf({ familyPrefix: "go", status: "INACTIVE" })).toEqual(["gone"]);
    expect(await familiesOf({ familyPrefix: "go", status: "ALL" })).toEqual(["gone"]);
    expect(await definitionsOf({ familyPrefix: "gone", status: "ACTIVE" })).toEqual([]);
    expect(await definitionsOf({ familyPrefix: "gone", status: "INACTIVE" })).toHaveLength(2);
    await client.send(new ecs.DeleteTaskDefinitionsCommand({ taskDefinitions: ["gone:1"] }));
    expect(await definitionsOf({ familyPrefix: "gone", status: "DELETE_IN_PROGRESS" })).toEqual([]);
  });

  it("a service's launch type and scheduling strategy, a task's family, service, status and launch type", async () => {
    await client.send(
      new ecs.CreateServiceCommand({
        serviceName: "listed",
        taskDefinition: "one",
        launchType: "FARGATE",
        desiredCount: 0,
        networkConfiguration: network(),
      }),
    );
    const services = async (input: ecs.ListServicesRequest) =>
      (await client.send(new ecs.ListServicesCommand(input))).serviceArns?.length;
    expect(await services({ launchType: "FARGATE" })).toBe(1);
    expect(await services({ launchType: "EC2" })).toBe(0);
    expect(await services({ launchType: "EXTERNAL" })).toBe(0);
    expect(await services({ schedulingStrategy: "REPLICA" })).toBe(1);
    expect(await services({ schedulingStrategy: "DAEMON" })).toBe(0);
    expect(await services({ resourceManagementType: "CUSTOMER" })).toBe(1);
    await client.send(
      new ecs.RunTaskCommand({
        taskDefinition: "two",
        launchType: "FARGATE",
        networkConfiguration: network(),
      }),
    );
    const tasks = async (input: ecs.ListTasksRequest) =>
      (await client.send(new ecs.ListTasksCommand(input))).taskArns?.length;
    expect(await tasks({ family: "two" })).toBe(1);
    expect(await tasks({ family: "one" })).toBe(0);
    expect(await tasks({ serviceName: "listed" })).toBe(0);
    expect(await tasks({ desiredStatus: "RUNNING" })).toBe(1);
    expect(await tasks({ desiredStatus: "STOPPED" })).toBe(0);
    expect(await tasks({ desiredStatus: "PENDING" })).toBe(0);
    expect(await tasks({ launchType: "FARGATE" })).toBe(1);
    expect(await tasks({ launchType: "EC2" })).toBe(0);
    expect(await tasks({ launchType: "EXTERNAL" })).toBe(0);
  });
});

it("a task that runs", async () => {
  const containerOverride: ecs.ContainerOverride = {
    name: "c",
    command: ["echo"],
    environment: [{ name: "A", value: "1" }],
    cpu: 10,
    memory: 100,
    memoryReservation: 50,
  };
  const tags = [{ key: "a", value: "b" }];
  const { tasks } = await client.send(
    new ecs.RunTaskCommand({
      taskDefinition: "one",
      launchType: "FARGATE",
      platformVersion: "1.4.0",
      group: "batch",
      networkConfiguration: network(),
      overrides: { containerOverrides: [containerOverride] },
      propagateTags: "TASK_DEFINITION",
      tags,
    }),
  );
  const { tasks: shown } = await client.send(
    new ecs.DescribeTasksCommand({ tasks: [tasks?.[0]?.taskArn ?? ""], include: ["TAGS"] }),
  );
  expect(shown?.[0]).toMatchObject({
    group: "batch",
    platformVersion: "1.4.0",
    overrides: { containerOverrides: [containerOverride] },
    tags,
  });
});

it("a task of launch type EC2", async () => {
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "host",
      networkMode: "awsvpc",
      containerDefinitions: [{ name: "c", image: "busybox", memory: 64 }],
    }),
  );
  const placementConstraints: ecs.PlacementConstraint[] = [{ type: "distinctInstance" }];
  const { tasks, failures } = await client.send(
    new ecs.RunTaskCommand({
      taskDefinition: "host",
      launchType: "EC2",
      networkConfiguration: network({ assignPublicIp: "DISABLED" }),
      placementConstraints,
      placementStrategy: [{ type: "spread", field: "instanceId" }],
    }),
  );
  expect(failures).toEqual([]);
  expect(tasks?.[0]?.launchType).toBe("EC2");
});
