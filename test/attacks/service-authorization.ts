import { SMALL_SERVICES } from "./references/small-services.ts";
import { REGISTRY_AND_LOGS } from "./references/registry-and-logs.ts";
import { CODE_DEPLOY_ACTIONS } from "./references/code-deploy-actions.ts";
import { BALANCERS_REFERENCE } from "./service-authorization-balancers.ts";
import { ECS_REFERENCE } from "./service-authorization-ecs.ts";
import { GROUPS_REFERENCE } from "./service-authorization-groups.ts";
import { IDENTITIES_REFERENCE } from "./service-authorization-identities.ts";
import { INSTANCE_REFERENCE } from "./service-authorization-instances.ts";
import { NETWORK_REFERENCE } from "./service-authorization-network.ts";
import { SECRETS_REFERENCE } from "./service-authorization-secrets.ts";
import { STORAGE_REFERENCE } from "./service-authorization-storage.ts";

/**
 * Actions and their resource types, required ones with an asterisk, as far as the platform has such resources.
 * Source: Service Authorization Reference, the pages of each service, as published in September 2026.
 */
export const REFERENCE = `${BALANCERS_REFERENCE}${SECRETS_REFERENCE}${IDENTITIES_REFERENCE}${STORAGE_REFERENCE}${ECS_REFERENCE}
${CODE_DEPLOY_ACTIONS}
${NETWORK_REFERENCE}
${INSTANCE_REFERENCE}
${GROUPS_REFERENCE}
${SMALL_SERVICES}
${REGISTRY_AND_LOGS}
ec2:AllocateAddress elastic-ip*
ec2:AssociateAddress elastic-ip instance network-interface
ec2:AssociateRouteTable internet-gateway route-table* subnet
ec2:AttachInternetGateway internet-gateway* vpc*
ec2:AuthorizeSecurityGroupEgress security-group* security-group-rule
ec2:AuthorizeSecurityGroupIngress security-group* security-group-rule
ec2:CreateDefaultVpc
ec2:CreateInternetGateway internet-gateway*
ec2:CreateNatGateway elastic-ip natgateway* subnet vpc
ec2:CreateNetworkInterface network-interface* security-group subnet*
ec2:CreateRoute route-table*
ec2:CreateRouteTable route-table* vpc*
ec2:CreateSecurityGroup security-group* vpc
ec2:CreateSubnet subnet* vpc*
ec2:CreateTags dhcp-options elastic-ip internet-gateway natgateway network-interface route-table security-group security-group-rule subnet vpc
ec2:CreateVpc vpc*
ec2:DeleteInternetGateway internet-gateway*
ec2:DeleteNatGateway natgateway*
ec2:DeleteNetworkInterface network-interface*
ec2:DeleteRoute route-table*
ec2:DeleteRouteTable route-table*
ec2:DeleteSecurityGroup security-group*
ec2:DeleteSubnet subnet*
ec2:DeleteTags elastic-ip internet-gateway natgateway network-interface route-table security-group security-group-rule subnet vpc
ec2:DeleteVpc vpc*
ec2:DescribeAccountAttributes
ec2:DescribeAddresses
ec2:DescribeAddressesAttribute
ec2:DescribeAvailabilityZones
ec2:DescribeInternetGateways
ec2:DescribeNatGateways
ec2:DescribeNetworkInterfaceAttribute
ec2:DescribeNetworkInterfaces
ec2:DescribeRegions
ec2:DescribeRouteTables
ec2:DescribeSecurityGroupRules
ec2:DescribeSecurityGroups
ec2:DescribeSubnets
ec2:DescribeTags
ec2:DescribeVpcAttribute vpc*
ec2:DescribeVpcs
ec2:DetachInternetGateway internet-gateway* vpc*
ec2:DisassociateAddress elastic-ip network-interface
ec2:DisassociateRouteTable internet-gateway route-table subnet
ec2:ModifyNetworkInterfaceAttribute network-interface* security-group subnet
ec2:ModifySecurityGroupRules security-group* security-group-rule*
ec2:ModifySubnetAttribute subnet*
ec2:ModifyVpcAttribute vpc*
ec2:ReleaseAddress elastic-ip
ec2:ReplaceRoute route-table*
ec2:RevokeSecurityGroupEgress security-group*
ec2:RevokeSecurityGroupIngress security-group*
ec2:UpdateSecurityGroupRuleDescriptionsEgress security-group*
ec2:UpdateSecurityGroupRuleDescriptionsIngress security-group*
ecr:BatchCheckLayerAvailability repository*
ecr:BatchDeleteImage repository*
ecr:BatchGetImage repository*
ecr:BatchGetRepositoryScanningConfiguration repository*
ecr:CompleteLayerUpload repository*
ecr:CreateRepository repository*
ecr:DeleteLifecyclePolicy repository*
ecr:DeleteRepository repository*
ecr:DeleteRepositoryPolicy repository*
ecr:DescribeImages repository*
ecr:DescribeRegistry
ecr:DescribeRepositories repository*
ecr:GetAuthorizationToken
ecr:GetDownloadUrlForLayer repository*
ecr:GetLifecyclePolicy repository*
ecr:GetLifecyclePolicyPreview repository*
ecr:GetRegistryScanningConfiguration
ecr:GetRepositoryPolicy repository*
ecr:InitiateLayerUpload repository*
ecr:ListImages repository*
ecr:ListTagsForResource repository*
ecr:PutImage repository*
ecr:PutImageScanningConfiguration repository*
ecr:PutImageTagMutability repository*
ecr:PutLifecyclePolicy repository*
ecr:PutReplicationConfiguration
ecr:SetRepositoryPolicy repository*
ecr:StartLifecyclePolicyPreview repository*
ecr:TagResource repository*
ecr:UntagResource repository*
ecr:UploadLayerPart repository*
elasticfilesystem:CreateAccessPoint file-system*
elasticfilesystem:CreateFileSystem
elasticfilesystem:CreateMountTarget file-system*
elasticfilesystem:DeleteAccessPoint access-point*
elasticfilesystem:DeleteFileSystem file-system*
elasticfilesystem:DeleteMountTarget file-system*
elasticfilesystem:DescribeAccessPoints access-point file-system
elasticfilesystem:DescribeBackupPolicy file-system*
elasticfilesystem:DescribeReplicationConfigurations file-system
elasticfilesystem:DeleteFileSystemPolicy file-system*
elasticfilesystem:DescribeFileSystemPolicy file-system*
elasticfilesystem:DescribeFileSystems file-system
elasticfilesystem:DescribeLifecycleConfiguration file-system*
elasticfilesystem:DescribeMountTargetSecurityGroups file-system*
elasticfilesystem:DescribeMountTargets access-point file-system*
elasticfilesystem:ListTagsForResource access-point file-system
elasticfilesystem:ModifyMountTargetSecurityGroups file-system*
elasticfilesystem:PutBackupPolicy file-system*
elasticfilesystem:PutFileSystemPolicy file-system*
elasticfilesystem:PutLifecycleConfiguration file-system*
elasticfilesystem:TagResource access-point file-system
elasticfilesystem:UntagResource access-point file-system
elasticfilesystem:UpdateFileSystem file-system*
elasticfilesystem:UpdateFileSystemProtection file-system*
iam:AddRoleToInstanceProfile instance-profile*
iam:AddUserToGroup group*
iam:AttachGroupPolicy group*
iam:AttachRolePolicy role*
iam:AttachUserPolicy user*
iam:CreateAccessKey user*
iam:CreateGroup group*
iam:CreateInstanceProfile instance-profile*
iam:CreatePolicy policy*
iam:CreatePolicyVersion policy*
iam:CreateRole role*
iam:CreateServiceLinkedRole role*
iam:CreateUser user*
iam:DeleteAccessKey user*
iam:DeleteGroup group*
iam:DeleteGroupPolicy group*
iam:DeleteInstanceProfile instance-profile*
iam:DeletePolicy policy*
iam:DeletePolicyVersion policy*
iam:DeleteRole role*
iam:DeleteRolePermissionsBoundary role*
iam:DeleteRolePolicy role*
iam:DeleteServiceLinkedRole role*
iam:DeleteUser user*
iam:DeleteUserPermissionsBoundary user*
iam:DeleteUserPolicy user*
iam:DetachGroupPolicy group*
iam:DetachRolePolicy role*
iam:DetachUserPolicy user*
iam:GetGroup group*
iam:GetGroupPolicy group*
iam:GetInstanceProfile instance-profile*
iam:GetPolicy policy*
iam:GetPolicyVersion policy*
iam:GetRole role*
iam:GetRolePolicy role*
iam:GetServiceLinkedRoleDeletionStatus role*
iam:GetUser user*
iam:GetUserPolicy user*
iam:ListAccessKeys user*
iam:ListAttachedGroupPolicies group*
iam:ListAttachedRolePolicies role*
iam:ListAttachedUserPolicies user*
iam:ListEntitiesForPolicy policy*
iam:ListGroupPolicies group*
iam:ListGroups
iam:ListGroupsForUser user*
iam:ListInstanceProfileTags instance-profile*
iam:ListInstanceProfiles
iam:ListInstanceProfilesForRole role*
iam:ListPolicies
iam:ListPoliciesGrantingServiceAccess group role user
iam:ListPolicyVersions policy*
iam:ListRolePolicies role*
iam:ListRoleTags role*
iam:ListRoles
iam:ListUserPolicies user*
iam:ListUsers
iam:PassRole role*
iam:PutGroupPolicy group*
iam:PutRolePermissionsBoundary role*
iam:PutRolePolicy role*
iam:PutUserPermissionsBoundary user*
iam:PutUserPolicy user*
iam:RemoveRoleFromInstanceProfile instance-profile*
iam:RemoveUserFromGroup group*
iam:SetDefaultPolicyVersion policy*
iam:SimulateCustomPolicy
iam:SimulatePrincipalPolicy group role user
iam:TagInstanceProfile instance-profile*
iam:TagPolicy policy*
iam:TagRole role*
iam:TagUser user*
iam:UntagInstanceProfile instance-profile*
iam:UntagPolicy policy*
iam:UntagRole role*
iam:UntagUser user*
iam:UpdateAccessKey user*
iam:UpdateAssumeRolePolicy role*
iam:UpdateGroup group*
iam:UpdateRole role*
iam:UpdateUser user*
application-autoscaling:DeleteScalingPolicy scalable-target*
application-autoscaling:DeleteScheduledAction scalable-target*
application-autoscaling:DeregisterScalableTarget scalable-target*
application-autoscaling:DescribeScalableTargets
application-autoscaling:DescribeScalingActivities
application-autoscaling:DescribeScalingPolicies
application-autoscaling:DescribeScheduledActions
application-autoscaling:GetPredictiveScalingForecast scalable-target*
application-autoscaling:ListTagsForResource scalable-target*
application-autoscaling:PutScalingPolicy scalable-target*
application-autoscaling:PutScheduledAction scalable-target*
application-autoscaling:RegisterScalableTarget scalable-target*
application-autoscaling:TagResource scalable-target*
application-autoscaling:UntagResource scalable-target*
cloudwatch:DeleteAlarms alarm*
cloudwatch:DeleteDashboards dashboard*
cloudwatch:DescribeAlarmHistory alarm*
cloudwatch:DescribeAlarms alarm*
cloudwatch:DescribeAlarmsForMetric
cloudwatch:DisableAlarmActions alarm*
cloudwatch:EnableAlarmActions alarm*
cloudwatch:GetDashboard dashboard*
cloudwatch:GetMetricData
cloudwatch:GetMetricStatistics
cloudwatch:ListDashboards
cloudwatch:ListMetrics
cloudwatch:ListTagsForResource alarm dashboard
cloudwatch:PutCompositeAlarm alarm*
cloudwatch:PutDashboard dashboard*
cloudwatch:PutMetricAlarm alarm*
cloudwatch:PutMetricData
cloudwatch:SetAlarmState alarm*
cloudwatch:TagResource alarm dashboard
cloudwatch:UntagResource alarm dashboard
logs:CreateLogGroup log-group*
logs:CreateLogStream log-stream*
logs:DeleteLogGroup log-group*
logs:DeleteLogStream log-stream*
logs:DeleteRetentionPolicy log-group*
logs:DescribeLogGroups
logs:DescribeLogStreams log-group*
logs:FilterLogEvents log-group*
logs:GetLogEvents log-stream*
logs:ListTagsForResource log-group
logs:ListTagsLogGroup log-group*
logs:PutLogEvents log-stream*
logs:PutRetentionPolicy log-group*
logs:TagResource log-group
logs:UntagResource log-group
rds:AddSourceIdentifierToSubscription es*
rds:AddTagsToResource cluster db es og pg snapshot subgrp
rds:CopyDBParameterGroup pg*
rds:CopyDBSnapshot snapshot*
rds:CopyOptionGroup og*
rds:CreateDBInstance cluster db* og pg subgrp
rds:CreateDBInstanceReadReplica db* og* pg* subgrp*
rds:CreateDBParameterGroup pg*
rds:CreateDBSnapshot db* snapshot*
rds:CreateDBSubnetGroup subgrp*
rds:CreateEventSubscription es*
rds:CreateOptionGroup og*
rds:DeleteDBInstance db*
rds:DeleteDBParameterGroup pg*
rds:DeleteDBSnapshot snapshot*
rds:DeleteDBSubnetGroup subgrp*
rds:DeleteEventSubscription es*
rds:DeleteOptionGroup og*
rds:DescribeCertificates
rds:DescribeDBClusters cluster
rds:DescribeDBEngineVersions
rds:DescribeDBInstanceAutomatedBackups auto-backup db
rds:DescribeDBInstances db
rds:DescribeDBLogFiles db
rds:DescribeDBParameterGroups pg
rds:DescribeDBParameters pg*
rds:DescribeDBSnapshotAttributes snapshot*
rds:DescribeDBSnapshots db snapshot
rds:DescribeDBSubnetGroups subgrp
rds:DescribeEngineDefaultParameters
rds:DescribeEventCategories
rds:DescribeEventSubscriptions es
rds:DescribeEvents
rds:DescribeOptionGroupOptions
rds:DescribeOptionGroups og
rds:DescribeOrderableDBInstanceOptions
rds:DownloadDBLogFilePortion db
rds:ListTagsForResource cluster db es og pg snapshot subgrp
rds:ModifyDBInstance db* og pg subgrp
rds:ModifyDBParameterGroup pg*
rds:ModifyDBSnapshotAttribute snapshot*
rds:ModifyDBSubnetGroup subgrp*
rds:ModifyEventSubscription es*
rds:ModifyOptionGroup og*
rds:PromoteReadReplica db*
rds:RebootDBInstance db*
rds:RemoveSourceIdentifierFromSubscription es*
rds:RemoveTagsFromResource cluster db es og pg snapshot subgrp
rds:ResetDBParameterGroup pg*
rds:RestoreDBInstanceFromDBSnapshot db* og* pg* snapshot subgrp*
rds:RestoreDBInstanceToPointInTime auto-backup db* og* pg* subgrp*
rds:StartDBInstance db*
rds:StopDBInstance db* snapshot
sts:AssumeRole role*
sts:GetCallerIdentity
`;
