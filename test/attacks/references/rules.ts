/** What a member names, and how it names it. */
export type ReferenceKind = keyof typeof TYPES;

/** The resource types of the Service Authorization Reference that a kind of reference stands for. */
export const TYPES = {
  cluster: { types: ["cluster"], conditionKey: "ecs:cluster" },
  service: { types: ["service"], conditionKey: undefined },
  task: { types: ["task"], conditionKey: undefined },
  taskDefinition: { types: ["task-definition"], conditionKey: "ecs:task-definition" },
  serviceDeployment: { types: ["service-deployment"], conditionKey: undefined },
  serviceRevision: { types: ["service-revision"], conditionKey: undefined },
  taskSet: { types: ["task-set"], conditionKey: undefined },
  ecsArn: { types: ["cluster", "service", "task", "task-definition"], conditionKey: undefined },
  passedRole: { types: ["role"], conditionKey: undefined },

  repository: { types: ["repository"], conditionKey: undefined },
  repositoryArn: { types: ["repository"], conditionKey: undefined },

  vpc: { types: ["vpc"], conditionKey: undefined },
  subnet: { types: ["subnet"], conditionKey: undefined },
  internetGateway: { types: ["internet-gateway"], conditionKey: undefined },
  address: { types: ["elastic-ip"], conditionKey: undefined },
  addressAssociation: { types: ["elastic-ip"], conditionKey: undefined },
  networkInterface: { types: ["network-interface"], conditionKey: undefined },
  natGateway: { types: ["natgateway"], conditionKey: undefined },
  routeTable: { types: ["route-table"], conditionKey: undefined },
  routeTableAssociation: { types: ["route-table"], conditionKey: undefined },
  securityGroup: { types: ["security-group"], conditionKey: undefined },
  securityGroupName: { types: ["security-group"], conditionKey: undefined },
  securityGroupRule: { types: ["security-group-rule"], conditionKey: undefined },
  ec2Id: { types: ["vpc"], conditionKey: undefined },

  loadBalancer: { types: ["loadbalancer"], conditionKey: undefined },
  listener: { types: ["listener"], conditionKey: undefined },
  rule: { types: ["listener-rule"], conditionKey: undefined },
  targetGroup: { types: ["targetgroup"], conditionKey: undefined },
  balancerPart: { types: ["loadbalancer"], conditionKey: undefined },

  scalableTarget: { types: ["scalable-target"], conditionKey: undefined },
  scalableTargetArn: { types: ["scalable-target"], conditionKey: undefined },

  certificate: { types: ["certificate"], conditionKey: undefined },

  fileSystem: { types: ["file-system"], conditionKey: undefined },
  mountTarget: { types: ["file-system"], conditionKey: undefined },
  accessPoint: { types: ["access-point"], conditionKey: undefined },
  efsResource: { types: ["file-system", "access-point"], conditionKey: undefined },

  database: { types: ["db"], conditionKey: undefined },
  subnetGroup: { types: ["subgrp"], conditionKey: undefined },
  rdsArn: { types: ["db", "subgrp"], conditionKey: undefined },

  // A policy on a group covers its streams: `log-group:NAME:*`.
  logGroupName: { types: ["log-group", "log-stream"], conditionKey: undefined },
  logGroup: { types: ["log-group", "log-stream"], conditionKey: undefined },
  logGroupArn: { types: ["log-group"], conditionKey: undefined },
  logStream: { types: ["log-stream"], conditionKey: undefined },

  user: { types: ["user"], conditionKey: undefined },
  role: { types: ["role"], conditionKey: undefined },
  group: { types: ["group"], conditionKey: undefined },
  instanceProfile: { types: ["instance-profile"], conditionKey: undefined },
  policy: { types: ["policy"], conditionKey: undefined },
  identityArn: { types: ["user", "role", "group"], conditionKey: undefined },
  assumedRole: { types: ["role"], conditionKey: undefined },

  alarm: { types: ["alarm"], conditionKey: undefined },
  alarmArn: { types: ["alarm"], conditionKey: undefined },
  dashboard: { types: ["dashboard"], conditionKey: undefined },

  kmsKey: { types: ["key"], conditionKey: undefined },
  kmsAlias: { types: ["alias", "key"], conditionKey: undefined },
  secret: { types: ["secret"], conditionKey: undefined },
  secretName: { types: ["secret"], conditionKey: undefined },
  parameter: { types: ["parameter"], conditionKey: undefined },
  parameterName: { types: ["parameter"], conditionKey: undefined },
  codeDeployApplication: { types: ["application"], conditionKey: undefined },
  codeDeployGroup: { types: ["deploymentgroup"], conditionKey: undefined },
  codeDeployConfig: { types: ["deploymentconfig"], conditionKey: undefined },
  codeDeployment: { types: ["deploymentgroup"], conditionKey: undefined },
  codeDeployArn: { types: ["application", "deploymentgroup"], conditionKey: undefined },

  bucket: { types: ["bucket"], conditionKey: undefined },
  key: { types: ["object"], conditionKey: undefined },
  copySource: { types: ["object"], conditionKey: undefined },
} as const satisfies Readonly<
  Record<string, { readonly types: readonly string[]; readonly conditionKey: string | undefined }>
