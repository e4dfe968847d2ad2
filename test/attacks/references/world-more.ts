import { newAuthority } from "@gantry/tls";
import type { ServiceName } from "../loaded-services.ts";
import { global, type Send } from "./targets.ts";
import { enableDevice, sshKey, uploadServerCertificate } from "./world-identities.ts";
import type { World } from "./world.ts";

/** EC2's pages have at least five items. */
const COUNT = 6;
const DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*" },
});
const LOG_POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { Service: "delivery.logs.amazonaws.com" },
    Action: "logs:PutLogEvents",
    Resource: "*",
  },
});
const TAGS = [1, 2, 3].map((each) => ({ Key: `k${each}`, Value: "v" }));
const valueIn = (output: Record<string, unknown>, ...path: readonly string[]): string =>
  // Members of the answer.
  String(path.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], output));

/** More resources of every kind that a list has, so that each list has several pages. */
export async function createMore(send: Send, { targets, defaults }: World): Promise<void> {
  const idOf = (kind: string) => targets.find((each) => each.kind === kind)?.spellings[0] ?? "";
  await moreOfNetwork(send, idOf);
  await moreOfIdentities(send);
  await moreOfTasks(send);
  await moreOfStores(send, idOf, defaults);
  await moreOfSmallServices(send, defaults);
  await moreOfBalancers(send, idOf, defaults);
  await moreOfCredentials(send);
}

async function moreOfNetwork(send: Send, idOf: (kind: string) => string): Promise<void> {
  const make = (operation: string, input: object) => send("ec2", operation, input);
  const VpcId = idOf("vpc");
  for (let count = 1; count <= COUNT; count += 1) {
    const made = await make("CreateVpc", { CidrBlock: `10.${100 + count}.0.0/16` });
    const peer = valueIn(made, "Vpc", "VpcId");
    const subnet = await make("CreateSubnet", { VpcId: peer, CidrBlock: `10.${100 + count}.1.0/24` });
    const SubnetId = valueIn(subnet, "Subnet", "SubnetId");
    await make("CreateInternetGateway", {});
    await make("CreateSecurityGroup", { VpcId, GroupName: `more-${count}`, Description: "d" });
    await make("CreateDhcpOptions", { DhcpConfigurations: [{ Key: "domain-name", Values: [`${count}.a`] }] });
    await make("CreateVpcPeeringConnection", { VpcId, PeerVpcId: peer });
    await make("CreateVpcEndpoint", { VpcId: peer, ServiceName: "com.amazonaws.eu-south-1.s3" });
    const mode = { VpcId: peer, InternetGatewayExclusionMode: "allow-egress" };
    await make("CreateVpcBlockPublicAccessExclusion", mode);
    await make("CreateNetworkInterface", { SubnetId });
    const { AllocationId } = await make("AllocateAddress", {});
    const template = { LaunchTemplateName: `more-${count}`, LaunchTemplateData: { KeyName: "prod" } };
    await make("CreateLaunchTemplate", template);
    await make("CreateNatGateway", { SubnetId, AllocationId });
    await make("CreateFlowLogs", {
      ResourceIds: [SubnetId],
      ResourceType: "Subnet",
      TrafficType: "ALL",
      LogDestinationType: "s3",
      LogDestination: "arn:aws:s3:::flows",
    });
  }
  const Entries = Array.from({ length: COUNT }, (_, index) => ({ Cidr: `10.${index}.0.0/16` }));
  const list = { PrefixListName: "more", AddressFamily: "IPv4", MaxEntries: COUNT, Entries };
  const PrefixListId = valueIn(await make("CreateManagedPrefixList", list), "PrefixList", "PrefixListId");
  for (let count = 1; count <= COUNT; count += 1) {
    await make("CreateManagedPrefixList", { ...list, PrefixListName: `more-${count}` });
    const group = { VpcId, GroupName: `listed-${count}`, Description: "d" };
    const { GroupId } = await make("CreateSecurityGroup", group);
    const PrefixListIds = [{ PrefixListId }];
    const IpPermissions = [{ IpProtocol: "tcp", FromPort: count, ToPort: count, PrefixListIds }];
    await make("AuthorizeSecurityGroupIngress", { GroupId, IpPermissions });
  }
}

