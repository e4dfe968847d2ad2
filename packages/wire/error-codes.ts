import type * as acm from "@aws-sdk/client-acm";
import type * as autoscaling from "@aws-sdk/client-application-auto-scaling";
import type * as autoScalingGroups from "@aws-sdk/client-auto-scaling";
import type * as cloudwatch from "@aws-sdk/client-cloudwatch";
import type * as logs from "@aws-sdk/client-cloudwatch-logs";
import type * as codeDeploy from "@aws-sdk/client-codedeploy";
import type * as ecr from "@aws-sdk/client-ecr";
import type * as ecs from "@aws-sdk/client-ecs";
import type * as efs from "@aws-sdk/client-efs";
import type * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import type * as events from "@aws-sdk/client-eventbridge";
import type * as iam from "@aws-sdk/client-iam";
import type * as rds from "@aws-sdk/client-rds";
import type * as tagging from "@aws-sdk/client-resource-groups-tagging-api";
import type * as route53 from "@aws-sdk/client-route-53";
import type * as s3 from "@aws-sdk/client-s3";
import type * as s3Control from "@aws-sdk/client-s3-control";
import type * as kms from "@aws-sdk/client-kms";
import type * as scheduler from "@aws-sdk/client-scheduler";
import type * as serviceQuotas from "@aws-sdk/client-service-quotas";
import type * as secretsManager from "@aws-sdk/client-secrets-manager";
import type * as serviceDiscovery from "@aws-sdk/client-servicediscovery";
import type * as sns from "@aws-sdk/client-sns";
import type * as sqs from "@aws-sdk/client-sqs";
import type * as ssm from "@aws-sdk/client-ssm";
import type * as sts from "@aws-sdk/client-sts";

/** A name of an SDK's error class as a code: services of the Query protocol leave `Exception` or `Fault` out. */
type CodeOf<Name> = Name extends `${infer Code}Exception` | `${infer Code}Fault` ? Code | Name : Name;

/**
 * The codes of the error classes that an SDK's module exports. The class that they extend has any name, and
 * is no error.
 */
type Modelled<M> = {
  [K in keyof M]: M[K] extends abstract new (...parts: never[]) => {
    readonly $fault: "client" | "server";
    readonly name: infer Name;
  }
    ? string extends Name
      ? never
      : CodeOf<K>
    : never;
}[keyof M];

/** The codes of one service: the common ones, those of its SDK's module, and `More` that the SDK has no classes for. */
export type ErrorCodeOf<Sdk, More extends string = never> = CommonCode | Modelled<Sdk> | More;

/**
 * Codes that any operation may return: a misspelt one does not compile. A new service adds its SDK module.
 * The code of a service uses the codes of its own `api-error.ts`.
 */
export type ErrorCode =
  | CommonCode
  | Ec2Code
  | S3Code
  | Modelled<typeof acm>
  | Modelled<typeof autoscaling>
  | Modelled<typeof autoScalingGroups>
  | Modelled<typeof cloudwatch>
  | Modelled<typeof logs>
  | Modelled<typeof codeDeploy>
  | Modelled<typeof ecr>
  | Modelled<typeof ecs>
  | Modelled<typeof efs>
  | Modelled<typeof elbv2>
  // Elastic Load Balancing returns it, and the SDK has no class for it.
  | "UnsupportedCertificate"
  | Modelled<typeof events>
  | Modelled<typeof scheduler>
  | Modelled<typeof iam>
  | Modelled<typeof rds>
  | Modelled<typeof tagging>
  | Modelled<typeof serviceDiscovery>
  | Modelled<typeof route53>
  | Modelled<typeof s3>
  | Modelled<typeof s3Control>
  | Modelled<typeof kms>
  | Modelled<typeof secretsManager>
  | Modelled<typeof sns>
  | Modelled<typeof sqs>
  | Modelled<typeof serviceQuotas>
  | Modelled<typeof ssm>
  | Modelled<typeof sts>;

/**
 * Codes of the protocols, which every service may return. Source: IAM and service API references, "Common
 * errors".
 */