>;

/** Members that name what the operation reads or changes. The first rule that matches SERVICE.OPERATION.PATH holds. */
export const SUBJECTS: readonly (readonly [RegExp, ReferenceKind])[] = [
  [/^ecs\.(?:\w+\.cluster|DescribeClusters\.clusters\[\]|CreateCluster\.clusterName)$/, "cluster"],
  [/^ecs\.\w+\.(?:service|services\[\])$/, "service"],
  [/^ecs\.CreateService\.serviceName$/, "service"],
  [/^ecs\.\w+\.(?:task|tasks\[\])$/, "task"],
  [/^ecs\.\w+\.(?:taskDefinition|taskDefinitions\[\])$/, "taskDefinition"],
  [/^ecs\.\w+\.(?:taskSet|taskSets\[\]|primaryTaskSet)$/, "taskSet"],
  [/^ecs\.\w+\.serviceDeploymentArn(?:s\[\])?$/, "serviceDeployment"],
  [/^ecs\.\w+\.serviceRevisionArns\[\]$/, "serviceRevision"],
  [/^ecs\.\w+\.resourceArn$/, "ecsArn"],
  [/^ecs\.\w+\.(?:overrides\.)?(?:taskRoleArn|executionRoleArn)$/, "passedRole"],

  [/^ecr\.\w+\.(?:repositoryName|repositoryNames\[\])$/, "repository"],
  [/^ecr\.\w+\.resourceArn$/, "repositoryArn"],

  [/^ec2\.(?!CreateNat)\w+\.(?:VpcId|VpcIds\[\])$/, "vpc"],
  [/^ec2\.\w+\.(?:SubnetId|SubnetIds\[\])$/, "subnet"],
  [/^ec2\.\w+\.(?:InternetGatewayId|InternetGatewayIds\[\])$/, "internetGateway"],
  [/^ec2\.\w+\.(?:AllocationId|AllocationIds\[\])$/, "address"],
  [/^ec2\.DisassociateAddress\.AssociationId$/, "addressAssociation"],
  [/^ec2\.DisassociateRouteTable\.AssociationId$/, "routeTableAssociation"],
  [/^ec2\.(?:AssociateAddress\.NetworkInterfaceId|\w+\.NetworkInterfaceIds\[\])$/, "networkInterface"],
  [/^ec2\.(?:DeleteNatGateway\.NatGatewayId|\w+\.NatGatewayIds\[\])$/, "natGateway"],
  [/^ec2\.\w+\.(?:RouteTableId|RouteTableIds\[\])$/, "routeTable"],
  [/^ec2\.\w+\.(?:GroupId|GroupIds\[\])$/, "securityGroup"],
  [/^ec2\.(?!CreateSecurityGroup)\w+\.(?:GroupName|GroupNames\[\])$/, "securityGroupName"],
  [/^ec2\.ModifySecurityGroupRules\.SecurityGroupRules\[\]\.SecurityGroupRuleId$/, "securityGroupRule"],
  [/^ec2\.DescribeSecurityGroupRules\.SecurityGroupRuleIds\[\]$/, "securityGroupRule"],
  [/^ec2\.\w+\.Resources\[\]$/, "ec2Id"],

  [/^elbv2\.\w+\.(?:LoadBalancerArn|LoadBalancerArns\[\])$/, "loadBalancer"],
  [/^elbv2\.\w+\.(?:ListenerArn|ListenerArns\[\])$/, "listener"],
  [/^elbv2\.\w+\.(?:RuleArn|RuleArns\[\]|RulePriorities\[\]\.RuleArn)$/, "rule"],
  [/^elbv2\.\w+\.(?:TargetGroupArn|TargetGroupArns\[\])$/, "targetGroup"],
  [/^elbv2\.\w+\.ResourceArns\[\]$/, "balancerPart"],

  [/^acm\.\w+\.CertificateArn$/, "certificate"],

  [/^efs\.\w+\.FileSystemId$/, "fileSystem"],
  [/^efs\.\w+\.MountTargetId$/, "mountTarget"],
  [/^efs\.\w+\.AccessPointId$/, "accessPoint"],
  [/^efs\.\w+\.ResourceId$/, "efsResource"],

  [/^rds\.\w+\.DBInstanceIdentifier$/, "database"],
  [/^rds\.(?!ModifyDBInstance)\w+\.DBSubnetGroupName$/, "subnetGroup"],
  [/^rds\.\w+\.ResourceName$/, "rdsArn"],

  [/^logs\.\w+\.logGroupName$/, "logGroupName"],
  [/^logs\.\w+\.logGroupIdentifier$/, "logGroup"],
  [/^logs\.\w+\.resourceArn$/, "logGroupArn"],
  [/^logs\.\w+\.logStreamName$/, "logStream"],

  [/^iam\.(?!CreateUser\.)\w+\.UserName$/, "user"],
  [/^iam\.(?!CreateRole\.)\w+\.RoleName$/, "role"],
  [/^iam\.(?!CreateGroup\.)\w+\.GroupName$/, "group"],
  [/^iam\.(?!CreateInstanceProfile\.)\w+\.InstanceProfileName$/, "instanceProfile"],
  [/^iam\.\w+\.PolicyArn$/, "policy"],
  [/^iam\.\w+\.PolicySourceArn$/, "identityArn"],
  [/^sts\.AssumeRole\.RoleArn$/, "assumedRole"],

  [/^application-autoscaling\.(?!Describe)\w+\.ResourceId$/, "scalableTarget"],
  [/^application-autoscaling\.\w+\.ResourceARN$/, "scalableTargetArn"],
  [/^cloudwatch\.(?!DescribeAlarms\.)\w+\.(?:AlarmName|AlarmNames\[\])$/, "alarm"],
  [/^cloudwatch\.\w+\.ResourceARN$/, "alarmArn"],
  [/^cloudwatch\.\w+\.(?:DashboardName|DashboardNames\[\])$/, "dashboard"],

  [/^kms\.(?!RetireGrant)\w+\.(?:KeyId|SourceKeyId|DestinationKeyId|TargetKeyId)$/, "kmsKey"],
  [/^kms\.(?:Update|Delete)Alias\.AliasName$/, "kmsAlias"],
  [/^secretsmanager\.BatchGetSecretValue\.SecretIdList\[\]$/, "secret"],
  [/^secretsmanager\.\w+\.SecretId$/, "secret"],
  [/^secretsmanager\.CreateSecret\.Name$/, "secretName"],
  [
    /^ssm\.(?:PutParameter|DeleteParameter)\.Name$|^ssm\.DeleteParameters\.Names\[\]$|^ssm\.\w+\.ResourceId$/,
    "parameterName",
  ],
  [/^ssm\.\w+\.(?:Name|Names\[\])$/, "parameter"],
  [
    /^codedeploy\.(?:(?!\w*DeploymentGroup\.|CreateDeployment\.|ListDeployments\.|BatchGetDeploymentGroups\.)\w+\.applicationName|\w+\.applicationNames\[\])$/,
    "codeDeployApplication",
  ],
  [
    /^codedeploy\.\w+\.(?:deploymentGroupName|currentDeploymentGroupName|deploymentGroupNames\[\])$/,
    "codeDeployGroup",
  ],
  [/^codedeploy\.\w+DeploymentConfig\.deploymentConfigName$/, "codeDeployConfig"],
  [/^codedeploy\.\w+\.(?:deploymentId|deploymentIds\[\])$/, "codeDeployment"],
  [/^codedeploy\.\w+\.ResourceArn$/, "codeDeployArn"],
  [/^codedeploy\.\w+\.serviceRoleArn$/, "passedRole"],

  [/^s3\.\w+\.Bucket$/, "bucket"],
  [/^s3\.\w+\.(?:Key|Delete\.Objects\[\]\.Key)$/, "key"],
  [/^s3\.\w+\.CopySource$/, "copySource"],
];

