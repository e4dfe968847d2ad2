/**
 * The part of the Service Authorization Reference about accounts, credentials and identity providers, as
 * `service-authorization.ts`.
 */
export const IDENTITIES_REFERENCE = `
iam:AddClientIDToOpenIDConnectProvider oidc-provider*
iam:CreateAccountAlias
iam:CreateLoginProfile user*
iam:CreateOpenIDConnectProvider oidc-provider*
iam:CreateSAMLProvider saml-provider*
iam:CreateVirtualMFADevice mfa*
iam:DeactivateMFADevice user*
iam:DeleteAccountAlias
iam:DeleteAccountPasswordPolicy
iam:DeleteLoginProfile user*
iam:DeleteOpenIDConnectProvider oidc-provider*
iam:DeleteSAMLProvider saml-provider*
iam:DeleteSSHPublicKey user*
iam:DeleteServerCertificate server-certificate*
iam:DeleteSigningCertificate user*
iam:GetServerCertificate server-certificate*
iam:ListServerCertificateTags server-certificate*
iam:ListServerCertificates
iam:SetSecurityTokenServicePreferences
iam:TagServerCertificate server-certificate*
iam:UntagServerCertificate server-certificate*
iam:UpdateServerCertificate server-certificate*
iam:UploadServerCertificate server-certificate*
iam:DeleteVirtualMFADevice mfa
iam:EnableMFADevice user*
iam:GenerateCredentialReport
iam:GenerateServiceLastAccessedDetails group policy role user
iam:GetAccessKeyLastUsed user*
iam:GetAccountAuthorizationDetails
iam:GetAccountPasswordPolicy
iam:GetAccountSummary
iam:GetContextKeysForCustomPolicy
iam:GetContextKeysForPrincipalPolicy group role user
iam:GetCredentialReport
iam:GetLoginProfile user*
iam:GetOpenIDConnectProvider oidc-provider*
iam:GetSAMLProvider saml-provider*
iam:GetSSHPublicKey user*
iam:GetServiceLastAccessedDetails
iam:GetServiceLastAccessedDetailsWithEntities
iam:ListAccountAliases
iam:ListMFADeviceTags mfa*
iam:ListMFADevices user
iam:ListOpenIDConnectProviderTags oidc-provider*
iam:ListOpenIDConnectProviders
iam:ListPolicyTags policy*
iam:ListSAMLProviderTags saml-provider*
iam:ListSAMLProviders
iam:ListSSHPublicKeys user*
iam:ListServiceSpecificCredentials user
iam:ListSigningCertificates user*
iam:ListUserTags user*
iam:ListVirtualMFADevices
iam:RemoveClientIDFromOpenIDConnectProvider oidc-provider*
iam:ResyncMFADevice user*
iam:TagMFADevice mfa*
iam:TagOpenIDConnectProvider oidc-provider*
iam:TagSAMLProvider saml-provider*
iam:UntagMFADevice mfa*
iam:UntagOpenIDConnectProvider oidc-provider*
iam:UntagSAMLProvider saml-provider*
iam:UpdateAccountPasswordPolicy
iam:UpdateLoginProfile user*
iam:UpdateOpenIDConnectProviderThumbprint oidc-provider*
iam:UpdateRoleDescription role*
iam:UpdateSAMLProvider saml-provider*
iam:UpdateSSHPublicKey user*
iam:UpdateSigningCertificate user*
iam:UploadSSHPublicKey user*
iam:UploadSigningCertificate user*
sts:AssumeRoleWithSAML role*
sts:AssumeRoleWithWebIdentity role*
sts:DecodeAuthorizationMessage
sts:GetAccessKeyInfo
sts:GetFederationToken user
sts:GetSessionToken
sts:SetSourceIdentity role user
sts:TagSession role user
`;
