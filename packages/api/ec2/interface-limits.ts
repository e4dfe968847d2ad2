import type { NetworkInterfaceRecord } from "@gantry/state";
import { instanceSize } from "@gantry/state/instance-sizes";
import { ApiError } from "./api-error.ts";

/**
 * The most interfaces of an instance, by its type.
 * Source: EC2 User Guide, "Maximum IP addresses per network interface".
 */
export function interfacesMax(instanceType: string): number {
  const { vcpus, memoryMiB, isBurstable } = instanceSize(instanceType);
  if (vcpus >= 16) return 8;
  if (vcpus >= 4) return 4;
  if (!isBurstable) return vcpus === 1 ? 2 : 3;
  return memoryMiB <= 1_024 ? 2 : 3;
}

/** Errors: AttachmentLimitExceeded. */
export function checkInterfaceCount(instanceType: string, count: number): void {
  if (count > interfacesMax(instanceType))
    throw new ApiError(
      "AttachmentLimitExceeded",
      `Interface count ${count} exceeds the limit for ${instanceType}`,
    );
}

/** An interface that no instance has. Errors: InvalidNetworkInterface.InUse. */
export function checkUnused(eni: NetworkInterfaceRecord): NetworkInterfaceRecord {
  if (eni.owner.type !== "none")
    throw new ApiError("InvalidNetworkInterface.InUse", `Interface: [${eni.id}] in use.`);
  return eni;
}

/** The error when an interface and its instance are in different availability zones. */
export function otherZone(): ApiError {
  return new ApiError(
    "InvalidParameterCombination",
    "You may not attach a network interface to an instance if they are not in the same availability zone",
  );
}
