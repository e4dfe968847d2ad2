import {
  rootSnapshotImage,
  type AttachedInterface,
  type ContainerAssignment,
  type InstanceMetadata,
  type PodAssignment,
} from "@gantry/agent-protocol";
import type { Ec2InstanceRecord, NetworkInterfaceRecord, Reader, SessionRecord } from "@gantry/state";
import { instanceSize } from "@gantry/state/instance-sizes";
import { interfacesOf, type AttachedInterfaceRecord } from "@gantry/state/transactions/instance-interfaces";
import { userDataPrograms } from "../instance/user-data/user-data.ts";
import { blockDevicesOf, hasPendingRootSnapshot } from "./ebs-assignment.ts";
import { interfaceAssignment, type AssignmentDeps } from "./pod-assignment.ts";

/** An instance as a pod: one container, which is stopped and started with its root file system. */
export function instanceAssignment(
  reader: Reader,
  deps: AssignmentDeps,
  instance: Ec2InstanceRecord,
): PodAssignment | undefined {
  const eni = reader.get("networkInterface", instance.networkInterfaceId);
  if (eni === undefined || instance.state === "terminated") return undefined;
  if (instance.halted && !hasPendingRootSnapshot(reader, instance)) return undefined;
  const session = reader.get("session", instance.sessionId);
  const blockDevices = blockDevicesOf(reader, instance);
  return {
    kind: "pod",
    key: `pod/${instance.id}`,
    role: "instance",
    desired: isToRun(instance) ? "RUNNING" : "STOPPED",
    interface: ownInterface(reader, eni, instance),
    attachedInterfaces: attachedInterfaces(reader, instance),
    cpuUnits: undefined,
    memoryMiB: undefined,
    containers: [systemContainer(deps, instance)],
    volumes: [{ type: "secrets", id: "instance", files: instanceFiles(instance) }],
    purge: [],
    restart: true,
    metadata: undefined,
    instance: instanceMetadata(reader, deps, instance, eni),
    ...(blockDevices === undefined ? {} : { blockDevices }),
    credentials: session === undefined ? [] : [roleCredentials(deps, instance, session)],
    trustBundle: true,
  };
}

function isToRun({ state, rebooting }: Ec2InstanceRecord): boolean {
  return (state === "pending" || state === "running") && !rebooting;
}

function systemContainer(deps: AssignmentDeps, instance: Ec2InstanceRecord): ContainerAssignment {
  const { vcpus, memoryMiB } = instanceSize(instance.instanceType);
  return {
    name: "system",
    image:
      instance.ownImage === undefined
        ? deps.machineImage
        : rootSnapshotImage(instance.ownImage.rootSnapshotId),
    registryAuth: undefined,
    essential: true,
    command: undefined,
    entryPoint: undefined,
    workingDirectory: undefined,
    user: undefined,
    environment: [],
    cpuShares: vcpus * 1024,
    memoryMiB,
    memoryReservationMiB: undefined,
    mounts: [{ volume: "instance", containerPath: "/run/instance", readOnly: true }],
    privileged: false,
    pidHost: false,
    dependsOn: [],
    healthCheck: {
      command: ["CMD", "/usr/local/sbin/instance-check"],
      intervalSeconds: 5,
      timeoutSeconds: 5,
      retries: 3,
      startPeriodSeconds: 60,
    },
    startTimeoutSeconds: undefined,
    stopTimeoutSeconds: 10,
    readonlyRootFilesystem: false,
    interactive: false,
    pseudoTerminal: false,
    init: true,
    capabilitiesAdd: [],
    capabilitiesDrop: [],
    ulimits: [],
    sysctls: {},
    labels: {},
    logs: {
      instanceId: instance.id,
      ...{ region: instance.region, group: "", stream: "" },
      multilinePattern: undefined,
      nonBlocking: true,
      bufferMaxBytes: 1024 * 1024,
    },
    arn: "",
  };
}

/** The interface, with the host name that the user data asks for. */
function ownInterface(
  reader: Reader,
  eni: NetworkInterfaceRecord,
  { userData }: Ec2InstanceRecord,
): PodAssignment["interface"] {
  const made = interfaceAssignment(reader, eni);
  const hostname = userData === undefined ? undefined : userDataPrograms(userData).hostname;
  return hostname === undefined ? made : { ...made, hostname };
}

/** The interfaces besides the primary one. */
function attachedInterfaces(reader: Reader, instance: Ec2InstanceRecord): readonly AttachedInterface[] {
  return interfacesOf(reader, instance)
    .filter(({ attachment }) => attachment.deviceIndex > 0 && attachment.state !== "detaching")
    .map((eni) => {
      const { id, vpcId, ip, mac, gateway } = interfaceAssignment(reader, eni);
      const subnet = reader.get("subnet", eni.subnetId)?.cidr ?? "";
      return { id, vpcId, ip, mac, gateway, subnet, index: eni.attachment.deviceIndex };
    });
}

/** What the instance reads at its starts. */
function instanceFiles({ id, publicKey, userData }: Ec2InstanceRecord): Readonly<Record<string, string>> {
  const programs = userData === undefined ? undefined : userDataPrograms(userData);
  return {
    "instance-id": id,
    "authorized-keys": publicKey === undefined ? "" : `${publicKey}\n`,
    "user-data": programs?.once ?? "",
    "every-start": programs?.everyStart ?? "",
  };
}

