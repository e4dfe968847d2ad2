import type * as sdk from "@aws-sdk/client-ec2";
import { formatArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import type { Caller, Need, PermissionTable } from "../common/permissions.ts";
import { associatedInstance } from "./instance-profiles.ts";
import { findKeyPair } from "./key-pairs.ts";
import { defaultSecurityGroup, defaultVpcOf, securityGroupOf } from "./lookups.ts";
import { findPlacementGroup } from "./placement-groups.ts";
import { volumePermissions } from "./permissions-volumes.ts";
import { creating, each, need, tagging } from "./needs.ts";
import { namedLaunch } from "./template-launch.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function instancePermissions(store: Reader) {
  return {
    CreateKeyPair: creating("CreateKeyPair", "key-pair"),
    ImportKeyPair: creating("ImportKeyPair", "key-pair"),
    DescribeKeyPairs: "*",
    DeleteKeyPair: (input, place) => [
      need("key-pair", keyPairNameOf(store, place, { name: input.KeyName, id: input.KeyPairId }), place),
    ],
    ...imagePermissions(store),
    DescribeInstanceTypes: "*",
    DescribeInstanceTypeOfferings: "*",
    RunInstances: (input, place) => launchNeeds(store, input, place),
    DescribeInstances: "*",
    DescribeInstanceStatus: "*",
    DescribeInstanceCreditSpecifications: "*",
    DescribeVolumes: "*",
    ...volumePermissions(),
    AssociateIamInstanceProfile: (input, place) => [
      need("instance", input.InstanceId, place),
      ...passedRole(store, input.IamInstanceProfile, place),
    ],
    DisassociateIamInstanceProfile: (input, place) => [associationNeed(store, input, place)],
    ReplaceIamInstanceProfileAssociation: (input, place) => [
      associationNeed(store, input, place),
      ...passedRole(store, input.IamInstanceProfile, place),
    ],
    DescribeIamInstanceProfileAssociations: "*",
    MonitorInstances: ofInstances,
    UnmonitorInstances: ofInstances,
    ModifyInstanceCreditSpecification: (input, place) =>
      each(
        "instance",
        (input.InstanceCreditSpecifications ?? []).flatMap(({ InstanceId: id }) => id ?? []),
        place,
      ),
    DescribeInstanceAttribute: ofInstance,
    ModifyInstanceMetadataOptions: ofInstance,
    ModifyInstanceMaintenanceOptions: ofInstance,
    ReportInstanceStatus: (input, place) => each("instance", input.Instances, place),
    GetConsoleOutput: ofInstance,
    ModifyInstanceAttribute: (input, place) => [
      need("instance", input.InstanceId, place),
      ...each("security-group", input.Groups, place),
    ],
    StartInstances: ofInstances,
    StopInstances: ofInstances,
    RebootInstances: ofInstances,
    TerminateInstances: ofInstances,
  } satisfies PermissionTable<typeof sdk>;
}

function imagePermissions(store: Reader) {
  return {
    CreatePlacementGroup: (input, place) => [
      need("placement-group", input.GroupName, place),
      ...tagging("CreatePlacementGroup", input, place),
    ],
    DescribePlacementGroups: "*",
    DeletePlacementGroup: (input, place) => [need("placement-group", input.GroupName, place)],
    DescribeImages: "*",
    CreateImage: (input, place) => [
      need("image", undefined, place),
      need("instance", input.InstanceId, place),
      need("snapshot", undefined, place),
      ...tagging("CreateImage", input, place),
    ],
    RegisterImage: (input, place) => [
      need("image", undefined, place),
      ...each(
        "snapshot",
        (input.BlockDeviceMappings ?? []).flatMap(({ Ebs: ebs }) => ebs?.SnapshotId ?? []),
        place,
      ),
      ...tagging("RegisterImage", input, place),
    ],
    CopyImage: (input, place) => [
      { resource: imageArnOf(input.SourceRegion ?? place.region, input.SourceImageId) },
      need("image", undefined, place),
      need("snapshot", undefined, place),
      ...tagging("CopyImage", input, place),
    ],
    DeregisterImage: (input, place) => [
      need("image", input.ImageId, place),
      ...(input.DeleteAssociatedSnapshots === true ? snapshotDeletions(store, input.ImageId, place) : []),
    ],
  } satisfies PermissionTable<typeof sdk>;
}

/** The account of an image is left out of its ARN. */
function imageArnOf(region: string, id: Given): string {
  return `arn:aws:ec2:${region}::image/${id ?? "*"}`;
}

/** The snapshots of an image are deleted with it by whoever may delete them. */
function snapshotDeletions(store: Reader, imageId: Given, place: Caller): readonly Need[] {
  const image = within(store.get("machineImage", imageId), place);
  return (image?.mappings ?? []).flatMap(({ snapshotId }) =>
    snapshotId === undefined
      ? []
      : [{ action: "ec2:DeleteSnapshot", ...need("snapshot", snapshotId, place) }],
  );
}

