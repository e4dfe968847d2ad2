import { machineImages } from "@gantry/api/common/machine-images";
import type { Defaults, Send, Target } from "./targets.ts";
import { regional } from "./targets.ts";

/** Creates an instance, whose root volume is a resource too, and a key pair. */
export async function createInstances(
  send: Send,
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const pair = await send("ec2", "CreateKeyPair", { KeyName: "prod", KeyType: "ed25519" });
  const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
  const launch = { ImageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 };
  const { Instances } = await send("ec2", "RunInstances", launch);
  const data = { LaunchTemplateName: "prod", LaunchTemplateData: { ImageId, InstanceType: "t3.micro" } };
  const { LaunchTemplate } = await send("ec2", "CreateLaunchTemplate", data);
  const { LaunchTemplateId: templateId } = LaunchTemplate as { LaunchTemplateId: string }; // As answered.
  const [instance] = Instances as { InstanceId: string }[]; // As answered.
  const id = instance?.InstanceId ?? "";
  return {
    targets: [
      {
        kind: "instance",
        arns: [regional("ec2", `instance/${id}`)],
        family: regional("ec2", "instance/*"),
        spellings: [id],
      },
      ...(["keyPair", "keyPairId"] as const).map((kind) => ({
        kind,
        arns: [regional("ec2", "key-pair/prod")],
        family: regional("ec2", "key-pair/*"),
        spellings: [kind === "keyPair" ? "prod" : String(pair["KeyPairId"])],
      })),
      ...(["launchTemplate", "launchTemplateName"] as const).map((kind) => ({
        kind,
        arns: [regional("ec2", `launch-template/${templateId}`)],
        family: regional("ec2", "launch-template/*"),
        spellings: [kind === "launchTemplate" ? templateId : "prod"],
      })),
    ],
    defaults: {
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
