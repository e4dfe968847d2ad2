import { ANONYMOUS, ecsTasks, sessionOf, trustsService } from "@gantry/iam";
import { cidrContains, parseCidr, type Clock } from "@gantry/kernel";
import {
  isKeyActive,
  type MountTargetRecord,
  type NetworkInterfaceRecord,
  type Reader,
  type TaskRecord,
  type VolumeSpec,
} from "@gantry/state";
import type { Permissions } from "../task/execution-role.ts";

const NFS_PORT = 2049;

interface MountDeps {
  readonly permissions: Permissions;
  readonly clock: Clock;
}

/** A task that mounts, from its network interface. */
interface Client {
  readonly task: TaskRecord;
  readonly eni: NetworkInterfaceRecord;
}

type Efs = NonNullable<VolumeSpec["efs"]>;

/** Names of volumes, by what the policies of their file systems keep from the task. */
export interface MountDecision {
  readonly problem: string | undefined;
  /** Without `ClientWrite`. */
  readonly readOnlyVolumes: readonly string[];
  /** Without `ClientRootAccess`. */
  readonly rootSquashVolumes: readonly string[];
}

/**
 * Whether a task's file systems can be mounted from its network interface: the problem in the words of
 * Fargate's stopped reason, or the names of the volumes that the file system's policy restricts. As with NFS,
 * the file system needs a mount target in the zone of the task, and security groups on both sides that let
 * port 2049 through. Sources: EFS User Guide, "Troubleshooting mount issues" and "Using IAM to
 * control file system data access"; the words of amazon-efs-utils and mount.nfs4(8).
 */
export function checkMounts(reader: Reader, deps: MountDeps, client: Client): MountDecision {
  const { volumes = [] } = reader.get("taskDefinition", client.task.taskDefinitionArn)?.spec ?? {};
  const readOnlyVolumes: string[] = [];
  const rootSquashVolumes: string[] = [];
  for (const { name, efs } of volumes) {
    if (efs === undefined) continue;
    const problem =
      mountProblem(reader, efs, client) ??
      keyProblem(reader, efs) ??
      (isDenied(reader, deps, { efs, client, action: "ClientMount" }) ? DENIED : undefined);
    if (problem !== undefined)
      return {
        problem:
          "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: " +
          `stderr: ${problem.stderr} : unsuccessful EFS utils command execution; code: ${problem.code}`,
        readOnlyVolumes,
        rootSquashVolumes,
      };
    if (isDenied(reader, deps, { efs, client, action: "ClientWrite" })) readOnlyVolumes.push(name);
    if (isDenied(reader, deps, { efs, client, action: "ClientRootAccess" })) rootSquashVolumes.push(name);
  }
  return { problem: undefined, readOnlyVolumes, rootSquashVolumes };
}

interface Problem {
  readonly stderr: string;
  readonly code: number;
}

const DENIED: Problem = {
  stderr: "b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'",
  code: 32,
};

/** A file system whose key cannot be used is not mounted. */
function keyProblem(reader: Reader, { fileSystemId }: Efs): Problem | undefined {
  const keyArn = reader.get("fileSystem", fileSystemId)?.kmsKeyArn;
  if (keyArn === undefined) return undefined;
  return isKeyActive(reader.get("kmsKey", keyArn)) ? undefined : DENIED;
}

/**
 * Whether the file system's policy keeps the task from an action. Without a policy every client may do
 * everything. With IAM the client is the task's role, else it is anonymous.
 */
