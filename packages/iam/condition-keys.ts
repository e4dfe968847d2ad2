/**
 * The condition keys that the platform sets, or knows to have no value, by service and by the actions that
 * carry them: `*` is every action of the service. A key that is not listed is unknown: a Deny that names it
 * denies.
 * Source: Service Authorization Reference, the pages of each service; global keys: IAM User Guide, "AWS
 * global condition context keys".
 */
export const SERVICE_KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  iam: {
    "iam:PolicyARN":
      "AttachGroupPolicy AttachRolePolicy AttachUserPolicy DetachGroupPolicy DetachRolePolicy DetachUserPolicy",
    "iam:PermissionsBoundary":
      "AttachRolePolicy AttachUserPolicy CreateRole CreateUser DeleteRole " +
      "DeleteRolePermissionsBoundary DeleteRolePolicy DeleteUserPermissionsBoundary DeleteUserPolicy " +
      "DetachRolePolicy DetachUserPolicy GetRole PutRolePermissionsBoundary PutRolePolicy " +
      "PutUserPermissionsBoundary PutUserPolicy UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
    "iam:PassedToService": "PassRole",
    "iam:AssociatedResourceArn": "PassRole",
    "iam:AWSServiceName": "CreateServiceLinkedRole",
    "iam:ResourceTag/": "*",
  },
  sts: {
    "sts:ExternalId": "AssumeRole",
    "sts:RoleSessionName": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity",
    "sts:SourceIdentity": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity SetSourceIdentity",
    "sts:TransitiveTagKeys": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity TagSession",
    "iam:ResourceTag/": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity",
  },
  s3: {
    "s3:ResourceAccount": "*",
    "s3:TlsVersion": "*",
    "s3:authType": "*",
    "s3:signatureAge": "*",
    "s3:signatureversion": "*",
    "s3:x-amz-content-sha256": "*",
    "s3:ExistingObjectTag/": "*",
    "s3:RequestObjectTag/": "BypassGovernanceRetention PutObject PutObjectTagging PutObjectVersionTagging",
    "s3:RequestObjectTagKeys": "BypassGovernanceRetention PutObject PutObjectTagging PutObjectVersionTagging",
    "s3:prefix": "ListBucket ListBucketVersions",
    "s3:delimiter": "ListBucket ListBucketVersions",
    "s3:max-keys": "ListBucket ListBucketVersions",
    "s3:VersionId": "*",
    "s3:if-match": "DeleteObject PutObject",
    "s3:if-none-match": "PutObject",
    "s3:locationconstraint": "CreateBucket",
    "s3:object-lock-mode": "PutObject PutObjectRetention",
    "s3:object-lock-retain-until-date": "PutObject PutObjectRetention",
    "s3:object-lock-legal-hold": "PutObject PutObjectLegalHold",
    "s3:x-amz-acl": "CreateBucket PutBucketAcl PutObject PutObjectAcl BypassGovernanceRetention",
    "s3:x-amz-grant-full-control": "CreateBucket PutBucketAcl PutObject PutObjectAcl",
    "s3:x-amz-grant-read": "CreateBucket PutBucketAcl PutObject PutObjectAcl",
    "s3:x-amz-grant-read-acp": "CreateBucket PutBucketAcl PutObject PutObjectAcl",
    "s3:x-amz-grant-write": "CreateBucket PutBucketAcl PutObject PutObjectAcl",
    "s3:x-amz-grant-write-acp": "CreateBucket PutBucketAcl PutObject PutObjectAcl",
    "s3:x-amz-copy-source": "PutObject BypassGovernanceRetention",
    "s3:x-amz-metadata-directive": "PutObject BypassGovernanceRetention",
    "s3:x-amz-object-ownership": "CreateBucket",
    "s3:x-amz-server-side-encryption": "PutObject BypassGovernanceRetention",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "PutObject BypassGovernanceRetention",
    "s3:x-amz-server-side-encryption-customer-algorithm": "PutObject BypassGovernanceRetention",
    "s3:x-amz-storage-class": "PutObject PutObjectAcl BypassGovernanceRetention",
    "s3:x-amz-website-redirect-location": "PutObject BypassGovernanceRetention",
    // Access points do not exist on this platform, so these keys never have a value.
    "s3:DataAccessPointAccount": "",
    "s3:DataAccessPointArn": "",
    "s3:AccessPointNetworkOrigin": "",
    "s3:AccessGrantsInstanceArn": "",
  },
  ecs: {
    "ecs:cluster":
      "ContinueServiceDeployment CreateService CreateTaskSet DeleteAttributes DeleteService " +
      "DeleteTaskSet DescribeCapacityProviders DescribeContainerInstances DescribeServiceDeployments " +
      "DescribeServiceRevisions DescribeServices DescribeTaskSets DescribeTasks ListServiceDeployments " +
      "ListServices ListTasks PutAttributes RunTask StartTask StopServiceDeployment StopTask " +
      "TagResource UntagResource UpdateContainerInstancesState UpdateService " +
      "UpdateServicePrimaryTaskSet UpdateTaskSet",
    "ecs:container-instances": "StartTask",
    "ecs:task-cpu": "CreateService RegisterTaskDefinition RunTask StartTask UpdateService",
    "ecs:task-memory": "CreateService RegisterTaskDefinition RunTask StartTask UpdateService",
    "ecs:privileged": "RegisterTaskDefinition",
    "ecs:service":
      "ContinueServiceDeployment CreateTaskSet DeleteTaskSet DescribeServiceDeployments " +
      "DescribeServiceRevisions DescribeTaskSets StopServiceDeployment UpdateTaskSet",
    "ecs:task-definition": "CreateService CreateTaskSet UpdateService",
    "ecs:capacity-provider":
      "CreateCluster CreateService CreateTaskSet PutClusterCapacityProviders RunTask UpdateService",
    "ecs:enable-execute-command": "CreateService RunTask StartTask UpdateService",
    "ecs:enable-ecs-managed-tags": "CreateService UpdateService",
    "ecs:propagate-tags": "CreateService UpdateService",
    "ecs:auto-assign-public-ip": "CreateService RunTask StartTask UpdateService",
    "ecs:subnet": "CreateService RunTask StartTask UpdateService",
    "ecs:CreateAction": "TagResource",
    "ecs:account-setting": "DeleteAccountSetting PutAccountSetting PutAccountSettingDefault",
    "ecs:ResourceTag/": "*",
  },
  ecr: { "ecr:ResourceTag/": "*", "ecr:AccountSetting": "GetAccountSetting PutAccountSetting" },
  ec2: {
    "ec2:Region": "*",
    "ec2:CreateAction": "CreateTags",
    "ec2:ResourceTag/": "*",
    "ec2:Subnet": "*",
    "ec2:Vpc": "*",
    "ec2:AccepterVpc": "*",
    "ec2:AllocationId": "*",
    "ec2:RequesterVpc": "*",
    "ec2:VpcPeeringConnectionID": "*",
    "ec2:DhcpOptionsID": "*",
    "ec2:NetworkAclID": "*",
    "ec2:VpceServiceName": "*",
    "ec2:VpceServiceRegion": "*",
    "ec2:VpceServiceOwner": "*",
    "ec2:VpceServicePrivateDnsName": "*",
    "ec2:VpceSupportedRegion": "*",
    "ec2:AvailabilityZone": "*",
    "ec2:Domain": "*",
    "ec2:InternetGatewayID": "*",
    "ec2:NetworkInterfaceID": "*",
    "ec2:PublicIpAddress": "*",
    "ec2:RouteTableID": "*",
    "ec2:SecurityGroupID": "*",
    "ec2:SubnetID": "*",
    "ec2:Tenancy": "*",
    "ec2:VpcID": "*",
    "ec2:InstanceType": "*",
    "ec2:InstanceID": "*",
    "ec2:InstanceProfile": "*",
    "ec2:EbsOptimized": "*",
    "ec2:RootDeviceType": "*",
    "ec2:MetadataHttpTokens": "*",
    "ec2:MetadataHttpEndpoint": "*",
    "ec2:MetadataHttpPutResponseHopLimit": "*",
    "ec2:ImageID": "*",
    "ec2:ImageType": "*",
    "ec2:Public": "*",
    "ec2:KeyPairName": "*",
    "ec2:KeyPairType": "*",
    "ec2:PlacementGroupName": "*",
    "ec2:PlacementGroupStrategy": "*",
    "ec2:SnapshotID": "*",
    "ec2:SnapshotTime": "*",
    "ec2:VolumeID": "*",
    "ec2:VolumeSize": "*",
    "ec2:VolumeType": "*",
    "ec2:VolumeIops": "*",
    "ec2:VolumeThroughput": "*",
    "ec2:Encrypted": "*",
  },
  elasticloadbalancing: {
    "elasticloadbalancing:CreateAction": "AddTags",
    "elasticloadbalancing:ListenerProtocol": "CreateListener ModifyListener",
    "elasticloadbalancing:SecurityPolicy": "CreateListener ModifyListener",
    "elasticloadbalancing:Scheme": "CreateLoadBalancer",
    "elasticloadbalancing:SecurityGroup": "CreateLoadBalancer SetSecurityGroups",
    "elasticloadbalancing:Subnet": "CreateLoadBalancer SetSubnets",
    "elasticloadbalancing:ResourceTag/": "*",
  },
  elasticfilesystem: {
    "elasticfilesystem:CreateAction": "TagResource",
    "elasticfilesystem:Encrypted": "CreateFileSystem",
    "elasticfilesystem:AccessPointArn": "ClientMount ClientRootAccess ClientWrite",
    "elasticfilesystem:AccessedViaMountTarget": "ClientMount ClientRootAccess ClientWrite",
  },
  rds: {
    "rds:ManageMasterUserPassword":
      "CreateDBInstance ModifyDBInstance RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime",
    "rds:PubliclyAccessible":
      "CreateDBInstance CreateDBInstanceReadReplica RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime",
    "rds:req-tag/":
      "AddTagsToResource CopyDBParameterGroup CopyDBSnapshot CopyOptionGroup CreateDBInstance " +
      "CreateDBInstanceReadReplica CreateDBParameterGroup CreateDBSnapshot " +
      "CreateDBSubnetGroup CreateEventSubscription CreateOptionGroup RemoveTagsFromResource " +
      "RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime",
    "rds:DatabaseClass": "*",
    "rds:DatabaseEngine": "*",
    "rds:DatabaseName": "*",
    "rds:MultiAz": "*",
    "rds:Piops": "*",
    "rds:StorageEncrypted": "*",
    "rds:StorageSize": "*",
    "rds:Vpc": "*",
    "rds:db-tag/": "*",
    "rds:subgrp-tag/": "*",
  },
  cloudwatch: {
    "cloudwatch:AlarmActions": "PutCompositeAlarm PutMetricAlarm",
    "cloudwatch:namespace": "PutMetricData",
  },
  route53: {
    "route53:ChangeResourceRecordSetsActions": "ChangeResourceRecordSets",
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": "ChangeResourceRecordSets",
    "route53:ChangeResourceRecordSetsRecordTypes": "ChangeResourceRecordSets",
    "route53:VPCs":
      "AssociateVPCWithHostedZone CreateHostedZone CreateVPCAssociationAuthorization " +
      "DeleteVPCAssociationAuthorization DisassociateVPCFromHostedZone ListHostedZonesByVPC",
  },
  servicediscovery: {
    "servicediscovery:NamespaceArn": "CreateService",
    "servicediscovery:NamespaceName": "DiscoverInstances DiscoverInstancesRevision",
    "servicediscovery:ServiceArn":
      "DeregisterInstance GetInstance GetInstancesHealthStatus ListInstances RegisterInstance " +
      "UpdateInstanceCustomHealthStatus",
    "servicediscovery:ServiceCreatedByAccount":
      "DeleteService DeleteServiceAttributes DeregisterInstance RegisterInstance UpdateInstanceCustomHealthStatus " +
      "UpdateService UpdateServiceAttributes",
    "servicediscovery:ServiceName": "DiscoverInstances DiscoverInstancesRevision",
  },
  sns: { "sns:Endpoint": "Subscribe", "sns:Protocol": "Subscribe" },
  kms: {
    "kms:CallerAccount": "*",
    "kms:ViaService": "*",
    "kms:EncryptionContextKeys": "*",
    "kms:EncryptionContext:": "*",
    "kms:BypassPolicyLockoutSafetyCheck": "CreateKey PutKeyPolicy",
    "kms:DataKeyPairSpec": "GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext",
    "kms:EncryptionAlgorithm":
      "Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext " +
      "GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo",
    "kms:ExpirationModel": "ImportKeyMaterial",
    "kms:ValidTo": "ImportKeyMaterial",
    "kms:WrappingAlgorithm": "GetParametersForImport",
    "kms:WrappingKeySpec": "GetParametersForImport",
    "kms:GrantConstraintType": "CreateGrant RetireGrant",
    "kms:GrantIsForAWSResource": "CreateGrant ListGrants RevokeGrant",
    "kms:GranteePrincipal": "CreateGrant",
    "kms:GrantOperations": "CreateGrant",
    "kms:KeyOrigin": "*",
    "kms:KeySpec": "*",
    "kms:KeyUsage": "*",
    "kms:MacAlgorithm": "GenerateMac VerifyMac",
    "kms:MessageType": "Sign Verify",
    "kms:MultiRegion": "*",
    "kms:ReEncryptOnSameKey": "ReEncryptFrom ReEncryptTo",
    "kms:RequestAlias":
      "Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyPair " +
      "GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetPublicKey " +
      "ReEncryptFrom ReEncryptTo Sign Verify VerifyMac",
    "kms:ResourceAliases": "*",
    "kms:RetiringPrincipal": "CreateGrant",
    "kms:RotationPeriodInDays": "EnableKeyRotation",
    "kms:ScheduleKeyDeletionPendingWindowInDays": "ScheduleKeyDeletion",
    "kms:SigningAlgorithm": "Sign Verify",
  },
  acm: {
    "acm:DomainNames": "RequestCertificate",
    "acm:KeyAlgorithm": "RequestCertificate",
    "acm:ValidationMethod": "RequestCertificate",
  },
  autoscaling: {
    "autoscaling:ForceDelete": "DeleteAutoScalingGroup",
    "autoscaling:InstanceTypes": "CreateAutoScalingGroup UpdateAutoScalingGroup",
    "autoscaling:LaunchConfigurationName": "CreateAutoScalingGroup UpdateAutoScalingGroup",
    "autoscaling:LoadBalancerNames": "CreateAutoScalingGroup",
    "autoscaling:OperatorPrincipal": "CreateAutoScalingGroup",
    "autoscaling:LaunchTemplateVersionSpecified": "CreateAutoScalingGroup UpdateAutoScalingGroup",
    "autoscaling:MaxSize": "CreateAutoScalingGroup UpdateAutoScalingGroup PutScheduledUpdateGroupAction",
    "autoscaling:MinSize": "CreateAutoScalingGroup UpdateAutoScalingGroup PutScheduledUpdateGroupAction",
    "autoscaling:ResourceTag/": "*",
    "autoscaling:TargetGroupARNs":
      "AttachLoadBalancerTargetGroups CreateAutoScalingGroup DetachLoadBalancerTargetGroups",
    "autoscaling:TrafficSourceIdentifiers":
      "AttachTrafficSources CreateAutoScalingGroup DetachTrafficSources",
    "autoscaling:VPCZoneIdentifiers": "CreateAutoScalingGroup UpdateAutoScalingGroup",
  },
  "application-autoscaling": {
    "application-autoscaling:scalable-dimension":
      "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget PutScalingPolicy " +
      "PutScheduledAction RegisterScalableTarget",
    "application-autoscaling:service-namespace":
      "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget PutScalingPolicy " +
      "PutScheduledAction RegisterScalableTarget",
  },
  events: {
    "events:creatorAccount":
      "DeleteRule DescribeRule DisableRule EnableRule ListTagsForResource ListTargetsByRule PutRule " +
      "PutTargets RemoveTargets TagResource UntagResource",
    "events:detail-type": "PutEvents PutRule",
    "events:detail.eventTypeCode": "PutRule",
    "events:detail.service": "PutRule",
    "events:detail.userIdentity.principalId": "PutRule",
    "events:eventBusInvocation": "PutEvents",
    "events:source": "PutEvents PutRule",
    "events:TargetArn": "PutTargets",
  },
  secretsmanager: {
    "secretsmanager:BlockPublicPolicy": "PutResourcePolicy",
    "secretsmanager:Description": "CreateSecret UpdateSecret",
    "secretsmanager:ForceDeleteWithoutRecovery": "DeleteSecret",
    "secretsmanager:KmsKeyArn": "CreateSecret UpdateSecret",
    "secretsmanager:KmsKeyId": "CreateSecret UpdateSecret",
    "secretsmanager:ModifyRotationRules": "RotateSecret",
    "secretsmanager:Name": "CreateSecret",
    "secretsmanager:RecoveryWindowInDays": "DeleteSecret",
    "secretsmanager:ResourceTag/": "*",
    "secretsmanager:RotateImmediately": "RotateSecret",
    "secretsmanager:RotationLambdaARN": "RotateSecret",
    "secretsmanager:SecretId":
      "CancelRotateSecret DeleteResourcePolicy DeleteSecret DescribeSecret GetResourcePolicy " +
      "GetSecretValue ListSecretVersionIds PutResourcePolicy PutSecretValue RestoreSecret RotateSecret " +
      "TagResource UntagResource UpdateSecret UpdateSecretVersionStage ValidateResourcePolicy",
    "secretsmanager:VersionId": "GetSecretValue",
    "secretsmanager:VersionStage": "GetSecretValue UpdateSecretVersionStage",
    "secretsmanager:resource/AllowRotationLambdaArn": "*",
  },
  servicequotas: { "servicequotas:service": "GetServiceQuota" },
  ssm: {
    "ssm:Overwrite": "PutParameter",
    "ssm:Recursive": "GetParametersByPath",
    "ssm:resourceTag/": "*",
  },
};

