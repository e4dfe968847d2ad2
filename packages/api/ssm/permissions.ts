import type * as sdk from "@aws-sdk/client-ssm";
import { parameterArn } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { documentArn } from "./documents.ts";
import { parameterArnOf } from "./lookups.ts";
import { settingArn } from "./service-settings.ts";

type Given = string | undefined;

const setting = (input: { SettingId?: Given }, place: Caller): readonly Need[] =>
  on(settingArn(place, input.SettingId));
const document = (input: { Name?: Given }, place: Caller): readonly Need[] =>
  on(documentArn(place, input.Name));
const documentPermissions = {
  CreateDocument: (input, place) => {
    const resource = documentArn(place, input.Name);
    return [{ resource }, ...tagOnCreate(input.Tags, { action: "ssm:AddTagsToResource", resource })];
  },
  UpdateDocument: document,
  UpdateDocumentDefaultVersion: document,
  DeleteDocument: document,
  DescribeDocument: document,
  DescribeDocumentPermission: document,
  GetDocument: document,
  ListDocumentVersions: document,
  ListDocuments: "*",
} satisfies PermissionTable<typeof sdk>;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Systems Manager". */
export function ssmPermissions() {
  const named = (input: { Name?: Given }, place: Caller): readonly Need[] =>
    on(parameterArnOf(place, input.Name));
  const ofNames = (input: { Names?: readonly string[] | undefined }, place: Caller): readonly Need[] =>
    on(...new Set((input.Names ?? []).map((name) => parameterArnOf(place, name))));
  const tagged = (input: { ResourceType?: Given; ResourceId?: Given }, place: Caller): readonly Need[] =>
    on(
      input.ResourceType === "Document"
        ? documentArn(place, input.ResourceId)
        : parameterArn(place, input.ResourceId ?? ""),
    );
  return {
    PutParameter: (input, place) => {
      const resource = parameterArn(place, input.Name ?? "");
      return [{ resource }, ...tagOnCreate(input.Tags, { action: "ssm:AddTagsToResource", resource })];
    },
    GetParameter: named,
    GetParameters: ofNames,
    GetParametersByPath: (input, place) =>
      on(parameterArnOf(place, (input.Path ?? "").replace(/(.)\/$/, "$1"))),
    DescribeParameters: "*",
    GetParameterHistory: named,
    LabelParameterVersion: named,
    UnlabelParameterVersion: named,
    DeleteParameter: named,
    DeleteParameters: ofNames,
    AddTagsToResource: tagged,
    RemoveTagsFromResource: tagged,
    ListTagsForResource: tagged,
    ...documentPermissions,
    GetServiceSetting: setting,
    UpdateServiceSetting: setting,
    ResetServiceSetting: setting,
  } satisfies PermissionTable<typeof sdk>;
}
