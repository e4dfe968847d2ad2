import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, NetworkInterfaceRecord, Reader } from "@gantry/state";
import {
  attachInterface,
  attachmentOf,
  interfacesOf,
  type AttachedInterfaceRecord,
} from "@gantry/state/transactions/instance-interfaces";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { findInstance } from "./instances.ts";
import { checkInterfaceCount, checkUnused, otherZone } from "./interface-limits.ts";
import { invalidValue } from "./missing.ts";
import { findOwnInterface } from "./own-interfaces.ts";

/** Interfaces of instances besides the primary one. Source: API_AttachNetworkInterface, API_DetachNetworkInterface. */
export function interfaceAttachmentOperations(deps: Ec2Deps) {
  return {
    AttachNetworkInterface: (input, context) => attachNetworkInterface(deps, input, context),
    DetachNetworkInterface: (input, context) => detachNetworkInterface(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function attachNetworkInterface(
  { store, ids, clock }: Ec2Deps,
  input: ec2.AttachNetworkInterfaceRequest,
  context: RequestContext,
): ec2.AttachNetworkInterfaceResult {
  if ((input.NetworkCardIndex ?? 0) !== 0) throw invalidValue(input.NetworkCardIndex, "networkCardIndex");
  const id = `eni-attach-${ids.hex(17)}`;
  store.transact((tx) => {
    const eni = checkUnused(findOwnInterface(tx, context, input.NetworkInterfaceId));
    const instance = findInstance(tx, context, input.InstanceId);
    checkPlaces(tx, eni, instance);
    if (instance.state !== "running" && instance.state !== "stopped")
      throw new ApiError(
        "IncorrectInstanceState",
        `The instance '${instance.id}' is ${instance.state}: interfaces are attached while it runs or is stopped.`,
      );
    const present = interfacesOf(tx, instance);
    const { DeviceIndex: deviceIndex } = input;
    if (deviceIndex === undefined || deviceIndex < 0) throw invalidValue(deviceIndex, "deviceIndex");
    if (present.some(({ attachment }) => attachment.deviceIndex === deviceIndex))
      throw new ApiError(
        "InvalidParameterValue",
        `Instance '${instance.id}' already has an interface attached at device index '${deviceIndex}'.`,
      );
    checkInterfaceCount(instance.instanceType, present.length + 1);
    if (deviceIndex > DEVICE_INDEX_MAX) throw invalidValue(deviceIndex, "deviceIndex");
    attachInterface(tx, eni, instance, {
      ...{ id, deviceIndex, attachedAt: clock.now(), deleteOnTermination: false },
    });
  });
  return { AttachmentId: id, NetworkCardIndex: 0 };
}

/** Interfaces of the largest types have lower indexes. */
const DEVICE_INDEX_MAX = 15;

/** Errors: InvalidParameterCombination. */
function checkPlaces(reader: Reader, eni: NetworkInterfaceRecord, instance: Ec2InstanceRecord): void {
  if (reader.get("subnet", eni.subnetId)?.availabilityZone !== instance.availabilityZone) throw otherZone();
  if (eni.vpcId !== instance.vpcId)
    throw new ApiError(
      "InvalidParameterCombination",
      "Gantry attaches interfaces of one VPC to an instance.",
    );
}

function detachNetworkInterface(
  { store }: Ec2Deps,
  input: ec2.DetachNetworkInterfaceRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const { attachment, ...eni } = findAttachment(tx, context, input.AttachmentId);
    if (attachment.deviceIndex === 0)
      throw new ApiError(
        "OperationNotPermitted",
        "The network interface at device index 0 and networkCard index 0 cannot be detached.",
      );
    tx.put("networkInterface", eni.id, { ...eni, attachment: { ...attachment, state: "detaching" } });
  });
  return {};
}

/** The interface with an attachment of the place; undefined where there is none. */
export function attachedAs(
  reader: Reader,
  place: Place,
  attachmentId: string | undefined,
): AttachedInterfaceRecord | undefined {
  for (const eni of reader.list("networkInterface")) {
    if (eni.owner.type !== "instance" || !isIn(eni, place)) continue;
    const instance = reader.get("ec2Instance", eni.owner.key);
    if (instance === undefined) continue;
    const attachment = attachmentOf(eni, instance);
    if (attachment.id === attachmentId) return { ...eni, attachment };
  }
  return undefined;
}

/** Errors: InvalidAttachmentID.NotFound. */
export function findAttachment(
  reader: Reader,
  place: Place,
  attachmentId: string | undefined,
): AttachedInterfaceRecord {
  const found = attachedAs(reader, place, attachmentId);
  if (found === undefined)
    throw new ApiError(
      "InvalidAttachmentID.NotFound",
      `An attachment with ID '${attachmentId}' does not exist`,
    );
  return found;
}
