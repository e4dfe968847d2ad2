import type { PodAssignment, VolumeAssignment } from "@gantry/agent-protocol";
import { describe, expect, it } from "vitest";
import { checkFolder, checkVolumes, fileSystemFolder, InvalidAssignmentError } from "./volume-paths.ts";

const files: VolumeAssignment = {
  type: "fileSystem",
  id: "a1",
  fileSystemId: "fs-0123456789abcdef0",
  dnsName: "fs-0123456789abcdef0.efs.eu-south-1.amazonaws.com",
  directory: "/a",
  creation: undefined,
  accessPoint: false,
};
const scratch: VolumeAssignment = { type: "folder", id: "a1", path: "scratch/0123/a1" };
const check = (
  volume: VolumeAssignment,
  more: { containerPath?: string; purge?: string[]; key?: string } = {},
) =>
  checkVolumes({
    key: more.key ?? "pod/0123",
    volumes: [volume],
    purge: more.purge ?? [],
    containers: [{ mounts: [{ volume: "a1", containerPath: more.containerPath ?? "/m", readOnly: false }] }],
  } as unknown as PodAssignment); // What is checked.

// Regression: the agent joined unchecked paths from an assignment to the path of the data volume.
describe("an assignment's paths", () => {
  it("are those that the control plane creates", () => {
    check(files);
    check({ ...files, creation: { uid: 0, gid: 4_294_967_295, mode: "0755" } });
    check(scratch, { purge: ["scratch/0123"] });
    check({ type: "folder", id: "a1", path: "rds/db-ABC" });
  });

  it.each<[string, VolumeAssignment]>([
    ["another file system's folder by its id", { ...files, fileSystemId: "../rds" }],
    ["no id", { ...files, fileSystemId: "" }],
    ["the agent's folder", { ...files, directory: "/../../agent" }],
    ["a relative directory", { ...files, directory: "a" }],
    ["a directory that ends early", { ...files, directory: "/a\0/b" }],
    ["a mode with more in it", { ...files, creation: { uid: 0, gid: 0, mode: "0755; id" } }],
    ["a user that is none", { ...files, creation: { uid: -1, gid: 0, mode: "0755" } }],
    ["a folder outside of the pods'", { ...scratch, path: "agent" }],
    ["a folder above the data volume", { ...scratch, path: "scratch/../.." }],
    ["a volume's id that is a path", { ...scratch, id: "../a" }],
  ])("are refused if they name %s", (_, volume) => {
    expect(() => check(volume)).toThrow(InvalidAssignmentError);
  });

  it.each(["/m:rw,rshared", "m", "/m\0"])("are refused inside a container: %s", (containerPath) => {
    expect(() => check(scratch, { containerPath })).toThrow(InvalidAssignmentError);
  });

  it("are refused if another folder would be removed", () => {
    for (const purge of ["", ".", "scratch", "scratch/..", "agent", "efs/fs-0123456789abcdef0", "/etc"])
      expect(() => check(scratch, { purge: [purge] }), purge).toThrow(InvalidAssignmentError);
    for (const path of ["efs", "efs/..", "efs/fs-1/../..", "agent"])
      expect(() => checkFolder(path), path).toThrow(InvalidAssignmentError);
    expect(() => fileSystemFolder("fs-0/../..")).toThrow(InvalidAssignmentError);
    expect(() => check(scratch, { key: "pod/.." })).toThrow(InvalidAssignmentError);
  });
});
