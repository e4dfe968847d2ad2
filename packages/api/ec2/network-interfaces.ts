import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, NetworkInterfaceRecord, Reader } from "@gantry/state";
import { attachmentOf } from "@gantry/state/transactions/instance-interfaces";
import type { Implementation, RequestContext } from "@gantry/wire";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import {
  interfaceFields,
  interfaceTypeOf,
  privateDnsNameOf,
  publicDnsNameOf,
  statusOf,
} from "./filter-fields.ts";
import { applyFilters, selectById } from "./filters.ts";
import { presentAttachment } from "./instances.ts";

/** Network interfaces as the caller may see them. Source: API_DescribeNetworkInterfaces. */
export function interfaceOperations(deps: Ec2Deps) {
  return {
    DescribeNetworkInterfaces: (input, context) => describeNetworkInterfaces(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function describeNetworkInterfaces(
  { store }: Ec2Deps,
  input: ec2.DescribeNetworkInterfacesRequest,
  context: RequestContext,
): ec2.DescribeNetworkInterfacesResult {
  const all = store.list("networkInterface").filter((eni) => isIn(eni, context) && eni.type !== "warm");
  const chosen = selectById(
    all,
    input.NetworkInterfaceIds,
    (eni) => eni.id,
    (id) =>
      new ApiError("InvalidNetworkInterfaceID.NotFound", `The networkInterface ID '${id}' does not exist`),
  );
  return {
    NetworkInterfaces: applyFilters(chosen, input.Filters, interfaceFields(store)).map((eni) =>
      presentInterface(eni, store),
    ),
  };
}

/** The instance that an interface is attached to. */
export function instanceOf(reader: Reader, { owner }: NetworkInterfaceRecord): Ec2InstanceRecord | undefined {
  return owner.type === "instance" ? reader.get("ec2Instance", owner.key) : undefined;
}

/** An interface as EC2 shows it. */
export function presentInterface(eni: NetworkInterfaceRecord, reader: Reader): ec2.NetworkInterface {
  const dns = privateDnsNameOf(eni);
  const isUnused = eni.owner.type === "none";
  const instance = instanceOf(reader, eni);
  const elastic =
    eni.publicIp === undefined
      ? undefined
      : reader.list("elasticAddress").find((address) => address.networkInterfaceId === eni.id);
  const association =
    eni.publicIp === undefined
      ? undefined
      : {
          PublicIp: eni.publicIp,
          IpOwnerId: elastic === undefined ? "amazon" : eni.account,
          PublicDnsName: publicDnsNameOf(eni, reader) ?? "",
          ...(elastic === undefined
            ? {}
            : { AllocationId: elastic.allocationId, AssociationId: elastic.associationId }),
        };
  return {
    NetworkInterfaceId: eni.id,
    VpcId: eni.vpcId,
    SubnetId: eni.subnetId,
    AvailabilityZone: reader.get("subnet", eni.subnetId)?.availabilityZone,
    PrivateIpAddress: eni.privateIp,
    PrivateDnsName: dns,
    MacAddress: eni.mac,
    Status: statusOf(eni),
    // EC2 writes it with an underscore; the SDK's enum does not.
    InterfaceType: interfaceTypeOf(eni) as ec2.NetworkInterfaceType,
    Description: eni.description,
    OwnerId: eni.account,
    RequesterManaged: !isUnused && instance === undefined,
    Attachment: instance && {
      ...presentAttachment(attachmentOf(eni, instance)),
      InstanceId: instance.id,
      InstanceOwnerId: instance.account,
    },
    SourceDestCheck: eni.sourceDestCheck ?? true,
    Groups: eni.securityGroups.map((GroupId) => ({
      GroupId,
      GroupName: reader.get("securityGroup", GroupId)?.name,
    })),
    PrivateIpAddresses: [
      { Primary: true, PrivateIpAddress: eni.privateIp, PrivateDnsName: dns, Association: association },
      ...(eni.secondaryIps ?? []).map((PrivateIpAddress) => ({ Primary: false, PrivateIpAddress })),
    ],
    Association: association,
    TagSet: presentTags(eni.tags),
  };
}
