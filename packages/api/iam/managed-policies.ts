/**
 * AWS's managed policies that users of these services attach, with their documents.
 * Source: AWS Managed Policy Reference Guide; docs/managed-policies.md has the table.
 */
type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

const allow = (
  Action: readonly string[] | string,
  Resource: string | readonly string[] = "*",
  Condition?: Condition,
) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...(Condition === undefined ? {} : { Condition }),
});
const named = (prefix: string, names: string): readonly string[] =>
  names.split(" ").map((name) => `${prefix}:${name}`);

const ECR_READ = named(
  "ecr",
  "GetAuthorizationToken BatchCheckLayerAvailability GetDownloadUrlForLayer GetRepositoryPolicy DescribeRepositories ListImages DescribeImages BatchGetImage GetLifecyclePolicy GetLifecyclePolicyPreview ListTagsForResource DescribeImageScanFindings",
);
const LINKED_ROLE = (services: readonly string[]) =>
  allow(["iam:CreateServiceLinkedRole"], "*", { StringEquals: { "iam:AWSServiceName": services } });
const PASS_TO_TASKS: Condition = { StringLike: { "iam:PassedToService": ["ecs-tasks.amazonaws.com"] } };
const ELB_FOR_DEPLOYMENTS = named(
  "elasticloadbalancing",
  "DescribeTargetGroups DescribeListeners ModifyListener DescribeRules ModifyRule",
);