function isDenied(
  reader: Reader,
  { permissions, clock }: MountDeps,
  { efs, client, action }: { efs: Efs; client: Client; action: string },
): boolean {
  const fileSystem = reader.get("fileSystem", efs.fileSystemId);
  if (fileSystem?.policy === undefined) return false;
  const { task } = client;
  const definition = reader.get("taskDefinition", task.taskDefinitionArn);
  const roleArn = task.overrides.taskRoleArn ?? definition?.spec.taskRoleArn;
  const role = efs.iam ? reader.get("role", roleArn) : undefined;
  const isTrusted = role !== undefined && trustsService(role, ecsTasks(task.arn, clock.now()));
  if (efs.iam && !isTrusted) return true;
  const principal =
    role === undefined ? ANONYMOUS : sessionOf(role, task.arn.slice(task.arn.lastIndexOf("/") + 1));
  const point = reader.get("accessPoint", efs.accessPointId);
  const conditions = {
    "aws:SecureTransport": String(efs.transitEncryption),
    "elasticfilesystem:AccessedViaMountTarget": "true",
    ...(point === undefined ? {} : { "elasticfilesystem:AccessPointArn": point.arn }),
  };
  return (
    permissions.deniedBecause(principal, `elasticfilesystem:${action}`, fileSystem.arn, () => conditions) !==
    undefined
  );
}

function mountProblem(reader: Reader, efs: Efs, { task, eni }: Client): Problem | undefined {
  const name = `${efs.fileSystemId}.efs.${task.region}.amazonaws.com`;
  const fileSystem = reader.get("fileSystem", efs.fileSystemId);
  const isHere = fileSystem?.account === task.account && fileSystem.region === task.region;
  const target = isHere ? mountTargetNear(reader, efs.fileSystemId, eni) : undefined;
  if (target === undefined)
    return {
      stderr:
        `Failed to resolve "${name}" - check that your file system ID is correct, and ensure that the ` +
        "VPC has an EFS mount target for this file system ID. See " +
        "https://docs.aws.amazon.com/console/efs/mount-dns-name for more detail. Attempting to lookup " +
        "mount target ip address using botocore. Failed to import necessary dependency botocore, please " +
        "install botocore first.",
      code: 1,
    };
  const door = reader.get("networkInterface", target.networkInterfaceId);
  if (door === undefined || !letsThrough(reader, eni, door))
    return { stderr: "b'mount.nfs4: Connection timed out'", code: 32 };
  const { accessPointId } = efs;
  if (
    accessPointId !== undefined &&
    reader.get("accessPoint", accessPointId)?.fileSystemId !== efs.fileSystemId
  )
    return DENIED;
  return undefined;
}

/** The file system's name resolves to the mount target in the client's own VPC and zone. */
function mountTargetNear(
  reader: Reader,
  fileSystemId: string,
  eni: NetworkInterfaceRecord,
): MountTargetRecord | undefined {
  const zone = reader.get("subnet", eni.subnetId)?.availabilityZone;
  return reader.listBy("mountTarget", "fileSystem", fileSystemId).find((target) => {
    const subnet = reader.get("subnet", target.subnetId);
    return subnet?.vpcId === eni.vpcId && subnet.availabilityZone === zone;
  });
}

/** Whether the security groups of both interfaces let NFS through. */
function letsThrough(reader: Reader, from: NetworkInterfaceRecord, to: NetworkInterfaceRecord): boolean {
  return (
    allows(reader, from, { direction: "egress", peer: to }) &&
    allows(reader, to, { direction: "ingress", peer: from })
  );
}

function allows(
  reader: Reader,
  eni: NetworkInterfaceRecord,
  { direction, peer }: { direction: "ingress" | "egress"; peer: NetworkInterfaceRecord },
): boolean {
  const rules = eni.securityGroups.flatMap((id) => reader.get("securityGroup", id)?.rules ?? []);
  return rules.some((rule) => {
    if (rule.direction !== direction) return false;
    const isNfs =
      rule.protocol === "-1" ||
      (rule.protocol === "tcp" && rule.fromPort <= NFS_PORT && NFS_PORT <= rule.toPort);
    const isPeer =
      rule.groupId === undefined
        ? isWithin(peer.privateIp, rule.cidr)
        : peer.securityGroups.includes(rule.groupId);
    return isNfs && isPeer;
  });
}

function isWithin(ip: string, cidr: string | undefined): boolean {
  const outer = parseCidr(cidr ?? "");
  const inner = parseCidr(`${ip}/32`);
  return outer !== undefined && inner !== undefined && cidrContains(outer, inner);
}
