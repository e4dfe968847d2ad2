import { machineImages } from "@gantry/api/common/machine-images";
import type { Defaults, Send, Target } from "./targets.ts";
import { regional } from "./targets.ts";

/** Creates an instance, whose root volume is a resource too, and a key pair. */
export async function createInstances(
  send: Send,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const pair = await send("ec2", "CreateKeyPair", { KeyName: "prod", KeyType: "ed25519" });
  const { PlacementGroup } = await send("ec2", "CreatePlacementGroup", { GroupName: "prod" });
  const { GroupId: groupId } = PlacementGroup as { GroupId: string }; // As answered.
  const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
  const launch = { ImageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 };
  const { Instances } = await send("ec2", "RunInstances", launch);
  const data = { LaunchTemplateName: "prod", LaunchTemplateData: { ImageId, InstanceType: "t3.micro" } };
  const { LaunchTemplate } = await send("ec2", "CreateLaunchTemplate", data);
  const { LaunchTemplateId: templateId } = LaunchTemplate as { LaunchTemplateId: string }; // As answered.
  const [instance] = Instances as { InstanceId: string }[]; // As answered.
  const id = instance?.InstanceId ?? "";
  const parts = await createParts(send, launch);
  return {
    targets: [
      {
        kind: "instance",
        arns: [regional("ec2", `instance/${id}`)],
        family: regional("ec2", "instance/*"),
        spellings: [id],
      },
      ...parts.targets,
      ...(["keyPair", "keyPairId"] as const).map((kind) => ({
        kind,
        arns: [regional("ec2", "key-pair/prod")],
        family: regional("ec2", "key-pair/*"),
        spellings: [kind === "keyPair" ? "prod" : String(pair["KeyPairId"])],
      })),
      ...(["placementGroup", "placementGroupId"] as const).map((kind) => ({
        kind,
        arns: [regional("ec2", "placement-group/prod")],
        family: regional("ec2", "placement-group/*"),
        spellings: [kind === "placementGroup" ? "prod" : groupId],
      })),
      ...(["launchTemplate", "launchTemplateName"] as const).map((kind) => ({
        kind,
        arns: [regional("ec2", `launch-template/${templateId}`)],
        family: regional("ec2", "launch-template/*"),
        spellings: [kind === "launchTemplate" ? templateId : "prod"],
      })),
    ],
    defaults: {
      ...parts.defaults,
      "AttachVolume.InstanceId": id,
      "ModifyLaunchTemplate.DefaultVersion": "1",
      "DescribeLaunchTemplateVersions.Versions": ["$Latest"],
      "DeleteLaunchTemplateVersions.Versions": ["9"],
      "CreateLaunchTemplateVersion.LaunchTemplateData": { ImageId },
      "CreateLaunchTemplate.LaunchTemplateData": { ImageId },
      "RunInstances.ImageId": ImageId,
      "RunInstances.InstanceType": "t3.micro",
      "RunInstances.MinCount": 1,
      "RunInstances.MaxCount": 1,
      "DescribeInstanceAttribute.Attribute": "instanceType",
    },
  };
}

/** Creates an instance with an instance profile, which has no role. */
async function createAssociated(
  send: Send,
  launch: object,
): Promise<{ readonly associated: string; readonly associationId: string }> {
  await send("iam", "CreateInstanceProfile", { InstanceProfileName: "machine" });
  const { Instances } = await send("ec2", "RunInstances", launch);
  const associated = (Instances as { InstanceId: string }[])[0]?.InstanceId ?? ""; // As answered.
  const association = { InstanceId: associated, IamInstanceProfile: { Name: "machine" } };
  const { IamInstanceProfileAssociation: made } = await send(
    "ec2",
    "AssociateIamInstanceProfile",
    association,
  );
  const { AssociationId: associationId } = made as { AssociationId: string }; // As answered.
  return { associated, associationId };
}

/** Creates a volume, its snapshot, and an instance that an instance profile is associated with. */
async function createParts(
  send: Send,
  launch: object,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const { associated, associationId } = await createAssociated(send, launch);
  const AvailabilityZone = "eu-south-1a";
  const { VolumeId } = await send("ec2", "CreateVolume", { AvailabilityZone, Size: 1 });
  const { SnapshotId } = await send("ec2", "CreateSnapshot", { VolumeId });
  return {
    targets: [
      {
        kind: "profileAssociation",
        arns: [regional("ec2", `instance/${associated}`)],
        family: regional("ec2", "instance/*"),
        spellings: [associationId],
      },
      {
        kind: "volume",
        arns: [regional("ec2", `volume/${String(VolumeId)}`)],
        family: regional("ec2", "volume/*"),
        spellings: [String(VolumeId)],
      },
      {
        kind: "snapshot",
        arns: [`arn:aws:ec2:eu-south-1::snapshot/${String(SnapshotId)}`],
        family: "arn:aws:ec2:eu-south-1::snapshot/*",
        spellings: [String(SnapshotId)],
      },
    ],
    defaults: {
      VolumeId,
      "AttachVolume.Device": "/dev/sdf",
      "CreateVolume.AvailabilityZone": AvailabilityZone,
      "CreateVolume.Size": 1,
      "CopySnapshot.SourceRegion": "eu-south-1",
      "AssociateIamInstanceProfile.IamInstanceProfile": { Name: "machine" },
      "ReplaceIamInstanceProfileAssociation.IamInstanceProfile": { Name: "machine" },
    },
  };
}