const DOCUMENTS: Readonly<Record<string, readonly object[]>> = {
  AdministratorAccess: [allow("*")],
  PowerUserAccess: [
    { Effect: "Allow", NotAction: ["iam:*", "organizations:*", "account:*"], Resource: "*" },
    allow([
      ...named("account", "GetAccountInformation GetGovCloudAccountInformation GetPrimaryEmail ListRegions"),
      ...named("iam", "CreateServiceLinkedRole DeleteServiceLinkedRole ListRoles"),
      "organizations:DescribeOrganization",
      "organizations:DescribeEffectivePolicy",
    ]),
  ],
  IAMFullAccess: [
    allow([
      "iam:*",
      ...named(
        "organizations",
        "DescribeAccount DescribeOrganization DescribeOrganizationalUnit DescribePolicy ListChildren ListParents ListPoliciesForTarget ListRoots ListPolicies ListTargetsForPolicy",
      ),
    ]),
  ],
  IAMReadOnlyAccess: [
    allow(
      named(
        "iam",
        "GenerateCredentialReport GenerateServiceLastAccessedDetails Get* List* SimulateCustomPolicy SimulatePrincipalPolicy",
      ),
    ),
  ],
  AmazonS3FullAccess: [allow(["s3:*", "s3-object-lambda:*"])],
  AmazonS3ReadOnlyAccess: [
    allow([...named("s3", "Get* List* Describe*"), ...named("s3-object-lambda", "Get* List*")]),
  ],
  AmazonECS_FullAccess: [
    allow([
      ...named(
        "application-autoscaling",
        "DeleteScalingPolicy DeregisterScalableTarget DescribeScalableTargets DescribeScalingActivities DescribeScalingPolicies PutScalingPolicy RegisterScalableTarget",
      ),
      ...named("cloudwatch", "DeleteAlarms DescribeAlarms GetMetricStatistics PutMetricAlarm"),
      ...named(
        "codedeploy",
        "BatchGetApplicationRevisions BatchGetApplications BatchGetDeploymentGroups BatchGetDeployments ContinueDeployment CreateApplication CreateDeployment CreateDeploymentGroup GetApplication GetApplicationRevision GetDeployment GetDeploymentConfig GetDeploymentGroup GetDeploymentTarget ListApplicationRevisions ListApplications ListDeploymentConfigs ListDeploymentGroups ListDeployments ListDeploymentTargets RegisterApplicationRevision StopDeployment",
      ),
      ...named(
        "ec2",
        "AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupIngress CreateInternetGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateVpc DeleteSubnet DeleteVpc Describe* DetachInternetGateway DisassociateRouteTable ModifySubnetAttribute ModifyVpcAttribute RunInstances",
      ),
      "ecs:*",
      ...named("elasticfilesystem", "DescribeAccessPoints DescribeFileSystems"),
      ...named(
        "elasticloadbalancing",
        "CreateListener CreateLoadBalancer CreateRule CreateTargetGroup DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup DescribeListeners DescribeLoadBalancers DescribeRules DescribeTargetGroups",
      ),
      ...named(
        "events",
        "DeleteRule DescribeRule ListRuleNamesByTarget ListTargetsByRule PutRule PutTargets RemoveTargets",
      ),
      ...named("iam", "ListAttachedRolePolicies ListInstanceProfiles ListRoles"),
      ...named("logs", "CreateLogGroup DescribeLogGroups FilterLogEvents"),
      ...named(
        "route53",
        "CreateHostedZone DeleteHostedZone GetHealthCheck GetHostedZone ListHostedZonesByName",
      ),
      ...named(
        "servicediscovery",
        "CreatePrivateDnsNamespace CreateService DeleteService GetNamespace GetOperation GetService ListNamespaces ListServices UpdateService",
      ),
      "sns:ListTopics",
    ]),
    allow(
      named("ssm", "GetParameter GetParameters GetParametersByPath"),
      "arn:aws:ssm:*:*:parameter/aws/service/ecs*",
    ),
    allow("iam:PassRole", "*", { StringLike: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } }),
    allow("iam:PassRole", "arn:aws:iam::*:role/ecsInstanceRole*", {
      StringLike: { "iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"] },
    }),
    allow("iam:PassRole", "arn:aws:iam::*:role/ecsAutoscaleRole*", {
      StringLike: {
        "iam:PassedToService": [
          "application-autoscaling.amazonaws.com",
          "application-autoscaling.amazonaws.com.cn",
        ],
      },
    }),
    allow("iam:CreateServiceLinkedRole", "*", {
      StringLike: {
        "iam:AWSServiceName": [
          "ecs.amazonaws.com",
          "autoscaling.amazonaws.com",
          "ecs.application-autoscaling.amazonaws.com",
        ],
      },
    }),
    allow(["elasticloadbalancing:AddTags"], "*", {
      StringEquals: {
        "elasticloadbalancing:CreateAction": [
          "CreateTargetGroup",
          "CreateRule",
          "CreateListener",
          "CreateLoadBalancer",
        ],
      },
    }),
  ],
  "service-role/AmazonECSTaskExecutionRolePolicy": [
    allow([
      ...named(
        "ecr",
        "GetAuthorizationToken BatchCheckLayerAvailability GetDownloadUrlForLayer BatchGetImage",
      ),
      ...named("logs", "CreateLogStream PutLogEvents"),
    ]),
  ],
  AmazonECSInfrastructureRolePolicyForLoadBalancers: [
    allow(
      named(
        "elasticloadbalancing",
        "DescribeListeners DescribeRules DescribeTargetGroups DescribeTargetHealth",
      ),
    ),
    allow(
      named("elasticloadbalancing", "RegisterTargets DeregisterTargets"),
      "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*",
    ),
    allow("elasticloadbalancing:ModifyListener", [
      "arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*",
      "arn:aws:elasticloadbalancing:*:*:listener/net/*/*/*",
    ]),
    allow("elasticloadbalancing:ModifyRule", "arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*"),
  ],
  "service-role/AmazonEC2ContainerServiceRole": [
    allow([
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:Describe*",
      ...named(
        "elasticloadbalancing",
        "DeregisterInstancesFromLoadBalancer DeregisterTargets Describe* RegisterInstancesWithLoadBalancer RegisterTargets",
      ),
    ]),
  ],
  "service-role/AmazonEC2ContainerServiceforEC2Role": [
    allow([
      "ec2:DescribeTags",
      ...named(
        "ecs",
        "CreateCluster DeregisterContainerInstance DiscoverPollEndpoint Poll RegisterContainerInstance StartTelemetrySession UpdateContainerInstancesState Submit*",
      ),
      ...named(
        "ecr",
        "GetAuthorizationToken BatchCheckLayerAvailability GetDownloadUrlForLayer BatchGetImage",
      ),
      ...named("logs", "CreateLogStream PutLogEvents"),
    ]),
    allow("ecs:TagResource", "*", {
      StringEquals: { "ecs:CreateAction": ["CreateCluster", "RegisterContainerInstance"] },
    }),
    allow("ecs:ListTagsForResource", ["arn:aws:ecs:*:*:task/*/*", "arn:aws:ecs:*:*:container-instance/*/*"]),
  ],
  "service-role/AmazonEC2ContainerServiceAutoscaleRole": [
    allow(named("ecs", "DescribeServices UpdateService")),
    allow(named("cloudwatch", "DescribeAlarms PutMetricAlarm")),
  ],
  AmazonEC2ContainerRegistryFullAccess: [
    allow(["ecr:*", "cloudtrail:LookupEvents"]),
    LINKED_ROLE(["replication.ecr.amazonaws.com"]),
  ],
  AmazonEC2ContainerRegistryPowerUser: [
    allow([...ECR_READ, ...named("ecr", "InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage")]),
  ],
  AmazonEC2ContainerRegistryReadOnly: [allow(ECR_READ)],
  AmazonEC2ContainerRegistryPullOnly: [
    allow(
      named("ecr", "GetAuthorizationToken BatchGetImage GetDownloadUrlForLayer BatchImportUpstreamImage"),
    ),
  ],
  AmazonEC2FullAccess: [
    ...["ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "autoscaling:*"].map((action) => allow(action)),
    allow("iam:CreateServiceLinkedRole", "*", {
      StringEquals: {
        "iam:AWSServiceName": [
          "autoscaling.amazonaws.com",
          "ec2scheduled.amazonaws.com",
          "elasticloadbalancing.amazonaws.com",
          "spot.amazonaws.com",
          "spotfleet.amazonaws.com",
          "transitgateway.amazonaws.com",
        ],
      },
    }),
  ],
  AmazonElasticFileSystemClientFullAccess: [
    allow(named("elasticfilesystem", "ClientMount ClientRootAccess ClientWrite DescribeMountTargets")),
  ],
  AmazonElasticFileSystemClientReadWriteAccess: [
    allow(named("elasticfilesystem", "ClientMount ClientWrite DescribeMountTargets")),
  ],
  AmazonElasticFileSystemClientReadOnlyAccess: [
    allow(named("elasticfilesystem", "ClientMount DescribeMountTargets")),
  ],
  CloudWatchLogsFullAccess: [
    allow([
      "logs:*",
      ...named("cloudwatch", "GenerateQuery GenerateQueryResultsSummary"),
      ...named("observabilityadmin", "GetS3TableIntegration ListS3TableIntegrations ListTelemetryPipelines"),
    ]),
  ],
  AWSCertificateManagerReadOnly: [
    allow(
      named(
        "acm",
        "DescribeCertificate ListCertificates GetCertificate ListTagsForCertificate GetAccountConfiguration",
      ),
    ),
  ],
  AWSCodeDeployRoleForECS: [
    allow([
      ...named("ecs", "DescribeServices CreateTaskSet UpdateServicePrimaryTaskSet DeleteTaskSet"),
      ...ELB_FOR_DEPLOYMENTS,
      "lambda:InvokeFunction",
      "cloudwatch:DescribeAlarms",
      "sns:Publish",
      ...named("s3", "GetObject GetObjectVersion"),
    ]),
    allow(["iam:PassRole"], "*", PASS_TO_TASKS),
  ],
  AWSCodeDeployRoleForECSLimited: [
    allow([
      ...named("ecs", "DescribeServices CreateTaskSet UpdateServicePrimaryTaskSet DeleteTaskSet"),
      "cloudwatch:DescribeAlarms",
    ]),
    allow(["sns:Publish"], "arn:aws:sns:*:*:CodeDeployTopic_*"),
    allow(ELB_FOR_DEPLOYMENTS),
    allow(["lambda:InvokeFunction"], "arn:aws:lambda:*:*:function:CodeDeployHook_*"),
    allow(named("s3", "GetObject GetObjectVersion"), "*", {
      StringEquals: { "s3:ExistingObjectTag/UseWithCodeDeploy": "true" },
    }),
    allow(
      ["iam:PassRole"],
      ["arn:aws:iam::*:role/ecsTaskExecutionRole", "arn:aws:iam::*:role/ECSTaskExecution*"],
      PASS_TO_TASKS,
    ),
  ],
  AmazonSSMReadOnlyAccess: [allow(named("ssm", "Describe* Get* List*"))],
  "aws-service-role/AmazonECSServiceRolePolicy": [
    allow([
      ...named(
        "ec2",
        "AttachNetworkInterface CreateNetworkInterface CreateNetworkInterfacePermission DeleteNetworkInterface DeleteNetworkInterfacePermission Describe* DetachNetworkInterface",
      ),
      ...named(
        "elasticloadbalancing",
        "DeregisterInstancesFromLoadBalancer DeregisterTargets Describe* RegisterInstancesWithLoadBalancer RegisterTargets",
      ),
      ...named(
        "route53",
        "ChangeResourceRecordSets CreateHealthCheck DeleteHealthCheck Get* List* UpdateHealthCheck",
      ),
      ...named(
        "servicediscovery",
        "DeregisterInstance Get* List* RegisterInstance UpdateInstanceCustomHealthStatus",
      ),
    ]),
    allow(
      named("cloudwatch", "DeleteAlarms DescribeAlarms PutMetricAlarm"),
      "arn:aws:cloudwatch:*:*:alarm:*",
    ),
    allow(
      named("logs", "CreateLogGroup DescribeLogGroups PutRetentionPolicy"),
      "arn:aws:logs:*:*:log-group:/aws/ecs/*",
    ),
    allow(
      named("logs", "CreateLogStream DescribeLogStreams PutLogEvents"),
      "arn:aws:logs:*:*:log-group:/aws/ecs/*:log-stream:*",
    ),
  ],
  "aws-service-role/AWSElasticLoadBalancingServiceRolePolicy": [
    allow([
      ...named(
        "ec2",
        "DescribeAddresses DescribeInstances DescribeNetworkInterfaces DescribeSubnets DescribeSecurityGroups DescribeVpcs DescribeInternetGateways DescribeAccountAttributes CreateSecurityGroup CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute AllocateAddress AuthorizeSecurityGroupIngress AssociateAddress DisassociateAddress AttachNetworkInterface DetachNetworkInterface AssignPrivateIpAddresses AssignIpv6Addresses ReleaseAddress UnassignIpv6Addresses",
      ),
      ...named(
        "logs",
        "CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries",
      ),
    ]),
  ],
  "aws-service-role/AmazonRDSServiceRolePolicy": [
    allow(
      named(
        "ec2",
        "AllocateAddress AssociateAddress AuthorizeSecurityGroupIngress CreateNetworkInterface CreateSecurityGroup DeleteNetworkInterface DeleteSecurityGroup DescribeAddresses DescribeAvailabilityZones DescribeInternetGateways DescribeSecurityGroups DescribeSubnets DescribeVpcAttribute DescribeVpcs DisassociateAddress ModifyNetworkInterfaceAttribute ModifyVpcEndpoint ReleaseAddress RevokeSecurityGroupIngress",
      ),
    ),
    allow("logs:CreateLogGroup", "arn:aws:logs:*:*:log-group:/aws/rds/*"),
    allow(
      named("logs", "CreateLogStream PutLogEvents DescribeLogStreams"),
      "arn:aws:logs:*:*:log-group:/aws/rds/*:log-stream:*",
    ),
    allow("cloudwatch:PutMetricData", "*", {
      StringEquals: { "cloudwatch:namespace": ["AWS/DocDB", "AWS/Neptune", "AWS/RDS", "AWS/Usage"] },
    }),
  ],
  "aws-service-role/AmazonElasticFileSystemServiceRolePolicy": [
    allow([
      ...named(
        "ec2",
        "CreateNetworkInterface DeleteNetworkInterface DescribeSecurityGroups DescribeSubnets DescribeNetworkInterfaceAttribute ModifyNetworkInterfaceAttribute",
      ),
      "tag:GetResources",
    ]),
  ],
  "aws-service-role/AWSApplicationAutoscalingECSServicePolicy": [
    allow([
      ...named("ecs", "DescribeServices UpdateService"),
      ...named("cloudwatch", "PutMetricAlarm DescribeAlarms DeleteAlarms"),
    ]),
  ],
};

/** The document of one of AWS's managed policies, or undefined where it is not known here. */
export function managedPolicyDocument(arn: string): string | undefined {
  const name = /^arn:aws:iam::aws:policy\/(.+)$/.exec(arn)?.[1];
  const statements = name === undefined ? undefined : DOCUMENTS[name];
  return statements === undefined
    ? undefined
    : JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

export function managedPolicyArns(): readonly string[] {
  return Object.keys(DOCUMENTS).map((name) => `arn:aws:iam::aws:policy/${name}`);
}