type Listed = readonly (readonly [RegExp, string])[];

/** Members that refer to a resource which AWS asks no permission for on this call, and why. */
export const MENTIONS: Listed = [
  [/^ecs\.\w+\.networkConfiguration\./, "ECS uses the subnets and groups with its service-linked role."],
  [/^ecs\.\w+\.loadBalancers\[\]\./, "ECS registers targets with its service-linked role."],
  [/^ecs\.ListTasks\.(?:family|serviceName|containerInstance)$/, "Narrows a list within the cluster."],
  [/^ecs\.RegisterTaskDefinition\.family$/, "Names the new revision; its resource is the family."],
  [/^ec2\.(?:Create|Replace)Route\.(?:GatewayId|NatGatewayId|NetworkInterfaceId)$/, "Only the route table."],
  [/UserIdGroupPairs\[\]|\.ReferencedGroupId$|\.SourceSecurityGroup/, "A peer of a rule, not its group."],
  [/^ec2\.(?:Revoke|Update)SecurityGroup\w+\.SecurityGroupRule/, "A rule of the group that is asked for."],
  [/^elbv2\.\w+\.(?:Subnets\[\]|SubnetMappings|SecurityGroups\[\]|VpcId)/, "Only the load balancer's part."],
  [/^elbv2\.\w+\.(?:Names\[\]|(?:Default)?Actions\[\]|Certificates\[\])/, "Only the load balancer's part."],
  [/^elbv2\.\w+\.Targets\[\]\.Id$/, "An address within the load balancer's VPC."],
  [/^efs\.CreateMountTarget\.SubnetId$/, "Asked of EC2 for the subnet's id, which is its only spelling."],
  [/^efs\.\w+\.SecurityGroups\[\]$/, "Groups of the mount target's interface."],
  [/^rds\.\w+\.(?:SubnetIds\[\]|VpcSecurityGroupIds\[\])$/, "Only the instance or the subnet group."],
  [/^logs\.FilterLogEvents\.logStreamNames\[\]$/, "FilterLogEvents is asked for the group."],
  [/^iam\.Simulate\w+\./, "A simulation reads only the identity that it is about."],
  [/^iam\.\w+\.DeletionTaskId$/, "A deletion of the service-linked role that the id names."],
  [/^iam\.\w+\.AccessKeyId$/, "A key of the user that is asked for."],
  [/^application-autoscaling\.Describe\w+\.\w*Resource/, "Narrows a list of the account."],
  [/^application-autoscaling\.\w+\.RoleARN$/, "Recorded for no one: the service-linked role is used."],
  [/^cloudwatch\.DescribeAlarms\./, "A list is asked for every alarm of the account."],
  [/^codedeploy\.\w+\.applicationName$/, "A part of the deployment group's name."],
  [/^codedeploy\.\w+\.deploymentConfigName$/, "Read by whoever may change or deploy the group."],
  [/^codedeploy\.\w+\.(?:ecsServices|loadBalancerInfo)/, "Used with the group's role."],
  [/^codedeploy\.\w+\.(?:alarmConf|overrideAlarm)/, "Alarms that end a deployment."],
  [/^codedeploy\.\w+\.targetIds?(?:\[\])?$/, "The service of the deployment that is asked for."],
  [
    /^codedeploy\.\w+\.(?:revisions?(?:\[\])?\.|s3Bucket)/,
    "CreateDeployment asks for the object as S3 does; elsewhere it is only text.",
  ],
  [/^sts\.AssumeRole\.PolicyArns\[\]\.arn$/, "A policy of the session, which can only take away."],
  [/^s3\.\w+\.(?:UploadId|VersionId|Delete\.Objects\[\]\.VersionId)$/, "Below the key that is asked for."],
  [/^iam\.\w+\.VersionId$/, "A version of the policy that is asked for."],
  [
    /^kms\.\w+\.GrantId$|^kms\.RetireGrant\.KeyId$/,
    "A grant of the key that is asked for, which says who may retire it.",
  ],
  [/^secretsmanager\.\w+\.\w*VersionId$/, "A version of the secret that is asked for."],
  [/^ecr\.\w+\.uploadId$/, "An upload of the repository that is asked for."],
  [/^ecr\.\w+\.(?:registryId|registryIds\[\])$/, "The caller's own registry; another one is refused."],
];

