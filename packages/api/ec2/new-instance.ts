import { createHash } from "node:crypto";
import type * as ec2 from "@aws-sdk/client-ec2";
import {
  chooseHost,
  hostOf,
  type Ec2InstanceRecord,
  type InstanceProfileRecord,
  type Reader,
  type Tags,
  type Transaction,
} from "@gantry/state";
import { INSTANCE_SIZES } from "@gantry/state/instance-sizes";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { securityOf } from "./account-security.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { tagsFor } from "./filters.ts";
import { withImageDevices } from "./image-snapshots.ts";
import { findImage, type LaunchImage } from "./images.ts";
import { metadataSettings } from "./instance-metadata-options.ts";
import { instancesOf, presentReservation } from "./instances.ts";
import { unknownType } from "./instance-types.ts";
import { namedKeyPair } from "./key-pairs.ts";
import { addInterfaces, networkOf } from "./launch-network.ts";
import { invalidValue } from "./missing.ts";
import { launchGroupOf } from "./placement-groups.ts";
import { RECORDED_SETTINGS } from "./members-instances.ts";
import { addBlockVolumes, freeDeviceSlot } from "./new-devices.ts";
import { rootVolumeOf } from "./root-volume.ts";
import { launchInput } from "./template-launch.ts";

/** Source: EC2 User Guide, "Amazon EC2 service quotas"; more at once is not useful on one machine. */
const COUNT_MAX = 100;
/** Source: "Run commands when you launch an EC2 instance with user data input": 16 KB before it is encoded. */
const USER_DATA_BYTES_MAX = 16 * 1024;

