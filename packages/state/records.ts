import type { CertificateRecord } from "./records/acm.ts";
import type {
  ScalableTargetRecord,
  ScalingActivityRecord,
  ScalingPolicyRecord,
  ScheduledActionRecord,
} from "./records/auto-scaling.ts";
import type { AlarmHistoryRecord, AlarmRecord, DashboardRecord } from "./records/cloudwatch.ts";
import type { Placed } from "./records/common.ts";
import type {
  CodeDeployApplicationRecord,
  CodeDeployConfigRecord,
  CodeDeployGroupRecord,
  CodeDeploymentRecord,
  CodeDeployRevisionRecord,
} from "./records/codedeploy.ts";
import type {
  InternetGatewayRecord,
  NatGatewayRecord,
  NetworkInterfaceRecord,
  RouteTableRecord,
  SecurityGroupRecord,
  SubnetRecord,
  VpcRecord,
  ElasticAddressRecord,
} from "./records/ec2.ts";
import type {
  BlockPublicAccessRecord,
  DhcpOptionsRecord,
  FlowLogRecord,
  NetworkAclRecord,
  PrefixListRecord,
  PublicAccessExclusionRecord,
  VpcEndpointRecord,
  VpcPeeringRecord,
} from "./records/ec2-network.ts";
import type {
  EcrRegistryRecord,
  ImageRecord,
  ImageReplicationRecord,
  LayerRecord,
  LayerUploadRecord,
  PullThroughRuleRecord,
  RepositoryRecord,
  RepositoryTemplateRecord,
} from "./records/ecr.ts";
import type { DeploymentReportRecord } from "./records/deployment-reports.ts";
import type * as ecs from "./records/ecs.ts";
import type * as instances from "./records/ec2-instances.ts";
import type {
  ServiceDeploymentRecord,
  ServiceEventRecord,
  ServiceRecord,
  ServiceRevisionRecord,
  TaskSetRecord,
} from "./records/ecs-services.ts";
import type { AccessPointRecord, FileSystemRecord, MountTargetRecord } from "./records/efs.ts";
import type {
  ListenerRecord,
  LoadBalancerRecord,
  RuleRecord,
  TargetGroupRecord,
  TargetRecord,
  TrustStoreRecord,
} from "./records/elbv2.ts";
import type {
  AccessKeyRecord,
  AccessReportRecord,
  GroupRecord,
  IamAccountRecord,
  IdentityUseRecord,
  InstanceProfileRecord,
  MfaDeviceRecord,
  OidcProviderRecord,
  PolicyRecord,
  RoleDeletionRecord,
  RoleRecord,
  SamlProviderRecord,
  SessionRecord,
  UserRecord,
  UserSessionRecord,
} from "./records/iam.ts";
import type { KmsAliasRecord, KmsGrantRecord, KmsKeyRecord } from "./records/kms.ts";
import type {
  EventBusRecord,
  EventDeliveryRecord,
  EventRuleRecord,
  ScheduleGroupRecord,
  ScheduleRecord,
} from "./records/events.ts";
import type {
  LogDestinationRecord,
  LogGroupRecord,
  LogQueryDefinitionRecord,
  LogQueryRecord,
  LogResourcePolicyRecord,
  MetricFilterRecord,
  SubscriptionFilterRecord,
} from "./records/logs.ts";
import type { NodeRecord } from "./records/node.ts";
import type { PlatformClockRecord } from "./records/platform-clock.ts";
import type { DatabaseInstanceRecord, DatabaseSubnetGroupRecord } from "./records/rds.ts";
import type {
  DnsChangeRecord,
  DnsRecordSetRecord,
  HostedZoneRecord,
  ZoneCopyRecord,
} from "./records/route53.ts";
import type { BucketRecord } from "./records/s3.ts";
import type {
  TopicDeduplicationRecord,
  TopicDeliveryRecord,
  TopicMessageRecord,
  TopicRecord,
  TopicSignerRecord,
  TopicSubscriptionRecord,
} from "./records/sns.ts";
import type { QueueRecord } from "./records/sqs.ts";
import type { SecretRecord, SecretVersionRecord } from "./records/secretsmanager.ts";
import type { ParameterRecord, ParameterVersionRecord } from "./records/ssm.ts";
import type { TaskSecretsRecord } from "./records/task-secrets.ts";

