import { MemoryStore, type TaskRecord, type VolumeSpec } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import { volumeAssignment } from "./volume-assignment.ts";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const volume = {
  name: "files",
  efs: {
    fileSystemId: "fs-0123456789abcdef0",
    rootDirectory: "/",
    accessPointId: "fsap-1",
    transitEncryption: true,
    iam: false,
  },
} as unknown as VolumeSpec; // What is looked at.
let store: MemoryStore;

/** The assignment of a task, on whose volumes of these names root is squashed. */
const assignmentOf = (...rootSquashVolumes: readonly string[]) =>
  volumeAssignment(store, volume, { ...PLACE, placement: { rootSquashVolumes } } as unknown as TaskRecord); // As above.
const putPoint = (posixUser: object | undefined) =>
  store.transact((tx) =>
    tx.put("accessPoint", "fsap-1", {
      ...{ ...PLACE, id: "fsap-1", posixUser },
      rootDirectory: { path: "/data", creation: undefined },
    } as never),
  );

beforeEach(() => (store = new MemoryStore()));

describe("a volume of an access point", () => {
  it("is accessed as the access point's user, with its secondary groups", () => {
    putPoint({ uid: 1000, gid: 1001, secondaryGids: [2000] });
    const identity = { type: "user", uid: 1000, gid: 1001, secondaryGids: [2000] };
    expect(assignmentOf()).toMatchObject({ directory: "/data", identity });
    expect(assignmentOf("files")).toMatchObject({ identity });
  });

  // Before: a policy without ClientRootAccess did not keep an access point of user 0 from being root.
  it("is accessed as nobody where its user is root and the policy does not grant root access", () => {
    putPoint({ uid: 0, gid: 0, secondaryGids: [4] });
    expect(assignmentOf()).toMatchObject({ identity: { uid: 0, gid: 0, secondaryGids: [4] } });
    expect(assignmentOf("files")).toMatchObject({
      identity: { uid: 65_534, gid: 65_534, secondaryGids: [] },
    });
  });

  it("without a user keeps the identity of processes, and squashes root without root access", () => {
    putPoint(undefined);
    expect(assignmentOf()).not.toHaveProperty("identity");
    expect(assignmentOf("other")).not.toHaveProperty("identity");
    expect(assignmentOf("files")).toMatchObject({ identity: { type: "rootSquash" } });
  });

  // Before: a container that started again after DeleteAccessPoint mounted the root of the file system, as root.
  it("leads to no directory once the access point is deleted", () => {
    const deleted = assignmentOf();
    expect(deleted).toMatchObject({ accessPoint: true });
    expect(deleted.type === "fileSystem" && deleted.directory.length).toBeGreaterThan(256);
  });
});
