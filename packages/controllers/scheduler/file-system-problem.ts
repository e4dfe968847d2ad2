import { cidrContains, parseCidr } from "@gantry/kernel";
import type {
  MountTargetRecord,
  NetworkInterfaceRecord,
  Reader,
  TaskRecord,
  VolumeSpec,
} from "@gantry/state";

const NFS_PORT = 2049;

/**
 * Why a task's file systems can not be mounted from its network interface, in the words of Fargate's stopped reason;
 * undefined where they can. As with NFS, the file system needs a mount target in the zone of the task, and security
 * groups on both sides that let port 2049 through. Sources: EFS User Guide, "Troubleshooting mount issues"; the words
 * of amazon-efs-utils and mount.nfs4(8).
 */
export function fileSystemProblem(
  reader: Reader,
  task: TaskRecord,
  eni: NetworkInterfaceRecord,
): string | undefined {
  const { volumes = [] } = reader.get("taskDefinition", task.taskDefinitionArn)?.spec ?? {};
  for (const { efs } of volumes) {
    const problem = efs && mountProblem(reader, efs, { task, eni });
    if (problem !== undefined)
      return `ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: ${problem.stderr} : unsuccessful EFS utils command execution; code: ${problem.code}`;
  }
  return undefined;
}

function mountProblem(
  reader: Reader,
  efs: NonNullable<VolumeSpec["efs"]>,
  { task, eni }: { task: TaskRecord; eni: NetworkInterfaceRecord },
): { stderr: string; code: number } | undefined {
  const name = `${efs.fileSystemId}.efs.${task.region}.amazonaws.com`;
  const fileSystem = reader.get("fileSystem", efs.fileSystemId);
  const isHere = fileSystem?.account === task.account && fileSystem.region === task.region;
  const target = isHere ? mountTargetNear(reader, efs.fileSystemId, eni) : undefined;
  if (target === undefined)
    return {
      stderr: `Failed to resolve "${name}" - check that your file system ID is correct, and ensure that the VPC has an EFS mount target for this file system ID. See https://docs.aws.amazon.com/console/efs/mount-dns-name for more detail. Attempting to lookup mount target ip address using botocore. Failed to import necessary dependency botocore, please install botocore first.`,
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
    return { stderr: "b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'", code: 32 };
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
