import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, Reader } from "@gantry/state";
import { machineImages } from "../common/machine-images.ts";
import { interfacesOf, type AttachedInterfaceRecord } from "@gantry/state/transactions/instance-interfaces";
import { privateDnsNameOf, publicDnsNameOf } from "./filter-fields.ts";
import type { FilterFields } from "./filters.ts";
import { presentState, rootDeviceOf } from "./instance-parts.ts";

/** The values of filters that describe properties which no instance here has. */
const none = () => undefined;

/** Source: API_DescribeInstances. */
export function instanceFields(reader: Reader): FilterFields<Ec2InstanceRecord> {
  return { ...ownFields(), ...networkFields(reader), ...deviceFields(reader) };
}

function ownFields(): FilterFields<Ec2InstanceRecord> {
  const optionsOf = ({ metadataOptions }: Ec2InstanceRecord) => metadataOptions;
  return {
    affinity: none,
    architecture: ({ region, imageId, ownImage }) =>
      ownImage?.architecture ?? machineImages(region).find((image) => image.id === imageId)?.architecture,
    "availability-zone": (instance) => instance.availabilityZone,
    "client-token": (instance) => instance.clientToken,
    "host-id": none,
    hypervisor: () => "xen",
    "iam-instance-profile.arn": (instance) => instance.profile?.arn,
    "image-id": (instance) => instance.imageId,
    "instance-id": (instance) => instance.id,
    "instance-lifecycle": none,
    "instance-state-code": (instance) => String(presentState(instance.state).Code),
    "instance-state-name": (instance) => instance.state,
    "instance-type": (instance) => instance.instanceType,
    "kernel-id": none,
    "key-name": (instance) => instance.keyName,
    "launch-index": (instance) => String(instance.launchIndex),
    "launch-time": (instance) => new Date(instance.launchedAt).toISOString(),
    "metadata-options.http-endpoint": (instance) => optionsOf(instance).httpEndpoint,
    "metadata-options.http-put-response-hop-limit": (instance) => String(optionsOf(instance).hopLimit),
    "metadata-options.http-tokens": (instance) => optionsOf(instance).httpTokens,
    "monitoring-state": ({ settings }) =>
      JSON.stringify(settings["Monitoring"] ?? null).includes("true") ? "enabled" : "disabled",
    "owner-id": (instance) => instance.account,
    "placement-group-name": ({ settings }) => placementOf(settings)?.GroupName,
    platform: none,
    "product-code": none,
    "ramdisk-id": none,
    "requester-id": none,
    "reservation-id": (instance) => instance.reservationId,
    "root-device-name": rootDeviceOf,
    "root-device-type": () => "ebs",
    "spot-instance-request-id": none,
    "state-reason-code": (instance) => instance.stateReason?.code,
    "state-reason-message": (instance) => instance.stateReason?.message,
    reason: (instance) => instance.transitionReason,
    tenancy: () => "default",
    "virtualization-type": () => "hvm",
  };
}

function placementOf(settings: Ec2InstanceRecord["settings"]): ec2.Placement | undefined {
  return settings["Placement"] as ec2.Placement | undefined; // As RunInstances takes it.
}

function networkFields(reader: Reader): FilterFields<Ec2InstanceRecord> {
  const eniOf = (instance: Ec2InstanceRecord) => reader.get("networkInterface", instance.networkInterfaceId);
  const groups = (instance: Ec2InstanceRecord) => eniOf(instance)?.securityGroups;
  const names = (instance: Ec2InstanceRecord) =>
    groups(instance)?.flatMap((id) => reader.get("securityGroup", id)?.name ?? []);
  const publicIp = (instance: Ec2InstanceRecord) => eniOf(instance)?.publicIp;
  const privateIp = (instance: Ec2InstanceRecord) => eniOf(instance)?.privateIp;
  return {
    "dns-name": (instance) => {
      const eni = eniOf(instance);
      return eni && publicDnsNameOf(eni, reader);
    },
    "group-id": groups,
    "group-name": names,
    "instance.group-id": groups,
    "instance.group-name": names,
    "ip-address": publicIp,
    "private-ip-address": privateIp,
    "private-dns-name": (instance) => {
      const eni = eniOf(instance);
      return eni && privateDnsNameOf(eni);
    },
    "source-dest-check": (instance) => String(eniOf(instance)?.sourceDestCheck ?? true),
    "subnet-id": (instance) => instance.subnetId,
    "vpc-id": (instance) => instance.vpcId,
    ...interfaceFields(reader),
  };
}

/** The filters that look at every interface of an instance. */
function interfaceFields(reader: Reader): FilterFields<Ec2InstanceRecord> {
  const each =
    (value: (eni: AttachedInterfaceRecord) => string | undefined) => (instance: Ec2InstanceRecord) =>
      interfacesOf(reader, instance).flatMap((eni) => value(eni) ?? []);
  const groups = (instance: Ec2InstanceRecord) =>
    interfacesOf(reader, instance).flatMap((eni) => eni.securityGroups);
  return {
    "network-interface.addresses.private-ip-address": each((eni) => eni.privateIp),
    "network-interface.addresses.association.public-ip": each((eni) => eni.publicIp),
    "network-interface.association.public-ip": each((eni) => eni.publicIp),
    "network-interface.attachment.attachment-id": each(({ attachment }) => attachment.id),
    "network-interface.attachment.delete-on-termination": each(({ attachment }) =>
      String(attachment.deleteOnTermination),
    ),
    "network-interface.attachment.device-index": each(({ attachment }) => String(attachment.deviceIndex)),
    "network-interface.attachment.status": each(({ attachment }) => attachment.state ?? "attached"),
    "network-interface.description": each((eni) => eni.description),
    "network-interface.group-id": groups,
    "network-interface.group-name": (instance) =>
      groups(instance).flatMap((id) => reader.get("securityGroup", id)?.name ?? []),
    "network-interface.mac-address": each((eni) => eni.mac),
    "network-interface.network-interface-id": each((eni) => eni.id),
    "network-interface.subnet-id": each((eni) => eni.subnetId),
    "network-interface.vpc-id": each((eni) => eni.vpcId),
  };
}

function deviceFields(reader: Reader): FilterFields<Ec2InstanceRecord> {
  const attached = ({ id }: Ec2InstanceRecord) =>
    reader.list("volume").filter(({ attachment }) => attachment?.instanceId === id);
  return {
    "block-device-mapping.attach-time": (instance) =>
      attached(instance).map(({ attachment }) => new Date(attachment?.attachedAt ?? 0).toISOString()),
    "block-device-mapping.delete-on-termination": (instance) =>
      attached(instance).map(({ attachment }) => String(attachment?.deleteOnTermination)),
    "block-device-mapping.device-name": (instance) =>
      attached(instance).flatMap(({ attachment }) => attachment?.device ?? []),
    "block-device-mapping.status": (instance) => attached(instance).map(() => "attached"),
    "block-device-mapping.volume-id": (instance) => attached(instance).map((volume) => volume.id),
  };
}