async function moreOfIdentities(send: Send): Promise<void> {
  const make = (operation: string, input: object) => send("iam", operation, input);
  for (const name of ["more-1", "more-2"]) {
    await make("CreateUser", { UserName: name });
    await make("CreateRole", {
      RoleName: name,
      AssumeRolePolicyDocument: DOCUMENT.replace('"Resource":"*"', `"Principal":{"AWS":"*"}`).replace(
        "s3:GetObject",
        "sts:AssumeRole",
      ),
    });
    await make("CreateGroup", { GroupName: name });
    await make("AddUserToGroup", { GroupName: name, UserName: "prod" });
    await make("AddUserToGroup", { GroupName: "prod", UserName: name });
    await make("CreateInstanceProfile", { InstanceProfileName: name });
    await make("AddRoleToInstanceProfile", { InstanceProfileName: name, RoleName: "prod" });
    const made = await make("CreatePolicy", { PolicyName: name, PolicyDocument: DOCUMENT });
    const PolicyArn = valueIn(made, "Policy", "Arn");
    for (const type of ["User", "Role", "Group"]) {
      await make(`Put${type}Policy`, { [`${type}Name`]: "prod", PolicyName: name, PolicyDocument: DOCUMENT });
      await make(`Attach${type}Policy`, { [`${type}Name`]: "prod", PolicyArn });
    }
    await make("CreateVirtualMFADevice", { VirtualMFADeviceName: name });
    await uploadServerCertificate(send, name);
  }
  const policy = global("policy/team/prod");
  await make("CreatePolicyVersion", { PolicyArn: policy, PolicyDocument: DOCUMENT });
  await make("CreateAccessKey", { UserName: "prod" });
  await make("TagUser", { UserName: "prod", Tags: TAGS });
  await make("TagRole", { RoleName: "prod", Tags: TAGS });
  await make("TagPolicy", { PolicyArn: policy, Tags: TAGS });
  await make("TagInstanceProfile", { InstanceProfileName: "prod", Tags: TAGS });
  await make("TagMFADevice", { SerialNumber: global("mfa/team/prod"), Tags: TAGS });
  const OpenIDConnectProviderArn = global("oidc-provider/prod.example");
  await make("TagOpenIDConnectProvider", { OpenIDConnectProviderArn, Tags: TAGS });
  await make("TagServerCertificate", { ServerCertificateName: "prod", Tags: TAGS });
  await make("TagSAMLProvider", { SAMLProviderArn: global("saml-provider/prod"), Tags: TAGS });
}

/** A second device, SSH key and signing certificate of the user. */
async function moreOfCredentials(send: Send): Promise<void> {
  const UserName = "prod";
  const { certificatePem: CertificateBody } = await newAuthority(Date.now());
  await send("iam", "UploadSigningCertificate", { UserName, CertificateBody });
  await send("iam", "UploadSSHPublicKey", { UserName, SSHPublicKeyBody: sshKey(0x66) });
  await enableDevice(send, "more-3");
}

type Defaults = World["defaults"];

/** An input as the world's defaults have it for an operation: those that are given for it alone, and `more`. */
function inputFor(defaults: Defaults, service: ServiceName, operation: string, more: object): object {
  const own = Object.entries(defaults[service]).flatMap(([name, value]) =>
    name.startsWith(`${operation}.`) ? [[name.slice(operation.length + 1), value]] : [],
  );
  return { ...(Object.fromEntries(own) as object), ...more };
}