/** Source: EC2 User Guide, "Instance metadata categories". */
function instanceMetadata(
  reader: Reader,
  deps: AssignmentDeps,
  instance: Ec2InstanceRecord,
  eni: NetworkInterfaceRecord,
): InstanceMetadata {
  const { metadataOptions: options, userData } = instance;
  const profile = reader.get("instanceProfile", instance.profile?.arn);
  const role = profile?.roleArn;
  return {
    instanceId: instance.id,
    httpTokens: options.httpTokens,
    tokenKey: deps.secretId(`instance-metadata/${instance.id}`),
    ...(userData === undefined ? {} : { userData }),
    categories: {
      ...ownCategories(instance, eni),
      "security-groups": groupNames(reader, eni),
      ...Object.assign(
        {},
        ...interfacesOf(reader, instance).map((each) => interfaceCategories(reader, each)),
      ),
      ...(profile === undefined
        ? {}
        : {
            "iam/info": JSON.stringify(
              {
                Code: "Success",
                LastUpdated: `${new Date(instance.launchedAt).toISOString().slice(0, 19)}Z`,
                InstanceProfileArn: profile.arn,
                InstanceProfileId: profile.id,
              },
              undefined,
              2,
            ),
          }),
      ...(options.instanceTags === "enabled"
        ? Object.fromEntries(
            Object.entries(instance.tags).map(([key, value]) => [`tags/instance/${key}`, value]),
          )
        : {}),
    },
    document: identityDocument(instance, eni),
    ...(role === undefined ? {} : { roleName: role.slice(role.lastIndexOf("/") + 1) }),
  };
}

function ownCategories(
  instance: Ec2InstanceRecord,
  eni: NetworkInterfaceRecord,
): Readonly<Record<string, string>> {
  const hostname = `ip-${eni.privateIp.replaceAll(".", "-")}.${eni.region}.compute.internal`;
  return {
    "ami-id": instance.imageId,
    "ami-launch-index": String(instance.launchIndex),
    "ami-manifest-path": "(unknown)",
    "block-device-mapping/ami": "/dev/xvda",
    "block-device-mapping/root": "/dev/xvda",
    hostname,
    "instance-action": "none",
    "instance-id": instance.id,
    "instance-life-cycle": "on-demand",
    "instance-type": instance.instanceType,
    "local-hostname": hostname,
    "local-ipv4": eni.privateIp,
    mac: eni.mac,
    "placement/availability-zone": instance.availabilityZone,
    "placement/region": instance.region,
    profile: "default-hvm",
    "reservation-id": instance.reservationId,
    "services/domain": "amazonaws.com",
    "services/partition": "aws",
    ...(eni.publicIp === undefined ? {} : { "public-ipv4": eni.publicIp }),
    ...(instance.publicKey === undefined
      ? {}
      : {
          "public-keys/0/openssh-key": instance.publicKey,
          "public-keys/0/name": instance.keyName ?? "",
        }),
  };
}

function groupNames(reader: Reader, { securityGroups }: NetworkInterfaceRecord): string {
  return securityGroups.map((id) => reader.get("securityGroup", id)?.name ?? "").join("\n");
}

function interfaceCategories(reader: Reader, eni: AttachedInterfaceRecord): Readonly<Record<string, string>> {
  const subnet = reader.get("subnet", eni.subnetId);
  const vpc = reader.get("vpc", eni.vpcId);
  const of = (name: string) => `network/interfaces/macs/${eni.mac}/${name}`;
  return {
    [of("device-number")]: String(eni.attachment.deviceIndex),
    [of("interface-id")]: eni.id,
    [of("local-ipv4s")]: eni.privateIp,
    [of("mac")]: eni.mac,
    [of("owner-id")]: eni.account,
    [of("security-group-ids")]: eni.securityGroups.join("\n"),
    [of("security-groups")]: groupNames(reader, eni),
    [of("subnet-id")]: eni.subnetId,
    [of("subnet-ipv4-cidr-block")]: subnet?.cidr ?? "",
    [of("vpc-id")]: eni.vpcId,
    [of("vpc-ipv4-cidr-block")]: vpc?.cidr ?? "",
    ...(eni.publicIp === undefined ? {} : { [of("public-ipv4s")]: eni.publicIp }),
  };
}

/** Source: EC2 User Guide, "Instance identity documents". */
function identityDocument(
  instance: Ec2InstanceRecord,
  eni: NetworkInterfaceRecord,
): InstanceMetadata["document"] {
  return {
    accountId: instance.account,
    architecture: "x86_64",
    availabilityZone: instance.availabilityZone,
    imageId: instance.imageId,
    instanceId: instance.id,
    instanceType: instance.instanceType,
    kernelId: null,
    pendingTime: `${new Date(instance.launchedAt).toISOString().slice(0, 19)}Z`,
    privateIp: eni.privateIp,
    ramdiskId: null,
    region: instance.region,
    version: "2017-09-30",
  };
}

function roleCredentials(
  { secretId, vault }: AssignmentDeps,
  instance: Ec2InstanceRecord,
  session: SessionRecord,
): PodAssignment["credentials"][number] {
  return {
    id: secretId(`credentials/${instance.id}`),
    roleArn: session.roleArn,
    accessKeyId: session.accessKeyId,
    secretAccessKey: vault.open(session.sealedSecret),
    token: session.token,
    expiresAt: session.expiresAt,
  };
}