/** Source: API_RunInstances. */
export function newInstanceOperations(deps: Ec2Deps) {
  return {
    RunInstances: (input, context) => runInstances(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function runInstances(
  deps: Ec2Deps,
  input: ec2.RunInstancesRequest,
  context: RequestContext,
): ec2.Reservation {
  const { store } = deps;
  const digest = createHash("sha256").update(JSON.stringify(input)).digest("hex");
  return store.transact((tx) => {
    const known = instancesOf(tx, context).filter(
      (each) => input.ClientToken !== undefined && each.clientToken === input.ClientToken,
    );
    if (known.some((each) => each.requestDigest !== digest))
      throw new ApiError(
        "IdempotentParameterMismatch",
        `Client token '${input.ClientToken}' was used with a request whose parameters differ.`,
      );
    if (known.length > 0) return presentReservation(tx, known);
    const launched = launch(tx, deps, context, { input: launchInput(tx, context, input), digest });
    return presentReservation(tx, launched);
  });
}

/** Everything that the instances of one request have in common. */
interface Launch {
  readonly input: ec2.RunInstancesRequest;
  readonly digest: string;
}

function launch(
  tx: Transaction,
  deps: Ec2Deps,
  context: RequestContext,
  { input: given, digest }: Launch,
): readonly Ec2InstanceRecord[] {
  const { ids, clock } = deps;
  const count = countOf(given);
  const image = findImage(tx, context, given.ImageId);
  const input = withImageDevices(given, image.own);
  const instanceType = input.InstanceType ?? "m1.small";
  if (!INSTANCE_SIZES.has(instanceType)) throw unknownType(instanceType);
  const network = networkOf(tx, context, { input, instanceType, count });
  const { subnet } = network;
  launchGroupOf(tx, context, input.Placement);
  const pair = input.KeyName === undefined ? undefined : namedKeyPair(tx, context, input.KeyName);
  const profile = profileOf(tx, context, input.IamInstanceProfile);
  const userData = checkedUserData(input.UserData);
  const now = clock.now();
  const common = {
    ...{ account: context.account, region: context.region, reservationId: `r-${ids.hex(17)}` },
    ...{ clientToken: input.ClientToken, requestDigest: digest, imageId: image.id, instanceType },
    ...{ keyName: pair?.name, publicKey: pair?.publicKey, vpcId: subnet.vpcId, subnetId: subnet.id },
    ...{ availabilityZone: subnet.availabilityZone, hasPublicAddress: network.isPublic, userData },
    metadataOptions: metadataSettings(input.MetadataOptions, image, securityOf(tx, context)),
    disableApiTermination: input.DisableApiTermination ?? false,
    disableApiStop: input.DisableApiStop ?? false,
    settings: settingsOf(input),
    ...{ state: "pending" as const, stateReason: undefined, transitionReason: "" },
    ...{ rebooting: false, halted: false, reachable: false, sessionId: undefined },
    ...{ launchedAt: now, terminatedAt: undefined, tags: tagsOf(input, "instance") },
    ...ownImageOf(image),
  };
  return Array.from({ length: count }, (_, launchIndex) => {
    const id = `i-${ids.hex(17)}`;
    const nodeId = hostFor(tx, image, subnet.availabilityZone);
    const deviceSlot = freeDeviceSlot(tx);
    const attachmentId = `eni-attach-${ids.hex(17)}`;
    const networkInterfaceId = addInterfaces(tx, deps, {
      ...{ instance: { id, nodeId }, attachmentId, network },
      tags: tagsOf(input, "network-interface"),
    });
    const volume = rootVolumeOf(
      tx,
      { input, image, instanceId: id, volumeId: `vol-${ids.hex(17)}` },
      subnet,
      now,
    );
    tx.put("volume", volume.id, { ...volume, tags: tagsOf(input, "volume") });
    const record: Ec2InstanceRecord = {
      ...{ ...common, id, launchIndex, nodeId, deviceSlot },
      ...{ networkInterfaceId, attachmentId, rootVolumeId: volume.id },
      profile: profile && { arn: profile.arn, associationId: `iip-assoc-${ids.hex(17)}` },
    };
    tx.put("ec2Instance", id, record);
    addBlockVolumes(tx, deps, { input, image, record, tags: tagsOf(input, "volume") });
    return record;
  });
}

/** The node of a new instance: that of its image, where an own image is stored. Errors: OperationNotPermitted. */
function hostFor(reader: Reader, { own }: LaunchImage, zone: string): string | undefined {
  if (own === undefined) return chooseHost(reader, [zone]);
  const snapshot = reader.get("snapshot", own.rootSnapshotId);
  const nodeId = snapshot === undefined ? undefined : hostOf(reader, snapshot);
  const served = reader.get("node", nodeId)?.zone;
  if (served !== undefined && served !== zone)
    throw new ApiError(
      "OperationNotPermitted",
      `The image ${own.id} is stored on a node of ${served}, not of ${zone}.`,
    );
  return nodeId;
}

function ownImageOf({ own }: LaunchImage): Pick<Ec2InstanceRecord, "ownImage"> {
  if (own === undefined) return {};
  const { rootSnapshotId, rootDevice, architecture } = own;
  return { ownImage: { rootSnapshotId, rootDevice, architecture } };
}

function countOf({ MinCount: min = 1, MaxCount: max = 1 }: ec2.RunInstancesRequest): number {
  if (min < 1) throw invalidValue(min, "minCount");
  if (max < min) throw invalidValue(max, "maxCount", "It must be at least minCount.");
  if (max > COUNT_MAX)
    throw new ApiError(
      "InstanceLimitExceeded",
      `You have requested more instances (${max}) than ${COUNT_MAX}.`,
    );
  return max;
}

/** The profile that a request names by its name or ARN. Errors: InvalidParameterValue. */
export function profileOf(
  reader: Reader,
  { account }: Place,
  given: ec2.IamInstanceProfileSpecification | undefined,
): InstanceProfileRecord | undefined {
  if (given?.Arn === undefined && given?.Name === undefined) return undefined;
  const found = reader
    .list("instanceProfile", `arn:aws:iam::${account}:instance-profile/`)
    .find((each) => (given.Arn === undefined ? each.name === given.Name : each.arn === given.Arn));
  if (found === undefined)
    throw given.Arn === undefined
      ? invalidValue(given.Name, "iamInstanceProfile.name", "Invalid IAM Instance Profile name")
      : invalidValue(given.Arn, "iamInstanceProfile.arn", "Invalid IAM Instance Profile ARN");
  return found;
}

/** Errors: InvalidParameterValue for what is no base64, or too much. */
export function checkedUserData(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text))
    throw new ApiError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data");
  if (Buffer.from(text, "base64").length > USER_DATA_BYTES_MAX)
    throw new ApiError("InvalidParameterValue", "User data is limited to 16384 bytes");
  return text;
}

function settingsOf(input: ec2.RunInstancesRequest): Ec2InstanceRecord["settings"] {
  return Object.fromEntries(
    RECORDED_SETTINGS.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])),
  );
}

/** The tags of one kind of resource that a request makes. */
function tagsOf({ TagSpecifications: given }: ec2.RunInstancesRequest, type: ec2.ResourceType): Tags {
  const types: readonly (string | undefined)[] = [
    "instance",
    "network-interface",
    "volume",
    "spot-instances-request",
  ];
  const wrong = given?.find((each) => !types.includes(each.ResourceType));
  return tagsFor(wrong === undefined ? given?.filter((each) => each.ResourceType === type) : [wrong], type);
}