export type * from "./records/acm.ts";
export type * from "./records/auto-scaling.ts";
export type * from "./records/cloudwatch.ts";
export * from "./records/codedeploy.ts";
export type * from "./records/common.ts";
export type * from "./records/deployment-reports.ts";
export * from "./records/ec2.ts";
export type * from "./records/ec2-instances.ts";
export type * from "./records/ec2-network.ts";
export type * from "./records/ecr.ts";
export type * from "./records/ecs.ts";
export type * from "./records/ecs-services.ts";
export type * from "./records/efs.ts";
export type * from "./records/elbv2.ts";
export type * from "./records/events.ts";
export type * from "./records/iam.ts";
export type * from "./records/kms.ts";
export type * from "./records/logs.ts";
export type * from "./records/node.ts";
export type * from "./records/platform-clock.ts";
export type * from "./records/rds.ts";
export type * from "./records/route53.ts";
export type * from "./records/s3.ts";
export type * from "./records/secretsmanager.ts";
export type * from "./records/sns.ts";
export type * from "./records/sqs.ts";
export type * from "./records/ssm.ts";
export type * from "./records/task-secrets.ts";

/**
 * Every kind of record. Keys are ARNs where AWS has one, else ids; the record contains the region and
 * account.
 */
export interface Records {
  readonly cluster: ecs.ClusterRecord;
  readonly accountSetting: ecs.AccountSettingRecord;
  readonly taskDefinition: ecs.TaskDefinitionRecord;
  readonly service: ServiceRecord;
  readonly serviceRevision: ServiceRevisionRecord;
  readonly serviceDeployment: ServiceDeploymentRecord;
  readonly deploymentReport: DeploymentReportRecord;
  readonly serviceEvent: ServiceEventRecord;
  readonly taskSet: TaskSetRecord;
  readonly task: ecs.TaskRecord;
  readonly taskSecrets: TaskSecretsRecord;
  readonly clientToken: ecs.ClientTokenRecord;
  readonly vpc: VpcRecord;
  readonly subnet: SubnetRecord;
  readonly internetGateway: InternetGatewayRecord;
  readonly natGateway: NatGatewayRecord;
  readonly routeTable: RouteTableRecord;
  readonly securityGroup: SecurityGroupRecord;
  readonly elasticAddress: ElasticAddressRecord;
  readonly networkInterface: NetworkInterfaceRecord;
  readonly networkAcl: NetworkAclRecord;
  readonly dhcpOptions: DhcpOptionsRecord;
  readonly blockPublicAccess: BlockPublicAccessRecord;
  readonly publicAccessExclusion: PublicAccessExclusionRecord;
  readonly prefixList: PrefixListRecord;
  readonly vpcEndpoint: VpcEndpointRecord;
  readonly vpcPeering: VpcPeeringRecord;
  readonly flowLog: FlowLogRecord;
  readonly keyPair: instances.KeyPairRecord;
  readonly ec2Instance: instances.Ec2InstanceRecord;
  readonly instanceConsole: instances.InstanceConsoleRecord;
  readonly volume: instances.VolumeRecord;
  readonly snapshot: instances.SnapshotRecord;
  readonly ebsDefaults: instances.EbsDefaultsRecord;
  readonly loadBalancer: LoadBalancerRecord;
  readonly listener: ListenerRecord;
  readonly rule: RuleRecord;
  readonly targetGroup: TargetGroupRecord;
  readonly trustStore: TrustStoreRecord;
  readonly target: TargetRecord;
  readonly user: UserRecord;
  readonly accessKey: AccessKeyRecord;
  readonly identityUse: IdentityUseRecord;
  readonly accessReport: AccessReportRecord;
  readonly role: RoleRecord;
  readonly roleDeletion: RoleDeletionRecord;
  readonly group: GroupRecord;
  readonly instanceProfile: InstanceProfileRecord;
  readonly policy: PolicyRecord;
  readonly session: SessionRecord;
  readonly userSession: UserSessionRecord;
  readonly mfaDevice: MfaDeviceRecord;
  readonly iamAccount: IamAccountRecord;
  readonly oidcProvider: OidcProviderRecord;
  readonly samlProvider: SamlProviderRecord;
  readonly repository: RepositoryRecord;
  readonly image: ImageRecord;
  readonly layer: LayerRecord;
  readonly layerUpload: LayerUploadRecord;
  readonly ecrRegistry: EcrRegistryRecord;
  readonly imageReplication: ImageReplicationRecord;
  readonly pullThroughRule: PullThroughRuleRecord;
  readonly repositoryTemplate: RepositoryTemplateRecord;
  readonly bucket: BucketRecord;
  readonly fileSystem: FileSystemRecord;
  readonly mountTarget: MountTargetRecord;
  readonly accessPoint: AccessPointRecord;
  readonly databaseInstance: DatabaseInstanceRecord;
  readonly databaseSubnetGroup: DatabaseSubnetGroupRecord;
  readonly logGroup: LogGroupRecord;
  readonly metricFilter: MetricFilterRecord;
  readonly subscriptionFilter: SubscriptionFilterRecord;
  readonly logDestination: LogDestinationRecord;
  readonly logResourcePolicy: LogResourcePolicyRecord;
  readonly logQueryDefinition: LogQueryDefinitionRecord;
  readonly logQuery: LogQueryRecord;
  readonly certificate: CertificateRecord;
  readonly alarm: AlarmRecord;
  readonly alarmHistory: AlarmHistoryRecord;
  readonly dashboard: DashboardRecord;
  readonly scalableTarget: ScalableTargetRecord;
  readonly scalingPolicy: ScalingPolicyRecord;
  readonly scheduledAction: ScheduledActionRecord;
  readonly scalingActivity: ScalingActivityRecord;
  readonly secret: SecretRecord;
  readonly secretVersion: SecretVersionRecord;
  readonly kmsKey: KmsKeyRecord;
  readonly kmsAlias: KmsAliasRecord;
  readonly kmsGrant: KmsGrantRecord;
  readonly parameter: ParameterRecord;
  readonly parameterVersion: ParameterVersionRecord;
  readonly codeDeployApplication: CodeDeployApplicationRecord;
  readonly codeDeployGroup: CodeDeployGroupRecord;
  readonly codeDeployConfig: CodeDeployConfigRecord;
  readonly codeDeployRevision: CodeDeployRevisionRecord;
  readonly codeDeployment: CodeDeploymentRecord;
  readonly eventBus: EventBusRecord;
  readonly eventRule: EventRuleRecord;
  readonly eventDelivery: EventDeliveryRecord;
  readonly scheduleGroup: ScheduleGroupRecord;
  readonly schedule: ScheduleRecord;
  readonly queue: QueueRecord;
  readonly topic: TopicRecord;
  readonly topicSubscription: TopicSubscriptionRecord;
  readonly topicMessage: TopicMessageRecord;
  readonly topicDelivery: TopicDeliveryRecord;
  readonly topicDeduplication: TopicDeduplicationRecord;
  readonly topicSigner: TopicSignerRecord;
  readonly hostedZone: HostedZoneRecord;
  readonly dnsRecordSet: DnsRecordSetRecord;
  readonly dnsChange: DnsChangeRecord;
  readonly zoneCopy: ZoneCopyRecord;
  readonly node: NodeRecord;
  readonly platformClock: PlatformClockRecord;
}