async function moreOfTasks(send: Send): Promise<void> {
  const { services } = await send("ecs", "DescribeServices", { cluster: "prod", services: ["web"] });
  const [{ networkConfiguration, taskDefinition }] = services as [
    { networkConfiguration: unknown; taskDefinition: string },
  ]; // As answered.
  for (const serviceName of ["more-1", "more-2"])
    for (const cluster of ["prod", "default"])
      await send("ecs", "CreateService", {
        cluster,
        serviceName,
        taskDefinition,
        desiredCount: 0,
        networkConfiguration,
      });
  for (const cluster of ["prod", "default"])
    await send("ecs", "RunTask", { cluster, taskDefinition, count: 3, networkConfiguration });
  await send("ecs", "UpdateService", { cluster: "prod", service: "web", forceNewDeployment: true });
  for (const name of ["containerInsights", "taskLongArnFormat"]) {
    const value = name === "containerInsights" ? "enhanced" : "enabled";
    await send("ecs", "PutAccountSetting", { name, value });
  }
  for (const repositoryName of ["more-1", "more-2"])
    await send("ecr", "CreateRepository", { repositoryName });
  for (const imageTag of ["1", "2", "3"])
    await send("ecr", "PutImage", {
      repositoryName: "prod",
      imageTag,
      imageManifest: JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [],
        annotations: { imageTag },
      }),
    });
}

async function moreOfStores(send: Send, idOf: (kind: string) => string, defaults: Defaults): Promise<void> {
  for (const name of ["more-1", "more-2"]) {
    await send("efs", "CreateFileSystem", { CreationToken: name });
    await send("efs", "CreateAccessPoint", { FileSystemId: idOf("fileSystem"), ClientToken: name });
    await send("logs", "CreateLogGroup", { logGroupName: name });
    await send("logs", "CreateLogStream", { logGroupName: "prod", logStreamName: name });
    await send("logs", "PutMetricFilter", {
      logGroupName: "prod",
      filterName: name,
      filterPattern: "",
      metricTransformations: [{ metricName: "m", metricNamespace: "n", metricValue: "1" }],
    });
    await send("sqs", "CreateQueue", { QueueName: name });
    await send("logs", "PutQueryDefinition", { name, queryString: "fields @message" });
    await send("logs", "PutResourcePolicy", { policyName: name, policyDocument: LOG_POLICY });
    await send("logs", "PutDestination", {
      destinationName: name,
      targetArn: "arn:aws:kinesis:eu-south-1:000000000000:stream/s",
      roleArn: "arn:aws:iam::000000000000:role/none",
    });
    await send("acm", "RequestCertificate", { DomainName: `${name}.example` });
    await send("s3", "PutObject", { Bucket: "prod", Key: name, Body: "x" });
    await send("s3", "CreateMultipartUpload", { Bucket: "prod", Key: name });
    await send("secretsmanager", "CreateSecret", { Name: name, SecretString: "x" });
    await send("secretsmanager", "PutSecretValue", { SecretId: "prod", SecretString: name });
    await send("ssm", "PutParameter", { Name: `/prod/${name}`, Value: "x", Type: "String" });
    await send("ssm", "PutParameter", { Name: "/prod/a", Value: name, Overwrite: true });
    const Content = JSON.stringify({ schemaVersion: "2.2", description: name });
    await send("ssm", "CreateDocument", { Name: name, Content });
    const key = valueIn(await send("kms", "CreateKey", {}), "KeyMetadata", "KeyId");
    await send("kms", "CreateAlias", { AliasName: `alias/${name}`, TargetKeyId: key });
    const grant = { GranteePrincipal: global("user/team/prod"), RetiringPrincipal: global("user/spare") };
    await send("kms", "CreateGrant", {
      ...grant,
      KeyId: idOf("kmsKey"),
      Operations: ["Encrypt", "Decrypt"],
      Name: name,
    });
    await send("kms", "RotateKeyOnDemand", { KeyId: idOf("kmsKey") });
  }
  await send("efs", "TagResource", { ResourceId: idOf("fileSystem"), Tags: TAGS });
  const tags = TAGS.map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value }));
  await send("kms", "TagResource", { KeyId: idOf("kmsKey"), Tags: tags });
  const logEvents = [1, 2, 3].map((each) => ({ timestamp: Date.now() + each, message: `m${each}` }));
  await send("logs", "PutSubscriptionFilter", {
    logGroupName: "prod",
    filterName: "more",
    filterPattern: "",
    destinationArn: "arn:aws:lambda:eu-south-1:000000000000:function:f",
  });
  await send("logs", "PutLogEvents", { logGroupName: "prod", logStreamName: "s", logEvents });
  const group = { DBSubnetGroupDescription: "d", SubnetIds: defaults.rds["SubnetIds"] };
  for (let count = 1; count <= 21; count += 1) {
    await send("rds", "CreateDBSubnetGroup", { DBSubnetGroupName: `more-${count}`, ...group });
    const database = inputFor(defaults, "rds", "CreateDBInstance", { DBInstanceIdentifier: `more-${count}` });
    await send("rds", "CreateDBInstance", database);
    const parameters = { DBParameterGroupFamily: "mysql8.0", Description: "d" };
    await send("rds", "CreateDBParameterGroup", { DBParameterGroupName: `more-${count}`, ...parameters });
    if (count > 18) continue;
    const options = { EngineName: "mysql", MajorEngineVersion: "8.0", OptionGroupDescription: "d" };
    await send("rds", "CreateOptionGroup", { OptionGroupName: `more-${count}`, ...options });
  }
}

