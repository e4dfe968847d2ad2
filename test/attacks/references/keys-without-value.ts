/**
 * Condition keys that exist in AWS for the services here and have no value, with the reason. A Deny that names one denies, an
 * Allow that names one does not match. Source: Service Authorization Reference. docs/condition-keys.md shows the list.
 */
export const KEYS_WITHOUT_VALUE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  iam: {
    "iam:FIDO-certification": "There are no security keys.",
    "iam:FIDO-FIPS-140-2-certification": "There are no security keys.",
    "iam:FIDO-FIPS-140-3-certification": "There are no security keys.",
    "iam:RegisterSecurityKey": "There are no security keys.",
    "iam:OrganizationsPolicyId": "There are no organizations.",
    "iam:ServiceSpecificCredentialServiceName": "There are no service-specific credentials.",
    "iam:ServiceSpecificCredentialAgeDays": "There are no service-specific credentials.",
    "iam:DelegationDuration": "There are no delegation requests.",
    "iam:DelegationRequestOwner": "There are no delegation requests.",
    "iam:NotificationChannel": "There are no delegation requests.",
    "iam:TemplateArn": "There are no delegation requests.",
  },
  sts: {
    "sts:DurationSeconds": "Defined for GetSessionToken and GetFederationToken alone.",
    "sts:AWSServiceName": "Defined for GetServiceBearerToken, which does not exist.",
    "sts:TaskPolicyArn": "Defined for AssumeRoot, which does not exist.",
    "sts:RequestContextProviders": "There are no identity contexts.",
    "sts:RequestContext/": "There are no identity contexts.",
    "sts:IdentityTokenAudience": "There are no outbound identity tokens.",
    "sts:SigningAlgorithm": "There are no outbound identity tokens.",
  },
  s3: {
    "s3:BucketTag/":
      "Tags of buckets in conditions have to be enabled per bucket (PutBucketAbac), which does not exist.",
    "s3:InventoryAccessibleOptionalFields": "There are no inventories.",
    "s3:AccessPointTag/": "There are no access points.",
    "s3:AccessGrantsLocationScope": "There are no access grants.",
    "s3:ExistingJobOperation": "There are no batch jobs.",
    "s3:ExistingJobPriority": "There are no batch jobs.",
    "s3:JobSuspendedCause": "There are no batch jobs.",
    "s3:RequestJobOperation": "There are no batch jobs.",
    "s3:RequestJobPriority": "There are no batch jobs.",
    "s3:ObjectCreationOperation": "The operation that creates an object is not compared.",
    "s3:destinationRegion": "There is no replication time control or fault injection.",
    "s3:isReplicationPauseRequest": "There is no replication.",
    "s3:object-lock-remaining-retention-days": "The remaining days are not computed for conditions.",
  },
  ecs: {
    "ecs:account-setting": "Account settings are not in the table.",
    "ecs:container-name": "There is no ExecuteCommand.",
    "ecs:task": "Defined for ExecuteCommand and the agent's calls, which do not exist.",
    "ecs:enable-ebs-volumes": "There are no EBS volumes.",
    "ecs:enable-service-connect": "There is no Service Connect.",
    "ecs:enable-vpc-lattice": "There is no VPC Lattice.",
    "ecs:namespace": "There is no Service Connect.",
    "ecs:fargate-ephemeral-storage-kms-key": "There are no customer-managed keys.",
    "ecs:compute-compatibility": "All tasks are of Fargate.",
    "ecs:instance-metadata-tags-propagation": "There are no managed instances.",
  },
  elasticloadbalancing: {
    "elasticloadbalancing:ResourceTag": "Its form without a tag's name has no defined value.",
  },
  rds: {
    "rds:BackupTarget": "There are no Outposts.",
    "rds:CopyOptionGroup": "There are no option groups.",
    "rds:DatabaseClass": "The class of an existing database is not compared.",
    "rds:DatabaseEngine": "The engine is not compared.",
    "rds:DatabaseName": "The name of the first database is not compared.",
    "rds:EndpointType": "There are no clusters.",
    "rds:MultiAz": "There is one zone for a database.",
    "rds:Piops": "Storage has no provisioned rates.",
    "rds:StorageEncrypted": "Encryption of storage is not compared.",
    "rds:StorageSize": "The size of storage is not compared.",
    "rds:Vpc": "Whether a database is in a VPC is not compared: all are.",
    "rds:cluster-tag/": "There are no clusters.",
    "rds:es-tag/": "There are no event subscriptions.",
    "rds:og-tag/": "There are no option groups.",
    "rds:pg-tag/": "Tags of parameter groups are not compared.",
    "rds:ri-tag/": "There are no reserved instances.",
    "rds:secgrp-tag/": "There are no database security groups.",
    "rds:snapshot-tag/": "There are no snapshots.",
    "rds:TenantDatabaseName": "There are no tenant databases.",
  },
  cloudwatch: {
    "cloudwatch:requestInsightRuleLogGroups": "There are no Contributor Insights rules.",
    "cloudwatch:requestManagedResourceARNs": "There are no Contributor Insights rules.",
  },
  acm: {
    "acm:CertificateAuthority": "There are no private authorities.",
    "acm:CertificateTransparencyLogging": "Certificates are not logged publicly.",
    "acm:Export": "Certificates are not exported.",
  },
  logs: {
    "logs:DestinationResourceArn": "There are no deliveries.",
    "logs:LogGeneratingResourceArns": "There are no deliveries.",
  },
};

/** The length of the list: lower it with the list, and do not raise it. */
export const KEYS_WITHOUT_VALUE_MAX = 69;