/**
 * Keys of every request. Most have a value, and the platform knows when one has none: it has no organizations
 * and no VPC endpoints.
 */
const GLOBAL_KEYS =
  "PrincipalArn PrincipalAccount PrincipalOrgID PrincipalOrgPaths PrincipalTag/ PrincipalIsAWSService " +
  "PrincipalServiceName PrincipalServiceNamesList PrincipalType userid username AssumedRoot " +
  "FederatedProvider TokenIssueTime MultiFactorAuthAge MultiFactorAuthPresent ChatbotSourceArn " +
  "Ec2InstanceSourceVpc Ec2InstanceSourcePrivateIPv4 SourceIdentity SourceIp SourceVpc SourceVpcArn " +
  "SourceVpce VpceAccount VpceOrgID VpceOrgPaths VpcSourceIp ResourceAccount ResourceOrgID " +
  "ResourceOrgPaths ResourceTag/ CalledVia CalledViaFirst CalledViaLast ViaAWSService CurrentTime " +
  "EpochTime Referer RequestedRegion RequestTag/ TagKeys SecureTransport SourceAccount SourceArn " +
  "SourceOrgID SourceOrgPaths UserAgent";

/**
 * Keys of federated identities and of AWS's own compute services. Those of SAML have a value when a role is assumed
 * by a SAML response; the others have none, because no caller here is one.
 */
