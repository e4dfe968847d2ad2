import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const tasks = new ecs.ECSClient(api.client());
const files = new efs.EFSClient(api.client());

const volume = (more: Partial<ecs.Volume>): Partial<ecs.RegisterTaskDefinitionRequest> => ({
  volumes: [{ name: "files", ...more }],
});
const rootDirectory = (path: string) =>
  volume({ efsVolumeConfiguration: { fileSystemId: "fs-0123456789abcdef0", rootDirectory: path } });
const main = (more: Partial<ecs.ContainerDefinition>): Partial<ecs.RegisterTaskDefinitionRequest> => ({
  ...volume({}),
  containerDefinitions: [{ name: "main", image: "busybox", ...more }],
});
const containerPath = (path: string) =>
  main({ mountPoints: [{ sourceVolume: "files", containerPath: path }] });
const register = (more: Partial<ecs.RegisterTaskDefinitionRequest>) =>
  tasks.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "volumes",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "main", image: "busybox" }],
      ...more,
    }),
  );

// Before: all of these were accepted, and joined into a path of the node or into the engine's bind options.
describe("a task definition", () => {
  it.each([
    ["a root directory above the file system", rootDirectory("/../../agent")],
    ["a root directory that comes back", rootDirectory("/a/../..")],
    ["a relative root directory", rootDirectory("../agent")],
    ["a root directory with a line end", rootDirectory("/a\n/b")],
    ["a name of a volume that is a path", volume({ name: "../agent" })],
    ["a volume without a name", volume({ name: undefined })],
    ["options behind a container path", containerPath("/m:rw,rshared")],
    ["a container path that is relative", containerPath("m")],
    ["the container's root", containerPath("/")],
    ["a container path with '..'", containerPath("/a/../etc")],
    ["a label of the platform's", main({ dockerLabels: { "gantry.vpc": "vpc-0" } })],
  ])("is refused with %s", async (_, more) => {
    await expect(register(more)).rejects.toMatchObject({ name: "ClientException" });
  });

  it("is accepted with other paths", async () => {
    for (const more of [
      rootDirectory("/a/b c/..d/.e"),
      containerPath("/a b/c"),
      main({ dockerLabels: { a: "b" } }),
    ])
      expect((await register(more)).taskDefinition?.status).toBe("ACTIVE");
  });
});

// Before: any text was stored as an access point's directory, mode or owner.
describe("an access point", async () => {
  const { FileSystemId } = await files.send(new efs.CreateFileSystemCommand({ CreationToken: "volumes" }));
  const create = (RootDirectory: efs.RootDirectory) =>
    files.send(new efs.CreateAccessPointCommand({ ClientToken: "volumes", FileSystemId, RootDirectory }));
  const CreationInfo = { OwnerUid: 0, OwnerGid: 0, Permissions: "0755" };

  it.each<[string, efs.RootDirectory]>([
    ["a directory above", { Path: "/../../agent" }],
    ["a hidden directory", { Path: "/.ssh" }],
    ["five directories", { Path: "/a/b/c/d/e" }],
    ["a shell's characters", { Path: "/a;b" }],
    ["a path of 101 characters", { Path: `/${"a".repeat(100)}` }],
    ["a mode that is none", { Path: "/a", CreationInfo: { ...CreationInfo, Permissions: "0778" } }],
    ["a negative owner", { Path: "/a", CreationInfo: { ...CreationInfo, OwnerUid: -1 } }],
  ])("is refused with %s", async (_, directory) => {
    await expect(create(directory)).rejects.toMatchObject({ name: "BadRequest" });
  });

  it("is created for the root and for four directories", async () => {
    for (const Path of ["/", "/a/b/c/d"])
      expect((await create({ Path, CreationInfo })).RootDirectory?.Path).toBe(Path);
  });
});
