import type * as ec2 from "@aws-sdk/client-ec2";
import type { Ec2InstanceRecord, InstanceState } from "@gantry/state";
import { machineImages } from "../common/machine-images.ts";

/** Source: API_InstanceState. */
const STATE_CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export function presentState(state: InstanceState): ec2.InstanceState {
  return { Code: STATE_CODES[state], Name: state };
}

export function rootDeviceOf({ region, imageId, ownImage }: Ec2InstanceRecord): string {
  if (ownImage !== undefined) return ownImage.rootDevice;
  return machineImages(region).find((image) => image.id === imageId)?.rootDevice ?? "/dev/xvda";
}