const FOREIGN_KEY =
  /^(?:accounts\.google\.com|cognito-identity\.amazonaws\.com|graph\.facebook\.com|www\.amazon\.com|saml):|^(?:lambda:sourcefunctionarn|ec2:sourceinstancearn|ec2:roledelivery|ssm:sourceinstancearn)$/;

/**
 * Claims that conditions know besides `sub`, `aud` and `amr`, by the host and path of their issuer.
 * Source: Service Authorization Reference, AWS STS.
 */
const PROVIDER_CLAIMS: readonly (readonly [issuer: RegExp, claims: string])[] = [
  [
    /^token\.actions\.(?:githubusercontent\.com|[a-z0-9-]+\.ghe\.com)(?:\/|$)/,
    "actor actor_id enterprise_id environment job_workflow_ref ref repository repository_id " +
      "repository_owner_id workflow",
  ],
  [
    /^gitlab\.com$/,
    "namespace_id pipeline_source project_id ref_protected runner_environment user_access_level " +
      "user_email user_id user_login",
  ],
  [
    /^agent\.(?:buildkite\.com|[a-z0-9-]+\.buildkite\.(?:dev|site))$/,
    "build_branch cluster_id cluster_name organization_id organization_slug pipeline_id pipeline_slug",
  ],
  [/^idcs-[a-z0-9]+\.identity\.oraclecloud\.com$/, "rpst_id"],
];