type CommonCode =
  | "AccessDenied"
  | "AccessDeniedException"
  | "AuthFailure"
  | "AuthorizationHeaderMalformed"
  | "AuthorizationQueryParametersError"
  | "ExpiredToken"
  | "ExpiredTokenException"
  | "IncompleteSignature"
  | "IncompleteSignatureException"
  | "InternalError"
  | "InternalFailure"
  | "InvalidAccessKeyId"
  | "InvalidAction"
  | "InvalidArgument"
  | "InvalidClientTokenId"
  | "InvalidParameterCombination"
  | "InvalidParameterValue"
  | "InvalidSignatureException"
  | "InvalidToken"
  | "MalformedXML"
  | "MethodNotAllowed"
  | "MissingAuthenticationToken"
  | "MissingAuthenticationTokenException"
  | "MissingContentLength"
  | "MissingParameter"
  | "NotAuthorizedException"
  | "NotImplemented"
  | "RequestEntityTooLargeException"
  | "RequestExpired"
  | "RequestLimitExceeded"
  | "RequestTimeTooSkewed"
  | "SerializationException"
  | "ServerException"
  | "SignatureDoesNotMatch"
  | "SlowDown"
  | "UnauthorizedOperation"
  | "UnknownOperationException"
  | "UnsupportedOperation"
  | "UnsupportedOperationException"
  | "ValidationError"
  | "ValidationException"
  | "XAmzContentSHA256Mismatch";

/** The SDK has no error classes for EC2. Source: Amazon EC2 API Reference, "Error codes". */
export type Ec2Code =
  | "CidrConflict"
  | "IncorrectModificationState"
  | "IncorrectState"
  | "InvalidAttachment.NotFound"
  | "InvalidParameterDependency"
  | "InvalidSnapshot.InUse"
  | "InvalidSnapshot.NotFound"
  | "InvalidVolume.ZoneMismatch"
  | "InvalidVolumeModification.NotFound"
  | "VolumeInUse"
  | "IdempotentParameterMismatch"
  | "IncorrectInstanceState"
  | "InstanceLimitExceeded"
  | "InvalidAMIID.Malformed"
  | "InvalidAMIID.NotFound"
  | "InvalidAMIID.Unavailable"
  | "InvalidAMIName.Duplicate"
  | "InvalidAMIName.Malformed"
  | "InvalidKmsKey.InvalidState"
  | "InvalidInstanceAttributeValue"
  | "InvalidInstanceID.Malformed"
  | "InvalidInstanceType"
  | "InvalidKey.Format"
  | "InvalidNetworkInterface.InUse"
  | "InvalidKeyPair.Duplicate"
  | "InvalidKeyPair.NotFound"
  | "InvalidPlacementGroup.Duplicate"
  | "InvalidPlacementGroup.InUse"
  | "InvalidPlacementGroup.Unknown"
  | "InvalidUserData.Malformed"
  | "InvalidLaunchTemplateId.Malformed"
  | "InvalidLaunchTemplateId.NotFound"
  | "InvalidLaunchTemplateId.VersionNotFound"
  | "InvalidLaunchTemplateName.AlreadyExistsException"
  | "InvalidLaunchTemplateName.MalformedException"
  | "InvalidLaunchTemplateName.NotFoundException"
  | "InvalidVolume.NotFound"
  | "MissingInput"
  | "UnsupportedHibernationConfiguration"
  | "CidrLimitExceeded"
  | "VpcLimitExceeded"
  | "SubnetLimitExceeded"
  | "RouteTableLimitExceeded"
  | "RouteLimitExceeded"
  | "NetworkAclLimitExceeded"
  | "SecurityGroupLimitExceeded"
  | "DefaultSubnetAlreadyExistsInAvailabilityZone"
  | "DefaultVpcDoesNotExist"
  | "AttachmentLimitExceeded"
  | "FlowLogAlreadyExists"
  | "InsufficientFreeAddressesInSubnet"
  | "InvalidAttachmentID.NotFound"
  | "InvalidCidrBlock.InUse"
  | "InvalidCidrBlockAssociationID.NotFound"
  | "InvalidDhcpOptionID.NotFound"
  | "InvalidFlowLogId.NotFound"
  | "InvalidInstanceID.NotFound"
  | "InvalidNetworkAclEntry.NotFound"
  | "InvalidNextToken"
  | "InvalidNetworkAclID.NotFound"
  | "InvalidParameter"
  | "InvalidPolicyDocument"
  | "InvalidPrefixListID.NotFound"
  | "InvalidRouteTableId.NotFound"
  | "InvalidServiceName"
  | "InvalidStateTransition"
  | "InvalidVpcBlockPublicAccessExclusionId.NotFound"
  | "InvalidVpcEndpointId.NotFound"
  | "InvalidVpcEndpointServiceId.NotFound"
  | "InvalidConnectionNotification"
  | "InvalidPrincipal"
  | "ExistingVpcEndpointConnections"
  | "VpcEndpointServiceLimitExceeded"
  | "InvalidVpcPeeringConnectionID.NotFound"
  | "NetworkAclEntryAlreadyExists"
  | "NetworkAclEntryLimitExceeded"
  | "OperationNotPermitted"
  | "PrefixListMaxEntriesExceeded"
  | "PrefixListVersionMismatch"
  | "PrivateIpAddressLimitExceeded"
  | "VpcPeeringConnectionAlreadyExists"
  | "CannotDelete"
  | "DefaultVpcAlreadyExists"
  | "DependencyViolation"
  | "DryRunOperation"
  | "Gateway.NotAttached"
  | "InvalidAddress.NotFound"
  | "InvalidAllocationID.NotFound"
  | "InvalidAssociationID.NotFound"
  | "InvalidGroup.Duplicate"
  | "InvalidGroup.NotFound"
  | "InvalidGroupId.Malformed"
  | "InvalidID"
  | "InvalidInternetGatewayID.NotFound"
  | "InvalidIPAddress.InUse"
  | "InvalidNetworkInterfaceID.NotFound"
  | "InvalidPermission.Duplicate"
  | "InvalidPermission.NotFound"
  | "InvalidRoute.NotFound"
  | "InvalidRouteTableID.NotFound"
  | "InvalidSecurityGroupRuleId.NotFound"
  | "InvalidSubnet.Conflict"
  | "InvalidSubnet.Range"
  | "InvalidSubnetID.NotFound"
  | "InvalidVpc.Range"
  | "InvalidVpcID.NotFound"
  | "NatGatewayNotFound"
  | "Resource.AlreadyAssociated"
  | "RouteAlreadyExists"
  | "RulesPerSecurityGroupLimitExceeded"
  | "VersionLimitExceeded"
  | "VPCIdNotSpecified";