function ofInstance(input: { InstanceId?: Given }, place: Caller): readonly Need[] {
  return [need("instance", input.InstanceId, place)];
}

function ofInstances(input: { InstanceIds?: readonly string[] | undefined }, place: Caller): readonly Need[] {
  return each("instance", input.InstanceIds, place);
}

/** The instance of an association. */
function associationNeed(store: Reader, input: { AssociationId?: Given }, place: Caller): Need {
  return need("instance", associatedInstance(store, place, input.AssociationId)?.id, place);
}

/** A key pair is named by its name in ARNs. */
function keyPairNameOf(
  store: Reader,
  place: Place,
  named: { readonly name: Given; readonly id: Given },
): Given {
  return named.id === undefined ? named.name : findKeyPair(store, place, named)?.name;
}

/** A launch template adds its own parameters: what they name needs the same permissions as in the request. */
export function launchNeeds(store: Reader, given: sdk.RunInstancesRequest, place: Caller): readonly Need[] {
  const { input, template } = namedLaunch(store, place, given);
  // An interface that exists brings its subnet and its groups along.
  const existing = (input.NetworkInterfaces ?? []).flatMap(
    ({ NetworkInterfaceId: id }) => within(store.get("networkInterface", id), place) ?? [],
  );
  const subnets = [
    input.SubnetId,
    ...(input.NetworkInterfaces ?? []).map((eni) => eni.SubnetId),
    ...existing.map((eni) => eni.subnetId),
  ];
  const known = subnets.filter((id) => id !== undefined);
  const vpcId = store.get("subnet", known[0])?.vpcId ?? defaultVpcOf(store, place)?.id;
  const groups = [
    ...(input.SecurityGroupIds ?? []),
    ...(input.NetworkInterfaces ?? []).flatMap((eni) => eni.Groups ?? []),
    ...existing.flatMap((eni) => eni.securityGroups),
    ...(input.SecurityGroups ?? []).map((GroupName) => securityGroupOf(store, place, { GroupName })?.id),
  ];
  const fallback = vpcId === undefined ? undefined : defaultSecurityGroup(store, vpcId)?.id;
  return [
    { resource: imageArnOf(place.region, input.ImageId) },
    need("instance", undefined, place),
    ...interfaceNeeds(input, place),
    need("volume", undefined, place),
    ...(known.length === 0 ? [need("subnet", undefined, place)] : each("subnet", known, place)),
    ...(groups.length === 0 ? [fallback] : groups).map((id) => need("security-group", id, place)),
    ...(input.KeyName === undefined ? [] : [need("key-pair", input.KeyName, place)]),
    ...groupNeeds(store, input, place),
    ...(given.LaunchTemplate === undefined ? [] : [need("launch-template", template?.id, place)]),
    ...passedRole(store, input.IamInstanceProfile, place),
    ...tagging("RunInstances", { TagSpecifications: ownTags(input) }, place),
  ];
}

/** The placement group, by its name or its id. */
function groupNeeds(
  store: Reader,
  { Placement: placement }: sdk.RunInstancesRequest,
  place: Caller,
): readonly Need[] {
  const [name, id] = [placement?.GroupName || undefined, placement?.GroupId || undefined];
  if (name === undefined && id === undefined) return [];
  return [need("placement-group", name ?? findPlacementGroup(store, place, { id })?.name, place)];
}

/** The interfaces that exist, and those that are created. */
function interfaceNeeds(
  { NetworkInterfaces: given = [] }: sdk.RunInstancesRequest,
  place: Caller,
): readonly Need[] {
  const existing = given.flatMap(({ NetworkInterfaceId: id }) => id ?? []);
  const isMade = given.length === 0 || existing.length < given.length;
  return [
    ...each("network-interface", existing, place),
    ...(isMade ? [need("network-interface", undefined, place)] : []),
  ];
}

/** The tags that the caller asks for: AWS's own on an instance of a launch template need no permission. */
function ownTags({ TagSpecifications: given = [] }: sdk.RunInstancesRequest): sdk.TagSpecification[] {
  return given.map((each) => ({
    ...each,
    Tags: (each.Tags ?? []).filter(({ Key = "" }) => !Key.startsWith("aws:ec2launchtemplate:")),
  }));
}

/** Source: EC2 User Guide, "Grant permissions to attach an IAM role to an instance". */
export function passedRole(
  store: Reader,
  given: sdk.IamInstanceProfileSpecification | undefined,
  place: Place,
): readonly Need[] {
  if (given?.Arn === undefined && given?.Name === undefined) return [];
  const profile = store
    .list("instanceProfile", `arn:aws:iam::${place.account}:instance-profile/`)
    .find((each) => (given.Arn === undefined ? each.name === given.Name : each.arn === given.Arn));
  if (profile?.roleArn === undefined) return [];
  return [
    {
      action: "iam:PassRole",
      resource: profile.roleArn,
      conditions: {
        "iam:PassedToService": "ec2.amazonaws.com",
        "iam:AssociatedResourceArn": formatArn("ec2", place, "instance/*"),
      },
    },
  ];
}