export type Kind = keyof Records;
export type RecordOf<K extends Kind> = Records[K];

type IndexesOf = {
  readonly [K in Kind]?: Readonly<Record<string, (record: Records[K]) => string | undefined>>;
};

/** The key of a secret's name in its account and region. */
export function secretNameKey(place: Placed, name: string): string {
  return `${place.account}/${place.region}/${name}`;
}

const lastPartOf = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1);

const DECLARED: IndexesOf = {
  task: {
    id: (task) => lastPartOf(task.arn),
    service: (task) => task.serviceArn,
    cluster: (task) => task.clusterArn,
    /** Wanted tasks that are not placed yet, under the single value "waiting". */
    unplaced: (task) =>
      task.placement === undefined && task.desiredStatus === "RUNNING" && task.lastStatus !== "STOPPED"
        ? "waiting"
        : undefined,
  },
  service: { cluster: (service) => service.clusterArn },
  serviceRevision: { service: (revision) => revision.serviceArn },
  serviceDeployment: { service: (deployment) => deployment.serviceArn },
  serviceEvent: { service: (event) => event.serviceArn },
  taskSet: { service: (set) => set.serviceArn },
  networkInterface: {
    vpc: (eni) => eni.vpcId,
    subnet: (eni) => eni.subnetId,
    address: (eni) => `${eni.subnetId}/${eni.privateIp}`,
    secondary: (eni) => (eni.secondaryIps === undefined ? undefined : eni.subnetId),
    warm: (eni) => (eni.type === "warm" ? eni.subnetId : undefined),
    owner: (eni) => eni.owner.key,
  },
  target: { group: (target) => target.targetGroupArn, task: (target) => target.taskArn },
  listener: { loadBalancer: (listener) => listener.loadBalancerArn },
  rule: { listener: (rule) => rule.listenerArn },
  metricFilter: { group: (filter) => filter.groupArn },
  subscriptionFilter: { group: (filter) => filter.groupArn },
  image: { repository: (image) => image.repositoryArn },
  layer: { repository: (layer) => layer.repositoryArn, digest: (layer) => layer.digest },
  taskDefinition: { family: (definition) => definition.family },
  mountTarget: { fileSystem: (target) => target.fileSystemId },
  accessKey: { user: (key) => key.userArn },
  accessReport: { account: (report) => report.account },
  alarm: { place: (alarm) => `${alarm.account}/${alarm.region}` },
  alarmHistory: { alarm: (line) => line.alarmArn },
  scalingPolicy: { target: (policy) => policy.targetArn },
  scheduledAction: { target: (action) => action.targetArn },
  scalingActivity: { target: (activity) => activity.targetArn },
  secret: { name: (secret) => secretNameKey(secret, secret.name) },
  secretVersion: { secret: (version) => version.secretArn },
  parameterVersion: { parameter: (version) => version.parameterArn },
  codeDeployGroup: {
    application: (group) => group.applicationArn,
    service: (group) => group.settings.serviceArn,
  },
  eventRule: {
    bus: (rule) => rule.busArn,
    /** Enabled rules with a pattern, by bus: those that an event is compared with. */
    matching: (rule) => (rule.enabled && rule.pattern !== undefined ? rule.busArn : undefined),
  },
  eventDelivery: { account: (delivery) => delivery.account },
  topicSubscription: { topic: (subscription) => subscription.topicArn },
  topicDelivery: {
    account: (delivery) => delivery.account,
    subscription: (delivery) => delivery.subscriptionArn,
    message: (delivery) => delivery.messageId,
  },
  topicDeduplication: { topic: (remembered) => remembered.topicArn },
  hostedZone: { account: (zone) => zone.account, name: (zone) => zone.name },
  dnsRecordSet: {
    zone: (set) => set.zoneArn,
    /** Record sets whose aliases lead out of the zone, by the target's name. */
    target: (set) => set.alias?.target,
  },
  dnsChange: { account: (change) => change.account },
  zoneCopy: { zone: (copy) => copy.zoneArn },
  schedule: { group: (schedule) => schedule.groupArn, account: (schedule) => schedule.account },
  codeDeployRevision: { application: (revision) => revision.applicationArn },
  codeDeployment: {
    group: (deployment) => deployment.groupArn,
    service: (deployment) => deployment.serviceArn,
  },
};

