import type * as sdk from "@aws-sdk/client-ec2";
import type { Reader } from "@gantry/state";
import type { Caller, Need, PermissionTable } from "../common/permissions.ts";
import { creating, need } from "./needs.ts";
import { templateNamed, type TemplateName } from "./launch-template-lookups.ts";

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2". */
export function templatePermissions(store: Reader) {
  const ofTemplate = (input: TemplateName, place: Caller): readonly Need[] => [
    need("launch-template", templateNamed(store, place, input)?.id ?? input.LaunchTemplateId, place),
  ];
  return {
    CreateLaunchTemplate: creating("CreateLaunchTemplate", "launch-template"),
    CreateLaunchTemplateVersion: ofTemplate,
    ModifyLaunchTemplate: ofTemplate,
    DeleteLaunchTemplate: ofTemplate,
    DeleteLaunchTemplateVersions: ofTemplate,
    DescribeLaunchTemplates: "*",
    DescribeLaunchTemplateVersions: "*",
    GetLaunchTemplateData: (input, place) => [need("instance", input.InstanceId, place)],
  } satisfies PermissionTable<typeof sdk>;
}
