import type * as sdk from "@aws-sdk/client-iam";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

export const RECORDED: RecordedMembers<typeof sdk> = {
  ListAccessKeys: { Marker: "the list has one page" },
  ListInstanceProfileTags: { Marker: "the list has one page" },
  ListRoleTags: { Marker: "the list has one page" },
  ListUserTags: { Marker: "the list has one page" },
  ListPolicyTags: { Marker: "the list has one page" },
  ListServiceSpecificCredentials: { ServiceName: "there are none, of whatever service" },
  SimulatePrincipalPolicy: {
    "ContextEntries.ContextKeyType": "values are read as the operator of a condition reads them",
  },
  SimulateCustomPolicy: {
    "ContextEntries.ContextKeyType": "values are read as the operator of a condition reads them",
  },
};

export const REFUSED: RefusedMembers<typeof sdk> = {
  SimulatePrincipalPolicy: ["PolicyExclusionList"],
  CreateSAMLProvider: ["AssertionEncryptionMode", "AddPrivateKey"],
  UpdateSAMLProvider: ["AssertionEncryptionMode", "AddPrivateKey", "RemovePrivateKey"],
  SimulateCustomPolicy: ["OrderedOrganizationPolicyInputList"],
};
