/** The part of the Service Authorization Reference about secrets, parameters and keys, as `service-authorization.ts`. */
export const SECRETS_REFERENCE = `
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
