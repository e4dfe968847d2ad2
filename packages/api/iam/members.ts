import type * as sdk from "@aws-sdk/client-iam";
import type { RecordedMembers, RefusedMembers } from "../common/members.ts";

const SIGN_IN = "users do not sign in with passwords";
const ONE_ALIAS = "an account has one alias at most";
const NO_CREDENTIALS = "there are none, of whatever service";
const CHANGE = "users do not change their own passwords";

export const RECORDED: RecordedMembers<typeof sdk> = {
  CreateLoginProfile: { PasswordResetRequired: SIGN_IN },
  UpdateLoginProfile: { PasswordResetRequired: SIGN_IN },
  UpdateAccountPasswordPolicy: {
    AllowUsersToChangePassword: CHANGE,
    HardExpiry: SIGN_IN,
    MaxPasswordAge: SIGN_IN,
    PasswordReusePrevention: CHANGE,
  },
  SetSecurityTokenServicePreferences: {
    GlobalEndpointTokenVersion: "shown in the account summary: tokens are good in every region",
  },
  ListAccountAliases: { Marker: ONE_ALIAS, MaxItems: ONE_ALIAS },
  ListServiceSpecificCredentials: {
    Marker: NO_CREDENTIALS,
    MaxItems: NO_CREDENTIALS,
    ServiceName: NO_CREDENTIALS,
  },
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