/** The indexes of each kind besides its key. The store maintains them. */
export const INDEXES = DECLARED as Readonly<
  Partial<Record<Kind, Readonly<Record<string, (record: object) => string | undefined>>>>
>; // Typed per kind just above.

type SumsOf = {
  readonly [K in Kind]?: Readonly<
    Record<string, (record: Records[K]) => { readonly value: string; readonly amount: number } | undefined>
  >;
};

const reservedBy =
  (resource: "cpuUnits" | "memoryMiB") =>
  ({ placement, lastStatus }: ecs.TaskRecord): { value: string; amount: number } | undefined =>
    placement?.reserved === undefined || lastStatus === "STOPPED"
      ? undefined
      : { value: placement.nodeId, amount: placement.reserved[resource] };

const DECLARED_SUMS: SumsOf = {
  /** What placed tasks that have not stopped reserve, by node. */
  task: { reservedCpu: reservedBy("cpuUnits"), reservedMemory: reservedBy("memoryMiB") },
};

/** Sums over the records of a kind. The store maintains them, as it does indexes. */
export const SUMS = DECLARED_SUMS as Readonly<
  Partial<
    Record<
      Kind,
      Readonly<
        Record<string, (record: object) => { readonly value: string; readonly amount: number } | undefined>
      >
    >
  >
>; // Typed per kind just above.
