import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const ID = "0123456789abcdef0123456789abcdef";
const FAILURE = {
  arn: `arn:aws:ecs:eu-south-1:000000000000:container-instance/default/${ID}`,
  reason: "MISSING",
};
let networkConfiguration: ecs.NetworkConfiguration;
const definition = (family: string, requiresCompatibilities?: ecs.Compatibility[]) =>
  new ecs.RegisterTaskDefinitionCommand({
    family,
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    requiresCompatibilities,
    containerDefinitions: [{ name: "c", image: "busybox" }],
  });
const start = (input: Partial<ecs.StartTaskCommandInput> = {}) =>
  client.send(
    new ecs.StartTaskCommand({
      taskDefinition: "app",
      containerInstances: [ID],
      networkConfiguration,
      ...input,
    }),
  );

beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  networkConfiguration = { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
  await client.send(new ecs.CreateClusterCommand({}));
  await client.send(definition("app"));
  await client.send(definition("fargate", ["FARGATE"]));
});

describe("a cluster without container instances", () => {
  it("starts no task on an unknown container instance", async () => {
    expect(await start()).toMatchObject({ tasks: [], failures: [FAILURE] });
    expect(await start({ containerInstances: [FAILURE.arn] })).toMatchObject({ failures: [FAILURE] });
    expect((await client.send(new ecs.ListTasksCommand({}))).taskArns).toEqual([]);
  });

  it("checks a call of StartTask as it checks one of RunTask", async () => {
    await expect(start({ taskDefinition: "none" })).rejects.toThrow("TaskDefinition not found.");
    await expect(start({ taskDefinition: "fargate" })).rejects.toThrow(
      "Task definition does not support launch_type EC2.",
    );
    await expect(start({ cluster: "none" })).rejects.toMatchObject({ name: "ClusterNotFoundException" });
    await expect(start({ networkConfiguration: undefined })).rejects.toThrow("Network Configuration");
    await expect(start({ overrides: { containerOverrides: [{ name: "none" }] } })).rejects.toThrow(
      "is not a container in the TaskDefinition",
    );
    const files = [{ name: "c", environmentFiles: [{ type: "s3" as const, value: "arn:aws:s3:::b/no" }] }];
    await expect(start({ overrides: { containerOverrides: files } })).rejects.toThrow("ends with .env");
    const value = "arn:aws:s3:::settings/a.env";
    const containerOverrides = [{ name: "c", environmentFiles: [{ type: "s3" as const, value }] }];
    await expect(start({ overrides: { containerOverrides } })).rejects.toThrow("'executionRoleArn'");
    const executionRoleArn = "arn:aws:iam::000000000000:role/any";
    expect(await start({ overrides: { containerOverrides, executionRoleArn } })).toMatchObject({
      failures: [FAILURE],
    });
    await expect(start({ containerInstances: [] })).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
  });

  it("lists none, and reports every named one as missing", async () => {
    expect(await client.send(new ecs.ListContainerInstancesCommand({}))).toMatchObject({
      containerInstanceArns: [],
    });
    const named = { containerInstances: [ID] };
    expect(await client.send(new ecs.DescribeContainerInstancesCommand(named))).toMatchObject({
      containerInstances: [],
      failures: [FAILURE],
    });
    const update = (status: ecs.ContainerInstanceStatus) =>
      client.send(new ecs.UpdateContainerInstancesStateCommand({ ...named, status }));
    for (const status of ["ACTIVE", "DRAINING"] as const)
      expect(await update(status)).toMatchObject({ containerInstances: [], failures: [FAILURE] });
    // Before: these were accepted.
    for (const status of ["DEREGISTERING", "REGISTERING", "REGISTRATION_FAILED"] as const)
      await expect(update(status)).rejects.toThrow(status);
    await expect(
      client.send(new ecs.DeregisterContainerInstanceCommand({ containerInstance: ID })),
    ).rejects.toThrow("not found");
  });

  it("has no custom attributes", async () => {
    const listed = await client.send(new ecs.ListAttributesCommand({ targetType: "container-instance" }));
    expect(listed.attributes).toEqual([]);
    const attributes = [{ name: "stack", value: "blue", targetId: ID }];
    for (const call of [
      () => client.send(new ecs.PutAttributesCommand({ attributes })),
      () => client.send(new ecs.DeleteAttributesCommand({ attributes })),
    ])
      await expect(call()).rejects.toMatchObject({
        name: "TargetNotFoundException",
        message: `The specified target ${ID} wasn't found.`,
      });
  });
});
