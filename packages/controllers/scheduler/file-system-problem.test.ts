import { policyDecider } from "@gantry/api/iam/decide";
import { VirtualClock } from "@gantry/kernel";
import { MemoryStore, type NetworkInterfaceRecord, type TaskRecord } from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import { checkMounts } from "./file-system-problem.ts";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const FILES = "fs-0123456789abcdef0";
const task = {
  ...PLACE,
  arn: "arn:aws:ecs:eu-south-1:000000000000:task/default/1",
  taskDefinitionArn: "definition",
  overrides: { taskRoleArn: undefined },
} as unknown as TaskRecord; // What is looked at.
const eni = {
  id: "eni-task",
  vpcId: "vpc-1",
  subnetId: "subnet-a",
  privateIp: "10.0.1.9",
  securityGroups: ["sg-app"],
} as unknown as NetworkInterfaceRecord; // As above.
const anywhere = { direction: "egress", protocol: "-1", fromPort: -1, toPort: -1, cidr: "0.0.0.0/0" };
const fromApp = { direction: "ingress", protocol: "tcp", fromPort: 2049, toPort: 2049, groupId: "sg-app" };
let store: MemoryStore;

/** Any record, by what of it matters. */
const put = (kind: string, key: string, record: object) =>
  store.transact((tx) => tx.put(kind as never, key, { ...PLACE, ...record } as never));
const remove = (kind: string, key: string) => store.transact((tx) => tx.delete(kind as never, key));
const mounts = () =>
  store.transact((tx) => {
    const clock = new VirtualClock(0);
    return checkMounts(tx, { permissions: policyDecider({ store, now: () => 0 }), clock }, { task, eni });
  });
const problem = () => mounts().problem;
const group = (id: string, rules: readonly object[]) =>
  put("securityGroup", id, { id, vpcId: "vpc-1", rules });
const mount = (efs: object) =>
  put("taskDefinition", "definition", {
    spec: { volumes: [{ name: "files", efs: { fileSystemId: FILES, rootDirectory: "/", ...efs } }] },
  });

beforeEach(() => {
  store = new MemoryStore();
  put("subnet", "subnet-a", { id: "subnet-a", vpcId: "vpc-1", availabilityZone: "eu-south-1a" });
  put("subnet", "subnet-b", { id: "subnet-b", vpcId: "vpc-1", availabilityZone: "eu-south-1b" });
  put("subnet", "subnet-c", { id: "subnet-c", vpcId: "vpc-2", availabilityZone: "eu-south-1a" });
  put("fileSystem", FILES, { id: FILES });
  put("mountTarget", "fsmt-1", {
    id: "fsmt-1",
    fileSystemId: FILES,
    subnetId: "subnet-a",
    networkInterfaceId: "eni-files",
  });
  put("networkInterface", "eni-files", {
    id: "eni-files",
    vpcId: "vpc-1",
    privateIp: "10.0.1.5",
    owner: { type: "mountTarget", key: "fsmt-1" },
    securityGroups: ["sg-files"],
  });
  group("sg-app", [anywhere]);
  group("sg-files", [fromApp]);
  mount({});
});

const PREFIX =
  "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: ";

// Before: a task started whether or not its file systems could have been reached.
describe("a task with a file system", () => {
  it("starts if a mount target of its zone admits it", () => {
    expect(problem()).toBeUndefined();
    group("sg-files", [{ ...fromApp, groupId: undefined, cidr: "10.0.1.0/24" }]);
    expect(problem()).toBeUndefined();
    group("sg-files", [{ ...fromApp, protocol: "-1", fromPort: -1, toPort: -1 }]);
    expect(problem()).toBeUndefined();
  });

  it.each(["subnet-b", "subnet-c"])("ends if the mount target is in another zone or VPC: %s", (subnetId) => {
    put("mountTarget", "fsmt-1", {
      id: "fsmt-1",
      fileSystemId: FILES,
      subnetId,
      networkInterfaceId: "eni-files",
    });
    expect(problem()).toContain(`${PREFIX}Failed to resolve "${FILES}.efs.eu-south-1.amazonaws.com" - check`);
    expect(problem()).toContain("unsuccessful EFS utils command execution; code: 1");
  });

  it("ends without a mount target, without the file system, and with one of another account", () => {
    remove("mountTarget", "fsmt-1");
    expect(problem()).toContain("ensure that the VPC has an EFS mount target");
    remove("fileSystem", FILES);
    expect(problem()).toContain("Failed to resolve");
    put("fileSystem", FILES, { id: FILES, account: "111111111111" });
    expect(problem()).toContain("Failed to resolve");
  });

  it.each<[string, () => void]>([
    ["the mount target's group has no rule", () => group("sg-files", [])],
    ["its rule is for another group", () => group("sg-files", [{ ...fromApp, groupId: "sg-other" }])],
    ["its rule is for another port", () => group("sg-files", [{ ...fromApp, fromPort: 2050, toPort: 3000 }])],
    ["its rule is for UDP", () => group("sg-files", [{ ...fromApp, protocol: "udp" }])],
    [
      "its rule is for other addresses",
      () => group("sg-files", [{ ...fromApp, groupId: undefined, cidr: "10.0.2.0/24" }]),
    ],
    ["the task's group lets nothing out", () => group("sg-app", [])],
  ])("ends if %s", (_, change) => {
    change();
    expect(problem()).toBe(
      `${PREFIX}b'mount.nfs4: Connection timed out' : unsuccessful EFS utils command execution; code: 32`,
    );
  });

  it("ends if its access point is of another file system", () => {
    mount({ accessPointId: "fsap-1" });
    expect(problem()).toContain("access denied by server while mounting 127.0.0.1:/");
    put("accessPoint", "fsap-1", { id: "fsap-1", fileSystemId: "fs-0fffffffffffffff0" });
    expect(problem()).toContain("access denied by server");
    put("accessPoint", "fsap-1", { id: "fsap-1", fileSystemId: FILES });
    expect(problem()).toBeUndefined();
  });
});