/**
 * Load balancers, listeners with a second certificate, trust stores; a second mount target; a preview of a
 * lifecycle policy.
 */
async function moreOfBalancers(
  send: Send,
  idOf: (kind: string) => string,
  defaults: Defaults,
): Promise<void> {
  const { DefaultActions, CaCertificatesBundleS3Bucket, CaCertificatesBundleS3Key } = defaults.elbv2;
  const listener = { LoadBalancerArn: idOf("loadBalancer"), DefaultActions };
  await send("elbv2", "CreateListener", { ...listener, Protocol: "HTTP", Port: 82 });
  for (const Name of ["more-1", "more-2"]) {
    const bundle = { CaCertificatesBundleS3Bucket, CaCertificatesBundleS3Key };
    await send("elbv2", "CreateTrustStore", { Name, ...bundle });
  }
  const { CertificateSummaryList } = await send("acm", "ListCertificates", {});
  const [first, ...rest] = CertificateSummaryList as { CertificateArn: string }[]; // As answered.
  const Certificates = [{ CertificateArn: first?.CertificateArn }];
  const https = { ...listener, Protocol: "HTTPS", Port: 443, Certificates };
  const ListenerArn = valueIn(await send("elbv2", "CreateListener", https), "Listeners", "0", "ListenerArn");
  for (const { CertificateArn } of rest)
    await send("elbv2", "AddListenerCertificates", { ListenerArn, Certificates: [{ CertificateArn }] });
  const SubnetId = defaults.efs["SubnetId"];
  await send("efs", "CreateMountTarget", { FileSystemId: idOf("fileSystem"), SubnetId });
  const expire = { selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 } };
  const rules = [{ rulePriority: 1, action: { type: "expire" }, ...expire }];
  const lifecyclePolicyText = JSON.stringify({ rules });
  await send("ecr", "StartLifecyclePolicyPreview", { repositoryName: "prod", lifecyclePolicyText });
}

