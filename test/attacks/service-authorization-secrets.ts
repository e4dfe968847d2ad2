/** The part of the Service Authorization Reference about secrets, parameters and keys, as `service-authorization.ts`. */
export const SECRETS_REFERENCE = `
kms:CancelKeyDeletion key*
kms:CreateAlias alias* key*
kms:CreateGrant key*
kms:CreateKey
kms:Decrypt key*
kms:DeleteAlias alias* key
kms:DescribeKey key*
kms:DisableKey key*
kms:DisableKeyRotation key*
kms:EnableKey key*
kms:EnableKeyRotation key*
kms:Encrypt key*
kms:GenerateDataKey key*
kms:GenerateDataKeyPair key*
kms:GenerateDataKeyPairWithoutPlaintext key*
kms:GenerateDataKeyWithoutPlaintext key*
kms:GenerateMac key*
kms:GenerateRandom
kms:GetKeyPolicy key*
kms:GetKeyRotationStatus key*
kms:GetPublicKey key*
kms:ListAliases
kms:ListGrants key*
kms:ListKeyPolicies key*
kms:ListKeyRotations key*
kms:ListKeys
kms:ListResourceTags key*
kms:ListRetirableGrants
kms:PutKeyPolicy key*
kms:ReEncryptFrom key*
kms:ReEncryptTo key*
kms:RetireGrant key*
kms:RevokeGrant key*
kms:RotateKeyOnDemand key*
kms:ScheduleKeyDeletion key*
kms:Sign key*
kms:TagResource key*
kms:UntagResource key*
kms:UpdateAlias alias* key*
kms:UpdateKeyDescription key*
kms:Verify key*
kms:VerifyMac key*
secretsmanager:BatchGetSecretValue
secretsmanager:CancelRotateSecret secret*
secretsmanager:CreateSecret secret*
secretsmanager:DeleteResourcePolicy secret*
secretsmanager:DeleteSecret secret*
secretsmanager:DescribeSecret secret*
secretsmanager:GetRandomPassword
secretsmanager:GetResourcePolicy secret*
secretsmanager:GetSecretValue secret*
secretsmanager:ListSecretVersionIds secret*
secretsmanager:ListSecrets
secretsmanager:PutResourcePolicy secret*
secretsmanager:PutSecretValue secret*
secretsmanager:RestoreSecret secret*
secretsmanager:RotateSecret secret*
secretsmanager:TagResource secret*
secretsmanager:UntagResource secret*
secretsmanager:UpdateSecret secret*
secretsmanager:UpdateSecretVersionStage secret*
secretsmanager:ValidateResourcePolicy secret*
ssm:AddTagsToResource parameter
ssm:DeleteParameter parameter*
ssm:DeleteParameters parameter*
ssm:DescribeParameters
ssm:GetParameter parameter*
ssm:GetParameterHistory parameter*
ssm:GetParameters parameter*
ssm:GetParametersByPath parameter*
ssm:LabelParameterVersion parameter*
ssm:ListTagsForResource parameter
ssm:PutParameter parameter*
ssm:RemoveTagsFromResource parameter
ssm:UnlabelParameterVersion parameter*
`;
