import * as ecs from "@aws-sdk/client-ecs";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, describe, expect, it } from "vitest";

// Each value that a task definition may have is shown by its description; the others are refused by their names.
const { api, client } = await startEcs();
afterAll(() => api.close());

/** Registers a task definition of the container `c`, and answers its description. */
async function registered(
  more: Partial<ecs.RegisterTaskDefinitionRequest> = {},
  container: Partial<ecs.ContainerDefinition> = {},
): Promise<ecs.TaskDefinition | undefined> {
  const given = { family: "f", networkMode: "awsvpc", cpu: "256", memory: "512" } as const;
  const containerDefinitions = [{ name: "c", image: "busybox", ...container }];
  await client.send(new ecs.RegisterTaskDefinitionCommand({ ...given, containerDefinitions, ...more }));
  const { taskDefinition } = await client.send(
    new ecs.DescribeTaskDefinitionCommand({ taskDefinition: "f" }),
  );
  return taskDefinition;
}

describe("a container", () => {
  it.each(["COMPLETE", "SUCCESS", "START"] as const)("waits for another one's %s", async (condition) => {
    const containerDefinitions = (essential: boolean) => [
      { name: "first", image: "busybox", essential },
      { name: "c", image: "busybox", dependsOn: [{ containerName: "first", condition }] },
    ];
    const shown = await registered({ containerDefinitions: containerDefinitions(false) });
    expect(shown).toMatchObject({ containerDefinitions: containerDefinitions(false) });
    const essential = registered({ containerDefinitions: containerDefinitions(true) });
    if (condition === "START") await essential;
    else await expect(essential).rejects.toThrow(condition);
  });

  it("has a port of TCP, and the image that its service found first", async () => {
    const container: Partial<ecs.ContainerDefinition> = {
      portMappings: [{ containerPort: 80, protocol: "tcp" }],
      versionConsistency: "enabled",
    };
    expect((await registered({}, container))?.containerDefinitions).toMatchObject([container]);
  });

  it("writes to a file of the engine on launch type EC2 alone", async () => {
    const container: Partial<ecs.ContainerDefinition> = { logConfiguration: { logDriver: "json-file" } };
    const ec2: ecs.Compatibility[] = ["EC2"];
    const shown = await registered({ requiresCompatibilities: ec2 }, container);
    expect(shown).toMatchObject({ requiresCompatibilities: ec2, containerDefinitions: [container] });
    await expect(registered({ requiresCompatibilities: ["FARGATE"] }, container)).rejects.toThrow(
      "json-file",
    );
  });

  it.each(["awsfirelens", "fluentd", "gelf", "journald", "splunk", "syslog"] as const)(
    "does not log by %s",
    async (logDriver) => {
      await expect(registered({}, { logConfiguration: { logDriver } })).rejects.toThrow(logDriver);
    },
  );
});

it.each(["bridge", "host", "none"] as const)("has no network of the mode %s", async (networkMode) => {
  await expect(registered({ networkMode })).rejects.toThrow(networkMode);
});

it.each(["EXTERNAL", "MANAGED_INSTANCES"] as const)("is not for the launch type %s", async (type) => {
  await expect(registered({ requiresCompatibilities: [type] })).rejects.toThrow(type);
});

// Before: it was accepted, and its tasks ran on Linux.
it("is not for Windows", async () => {
  const runtimePlatform = { operatingSystemFamily: ecs.OSFamily.WINDOWS_SERVER_2022_CORE };
  await expect(registered({ runtimePlatform })).rejects.toThrow("runtimePlatform.operatingSystemFamily");
});

it("reads a file system without TLS and without its role", async () => {
  const efsVolumeConfiguration: ecs.EFSVolumeConfiguration = {
    fileSystemId: "fs-1",
    transitEncryption: "DISABLED",
    authorizationConfig: { iam: "DISABLED" },
  };
  const volumes = [{ name: "v", efsVolumeConfiguration }];
  const { taskDefinitionArn = "", ...shown } = (await registered({ volumes })) ?? {};
  expect(shown).toMatchObject({ volumes });
  const [volume] = api.store.get("taskDefinition", taskDefinitionArn)?.spec.volumes ?? [];
  expect(volume?.efs).toMatchObject({ transitEncryption: false, iam: false });
});