describe("a policy of the file system", () => {
  const policy = (...statements: readonly object[]) =>
    put("fileSystem", FILES, {
      id: FILES,
      arn: `arn:aws:elasticfilesystem:eu-south-1:000000000000:file-system/${FILES}`,
      policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }),
    });
  const everybody = { Effect: "Allow", Principal: { AWS: "*" }, Resource: "*" };
  const encrypted = {
    ...everybody,
    Effect: "Deny",
    Action: "*",
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };

  // Before: policies could not be put, and nothing evaluated them.
  it("refuses tasks that may not mount, and mounts read-only for tasks that may not write", () => {
    policy({ ...everybody, Action: "elasticfilesystem:ClientMount" });
    expect(mounts()).toMatchObject({ problem: undefined, readOnlyVolumes: ["files"] });
    policy({ ...everybody, Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"] });
    expect(mounts()).toMatchObject({ problem: undefined, readOnlyVolumes: [] });
    policy({
      ...everybody,
      Principal: { AWS: "arn:aws:iam::111111111111:root" },
      Action: "elasticfilesystem:*",
    });
    expect(problem()).toContain("access denied by server");
  });

  // Before: ClientRootAccess was not evaluated, and root of every task was root of the file system.
  it("squashes root for tasks without ClientRootAccess, and for none without a policy", () => {
    expect(mounts().rootSquashVolumes).toEqual([]);
    const actions = ["ClientMount", "ClientWrite"].map((each) => `elasticfilesystem:${each}`);
    policy({ ...everybody, Action: actions });
    expect(mounts().rootSquashVolumes).toEqual(["files"]);
    policy({ ...everybody, Action: [...actions, "elasticfilesystem:ClientRootAccess"] });
    expect(mounts().rootSquashVolumes).toEqual([]);
  });

  it("has condition keys for encryption and the access point of a mount", () => {
    policy({ ...everybody, Action: "elasticfilesystem:*" }, encrypted);
    mount({ transitEncryption: false });
    expect(problem()).toContain("access denied by server");
    mount({ transitEncryption: true });
    expect(problem()).toBeUndefined();
    const arn = "arn:aws:elasticfilesystem:eu-south-1:000000000000:access-point/fsap-1";
    policy({
      ...everybody,
      Action: "elasticfilesystem:*",
      Condition: { StringEquals: { "elasticfilesystem:AccessPointArn": arn } },
    });
    expect(problem()).toContain("access denied by server");
    put("accessPoint", "fsap-1", { id: "fsap-1", arn, fileSystemId: FILES });
    mount({ transitEncryption: true, accessPointId: "fsap-1" });
    expect(problem()).toBeUndefined();
  });

  it("denies a task that mounts with IAM and has no role", () => {
    policy({ ...everybody, Action: "elasticfilesystem:*" });
    mount({ transitEncryption: true, iam: true });
    expect(problem()).toContain("access denied by server");
  });
});

it("does not mount a file system whose key is disabled or gone", () => {
  const kmsKeyArn = "arn:aws:kms:eu-south-1:000000000000:key/k";
  put("fileSystem", FILES, { id: FILES, kmsKeyArn });
  put("kmsKey", kmsKeyArn, { arn: kmsKeyArn, enabled: true });
  expect(problem()).toBeUndefined();
  put("kmsKey", kmsKeyArn, { arn: kmsKeyArn, enabled: false });
  expect(problem()).toContain("access denied by server");
  remove("kmsKey", kmsKeyArn);
  expect(problem()).toContain("access denied by server");
});