async function moreOfSmallServices(send: Send, defaults: Defaults): Promise<void> {
  const { ScalingPolicies } = await send("application-autoscaling", "DescribeScalingPolicies", {
    ServiceNamespace: "ecs",
  });
  const [policy] = ScalingPolicies as [Record<string, unknown>]; // As answered.
  const { ServiceNamespace, ScalableDimension, ResourceId, PolicyType, ...rest } = policy;
  const named = { ServiceNamespace, ScalableDimension };
  for (const name of ["more-1", "more-2"]) {
    const group = { AutoScalingGroupName: name };
    await send("autoscaling", "CreateAutoScalingGroup", {
      ...{ ...group, MinSize: 0, MaxSize: 0, AvailabilityZones: ["eu-south-1a"] },
      ...{ LaunchTemplate: { LaunchTemplateName: "prod" }, Tags: [{ Key: "a", Value: name }] },
    });
    const policy = { PolicyName: name, AdjustmentType: "ExactCapacity", ScalingAdjustment: 0 };
    await send("autoscaling", "PutScalingPolicy", { AutoScalingGroupName: "prod", ...policy });
    const action = { ScheduledActionName: name, Recurrence: "0 1 * * *", MaxSize: 0 };
    await send("autoscaling", "PutScheduledUpdateGroupAction", { AutoScalingGroupName: "prod", ...action });
    await send("autoscaling", "PutNotificationConfiguration", {
      ...{ ...group, TopicARN: "arn:aws:sns:eu-south-1:000000000000:prod" },
      NotificationTypes: ["autoscaling:EC2_INSTANCE_LAUNCH"],
    });
    const target = { ...named, ResourceId: `service/prod/${name}` };
    await send("application-autoscaling", "RegisterScalableTarget", {
      ...target,
      MinCapacity: 0,
      MaxCapacity: 2,
    });
    await send("application-autoscaling", "PutScheduledAction", {
      ...named,
      ResourceId,
      ScheduledActionName: name,
      Schedule: "rate(1 hour)",
      ScalableTargetAction: { MinCapacity: 0 },
    });
    await send("application-autoscaling", "PutScalingPolicy", {
      ...target,
      PolicyName: name,
      PolicyType,
      TargetTrackingScalingPolicyConfiguration: rest["TargetTrackingScalingPolicyConfiguration"],
      StepScalingPolicyConfiguration: rest["StepScalingPolicyConfiguration"],
    });
    const alarm = inputFor(defaults, "cloudwatch", "PutMetricAlarm", {
      AlarmName: name,
      MetricName: "M",
      Namespace: "N",
      Statistic: "Sum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanThreshold",
    });
    await send("cloudwatch", "PutMetricAlarm", alarm);
    await send("eventbridge", "PutRule", { Name: name, EventPattern: '{"source":["s"]}' });
    const Arn = "arn:aws:logs:eu-south-1:000000000000:log-group:prod";
    await send("eventbridge", "PutTargets", { Rule: name, Targets: [{ Id: "t", Arn }] });
    await send("eventbridge", "PutTargets", { Rule: "prod", Targets: [{ Id: name, Arn }] });
    const { EventSourceArn, AuthorizationType, AuthParameters, ConnectionArn, ...others } =
      defaults.eventbridge;
    const { InvocationEndpoint, HttpMethod, EventStartTime, EventEndTime, Destination } = others;
    await send("eventbridge", "CreateArchive", { ArchiveName: name, EventSourceArn });
    const replay = { EventSourceArn: others["StartReplay.EventSourceArn"], EventStartTime, EventEndTime };
    await send("eventbridge", "StartReplay", { ReplayName: name, Destination, ...replay });
    await send("eventbridge", "CreateConnection", { Name: name, AuthorizationType, AuthParameters });
    const destination = { Name: name, ConnectionArn, InvocationEndpoint, HttpMethod };
    await send("eventbridge", "CreateApiDestination", destination);
    const { ScheduleExpression, FlexibleTimeWindow, Target } = defaults.scheduler;
    await send("scheduler", "CreateSchedule", { Name: name, ScheduleExpression, FlexibleTimeWindow, Target });
  }
}
