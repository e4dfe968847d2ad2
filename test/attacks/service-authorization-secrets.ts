/**
 * The part of the Service Authorization Reference about secrets, parameters, keys, queues and zones, as
 * `service-authorization.ts`.
 */
export const SECRETS_REFERENCE = `
kms:CancelKeyDeletion key*
kms:CreateAlias alias* key*
kms:CreateGrant key*
kms:CreateKey
kms:Decrypt key*
kms:DeleteAlias alias* key
kms:DeleteImportedKeyMaterial key*
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
kms:GetParametersForImport key*
kms:GetPublicKey key*
kms:ImportKeyMaterial key*
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
route53:AssociateVPCWithHostedZone hostedzone*
route53:ChangeResourceRecordSets hostedzone*
route53:ChangeTagsForResource healthcheck hostedzone
route53:CreateHealthCheck
route53:CreateHostedZone
route53:CreateVPCAssociationAuthorization hostedzone*
route53:DeleteHealthCheck healthcheck*
route53:DeleteHostedZone hostedzone*
route53:DeleteVPCAssociationAuthorization hostedzone*
route53:DisassociateVPCFromHostedZone hostedzone*
route53:GetAccountLimit
route53:GetChange change*
route53:GetDNSSEC hostedzone*
route53:GetHealthCheck healthcheck*
route53:GetHealthCheckCount
route53:GetHealthCheckLastFailureReason healthcheck*
route53:GetHealthCheckStatus healthcheck*
route53:GetHostedZone hostedzone*
route53:GetHostedZoneCount
route53:GetHostedZoneLimit hostedzone*
route53:ListHealthChecks
route53:ListHostedZones
route53:ListHostedZonesByName
route53:ListHostedZonesByVPC
route53:ListResourceRecordSets hostedzone*
route53:ListTagsForResource healthcheck hostedzone
route53:ListTagsForResources healthcheck hostedzone
route53:ListVPCAssociationAuthorizations hostedzone*
route53:UpdateHealthCheck healthcheck*
route53:UpdateHostedZoneComment hostedzone*
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
sns:AddPermission topic*
sns:ConfirmSubscription topic*
sns:CreateTopic topic*
sns:DeleteTopic topic*
sns:GetSubscriptionAttributes
sns:GetTopicAttributes topic*
sns:ListSubscriptions
sns:ListSubscriptionsByTopic topic*
sns:ListTagsForResource topic
sns:ListTopics
sns:Publish topic*
sns:RemovePermission topic*
sns:SetSubscriptionAttributes
sns:SetTopicAttributes topic*
sns:Subscribe topic*
sns:TagResource topic
sns:Unsubscribe
sns:UntagResource topic
sqs:AddPermission queue*
sqs:ChangeMessageVisibility queue*
sqs:CreateQueue queue*
sqs:DeleteMessage queue*
sqs:DeleteQueue queue*
sqs:GetQueueAttributes queue*
sqs:GetQueueUrl queue*
sqs:ListDeadLetterSourceQueues queue*
sqs:ListQueueTags queue*
sqs:ListQueues
sqs:PurgeQueue queue*
sqs:ReceiveMessage queue*
sqs:RemovePermission queue*
sqs:SendMessage queue*
sqs:SetQueueAttributes queue*
sqs:TagQueue queue*
sqs:UntagQueue queue*
ssm:AddTagsToResource document parameter
ssm:CreateDocument document*
ssm:DeleteDocument document*
ssm:DescribeDocument document*
ssm:DescribeDocumentPermission document*
ssm:GetDocument document*
ssm:GetServiceSetting servicesetting*
ssm:ListDocumentVersions document*
ssm:ListDocuments
ssm:ResetServiceSetting servicesetting*
ssm:UpdateDocument document*
ssm:UpdateDocumentDefaultVersion document*
ssm:UpdateServiceSetting servicesetting*
ssm:DeleteParameter parameter*
ssm:DeleteParameters parameter*
ssm:DescribeParameters
ssm:GetParameter parameter*
ssm:GetParameterHistory parameter*
ssm:GetParameters parameter*
ssm:GetParametersByPath parameter*
ssm:LabelParameterVersion parameter*
ssm:ListTagsForResource document parameter
ssm:PutParameter parameter*
ssm:RemoveTagsFromResource document parameter
ssm:UnlabelParameterVersion parameter*
`;