/** The SDK has classes for few errors of S3. Source: Amazon S3 API Reference, "Error responses". */
export type S3Code =
  | "AccessControlListNotSupported"
  | "AccessForbidden"
  | "BadDigest"
  | "BadRequest"
  | "BucketNotEmpty"
  | "EntityTooLarge"
  | "EntityTooSmall"
  | "IllegalLocationConstraintException"
  | "IllegalVersioningConfigurationException"
  | "IncompleteBody"
  | "InvalidBucketAclWithBlockPublicAccessError"
  | "InvalidBucketAclWithObjectOwnership"
  | "InvalidBucketName"
  | "InvalidBucketState"
  | "InvalidChunkSizeError"
  | "InvalidDigest"
  | "InvalidEncryptionAlgorithmError"
  | "InvalidLocationConstraint"
  | "InvalidPart"
  | "InvalidPartNumber"
  | "InvalidPartOrder"
  | "InvalidPolicyDocument"
  | "InvalidRange"
  | "InvalidRetentionPeriod"
  | "InvalidStorageClass"
  | "InvalidTag"
  | "InvalidTargetBucketForLogging"
  | "InvalidURI"
  | "KeyTooLongError"
  | "KMS.DisabledException"
  | "KMS.KMSInvalidStateException"
  | "KMS.NotFoundException"
  | "MalformedACLError"
  | "MalformedPolicy"
  | "MalformedPOSTRequest"
  | "MalformedTrailerError"
  | "MaxPostPreDataLengthExceededError"
  | "MetadataTooLarge"
  | "NoSuchBucketPolicy"
  | "NoSuchCORSConfiguration"
  | "NoSuchConfiguration"
  | "NoSuchLifecycleConfiguration"
  | "NoSuchObjectLockConfiguration"
  | "NoSuchPublicAccessBlockConfiguration"
  | "NoSuchTagSet"
  | "NoSuchVersion"
  | "NoSuchWebsiteConfiguration"
  | "NotModified"
  | "ObjectLockConfigurationNotFoundError"
  | "OwnershipControlsNotFoundError"
  | "PermanentRedirect"
  | "PreconditionFailed"
  | "ReplicationConfigurationNotFoundError"
  | "TooManyConfigurations"
  | "UnresolvableGrantByEmailAddress";