/** An issuer's claim in conditions: `HOST/PATH:NAME`. It has a value where a token is exchanged for a role. */
const CLAIM = /^([a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?(?:\/[^:]*)?):([a-z_]+)$/;

/** The claims of an issuer's tokens that conditions know. `issuer` is its URL without the scheme. */
export function claimsOf(issuer: string): readonly string[] {
  const more = PROVIDER_CLAIMS.find(([pattern]) => pattern.test(issuer.toLowerCase()))?.[1].split(" ") ?? [];
  return ["sub", "aud", "amr", ...more];
}

/** The prefix of encryption context keys; the caller chooses the rest. */
const ENCRYPTION_CONTEXT = "kms:encryptioncontext:";

const KNOWN: ReadonlySet<string> = new Set(
  [
    ...GLOBAL_KEYS.split(" ").map((key) => `aws:${key}`),
    ...Object.values(SERVICE_KEYS).flatMap((keys) => Object.keys(keys)),
  ].map((key) => key.toLowerCase()),
);

/** Whether the platform sets this key wherever AWS does. Keys are compared without regard to case. */
export function isKnownConditionKey(key: string): boolean {
  const lower = key.toLowerCase();
  if (lower.startsWith(ENCRYPTION_CONTEXT)) return true;
  const slash = lower.indexOf("/");
  if (KNOWN.has(lower) || KNOWN.has(lower.slice(0, slash + 1)) || FOREIGN_KEY.test(lower)) return true;
  const [, issuer, claim] = CLAIM.exec(lower) ?? [];
  return issuer !== undefined && claim !== undefined && claimsOf(issuer).includes(claim);
}

const ACTIONS_MAX = 10_000;
const keysOfActions = new Map<string, readonly string[]>();

/** The keys that an action carries in addition to the global ones, in AWS's spelling. */
export function conditionKeysOf(action: string): readonly string[] {
  const known = keysOfActions.get(action);
  if (known !== undefined) return known;
  const [service = "", name = ""] = action.split(":");
  const keys = Object.entries(SERVICE_KEYS[service] ?? {})
    .filter(([, actions]) => actions === "*" || actions.split(" ").includes(name))
    .map(([key]) => key);
  if (keysOfActions.size >= ACTIONS_MAX) keysOfActions.clear();
  keysOfActions.set(action, keys);
  return keys;
}