/** Members that refer to nothing here: names of what is created, parts of a document, resources that Gantry does not have. */
export const OTHERS: Listed = [
  [/[tT]ags?\[?\]?(?:Set\[\])?\.[kK]ey$|TagSet\[\]\.Key$|Filter\.Tag\.Key$/, "The key of a tag."],
  [/^ec2\.\w+\.Filters?\[\]|^rds\.\w+\.Filters\[\]/, "The name of a filter."],
  [/[kK]ms|KMS|SSEKMS/, "Keys of KMS, which Gantry does not have."],
  [/^ecs\.\w+\.(?:settings\[\]|configuration\.)/, "Settings."],
  [/[cC]apacityProvider/, "FARGATE and FARGATE_SPOT alone."],
  [/^ecs\.CreateTaskSet\.externalId$/, "A name that the caller gives the task set."],
  [/^ecs\.RegisterTaskDefinition\./, "Parts of the definition; its roles are subjects."],
  [/^ecs\.ContinueServiceDeployment\.hookId$/, "A hook of the deployment."],
  [
    /^ecs\.\w+\.deploymentConfiguration/,
    "Alarms and hooks, which ECS uses; their roles are passed (pass-role).",
  ],
  [/^ecs\.RunTask\.(?:group|referenceId|overrides\.)/, "Labels and names within the task definition."],
  [/^ecs\.\w+\.volumeConfigurations\[\]|^ecs\.\w+\.(?:serviceRegistries|vpcLattice|gatewayConn)/, "Refused."],
  [/^ecs\.\w+\.(?:serviceConnectConfiguration|monitoring|daemonName)/, "Refused."],
  [/^ecs\.CreateService\.role$/, "The service-linked role; another one is refused."],
  [/Ipam|Outpost|Endpoint|TransitG|LocalGateway|CarrierG|CoreNetwork|OdbNetwork|EgressOnly/, "Not had."],
  [/VpcPeering|PrefixList|^ec2\.\w+\.InstanceId$|AvailabilityZone|ZoneNames|ZoneIds/, "Not had, or a zone."],
  [/^ec2\.(?:CreateNatGateway\.(?:SecondaryAllocationIds|VpcId)|AssociateRouteTable\.GatewayId)/, "Refused."],
  [
    /^ec2\.(?:CreateSecurityGroup\.GroupName|\w+\.AttributeNames)/,
    "The name of what is created, or asked for.",
  ],
  [/^iam\.Create(?:User|Role|Group|InstanceProfile)\.\w+Name$/, "The name of what is created."],
  [/^iam\.\w+\.(?:NewUserName|NewGroupName|PolicyName)$/, "The new name, or an inline policy's."],
  [/^iam\.CreateServiceLinkedRole\.AWSServiceName$/, "A service of AWS, which a condition key holds."],
  [/^sts\.AssumeRole\.(?:RoleSessionName|ExternalId|ProvidedContexts)/, "Names the session."],
  [/^logs\.DescribeLogGroups\.(?:accountIdentifiers|logGroupIdentifiers)\[\]$/, "Refused."],
  [
    /^elbv2\.Create\w+\.Name$|^elbv2\.\w+\.Attributes\[\]\.Key$/,
    "The name of what is created, or asked for.",
  ],
  [/^elbv2\.\w+\.(?:MutualAuthentication|Conditions|Targets\[\]\.QuicServerId)/, "Not had, or a condition."],
  [
    /^application-autoscaling\.\w+\.(?:Policy|ScheduledAction)Names?(?:\[\])?$/,
    "Below the target that is asked for.",
  ],
  [/^application-autoscaling\.\w+\.\w+Configuration\./, "A metric, which is no resource."],
  [/^cloudwatch\.\w+\.(?:AlarmContributorId|\w+\[\]\.AccountId)$/, "Refused or recorded."],
  [/^cloudwatch\..*(?:MetricName|Dimensions\[\]\.Name|\w+\[\]\.Id|MetricId)$/, "A metric is no resource."],
  [
    /^secretsmanager\.RotateSecret\.\w+Arn$|^secretsmanager\.RotateSecret\.RotationLambdaARN$/,
    "Recorded or refused.",
  ],
  [/^kms\.(?:CreateAlias\.AliasName|CreateGrant\.Name)$/, "The name of what is created."],
  [/^kms\.(?:\w+\.(?:CustomKeyStoreId|XksKeyId)|CreateGrant\.Constraints)/, "Refused, or a constraint."],
  [/^kms\.\w+\.PolicyName$/, "A key has one policy."],
  [/^secretsmanager\.RotateSecret\.ExternalSecret/, "Refused."],
  [/^ssm\.PutParameter\.KeyId$/, "Keys of KMS."],
  [/^(?:ssm|secretsmanager)\.\w+\.(?:Parameter)?Filters\[\]\.Key$/, "The name of a filter."],
  [/^codedeploy\.\w+\.(?:ec2|onPremises|autoScaling|targetInstances|triggerConf|zonal)/, "Not had."],
  [/^codedeploy\.\w+\.(?:new\w+Name|externalId|lifecycleEventHookExecutionId)$/, "New names, or ids."],
  [/^acm\.RequestCertificate\./, "Names within the certificate."],
  [
    /^rds\.\w+\.(?:DBName|MasterUsername|NewDBInstanceIdentifier|FinalDBSnapshot\w+|DBSystemId)$/,
    "New names.",
  ],
  [
    /^rds\.ModifyDBInstance\.DBSubnetGroupName$|^rds\.\w+\.(?:DBParameterGroupName|OptionGroupName|\w*CharacterSetName|DBClusterIdentifier)$/,
    "Not had.",
  ],
  [
    /^rds\.\w+\.(?:TdeCred|DomainAuth|MonitoringRole|DomainIAM|Processor|CACert|Additional|DBCap|AwsB)/,
    "Not had.",
  ],
  [/^ecr\.PutReplicationConfiguration\./, "Refused unless empty."],
  [
    /^s3\.\w+\.(?:CreateBucketConfiguration|AccessControlPolicy|LifecycleConf|CORSConf|Website)/,
    "A document.",
  ],
  [/^s3\.\w+\.(?:NotificationConfiguration|ServerSideEncryption)/, "A document; targets are refused."],
];
