import type * as sdk from "@aws-sdk/client-ec2";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const DATA = "a version records it, and a launch with the version acts on it as RunInstances does";
const NO_MANAGED = "no launch template is managed by an operator";

export const TEMPLATE_RECORDED: RecordedMembers<typeof sdk> = {
  CreateLaunchTemplate: { LaunchTemplateData: DATA },
  CreateLaunchTemplateVersion: { LaunchTemplateData: DATA },
  ModifyLaunchTemplate: { ClientToken: "a request that is sent again changes nothing more" },
  DescribeLaunchTemplateVersions: { IncludeManagedResources: NO_MANAGED },
  DescribeLaunchTemplates: { IncludeManagedResources: NO_MANAGED },
};

export const TEMPLATE_REFUSED: RefusedMembers<typeof sdk> = {
  CreateLaunchTemplate: ["Operator"],
};
