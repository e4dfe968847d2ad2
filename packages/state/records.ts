import type { CertificateRecord } from "./records/acm.ts";
import type {
  ScalableTargetRecord,
  ScalingActivityRecord,
  ScalingPolicyRecord,
  ScheduledActionRecord,
} from "./records/auto-scaling.ts";
import type { AlarmHistoryRecord, AlarmRecord, DashboardRecord } from "./records/cloudwatch.ts";
import type * as groups from "./records/auto-scaling-groups.ts";
import type * as cloudMap from "./records/cloud-map.ts";
import type { Placed } from "./records/common.ts";
import type * as codedeploy from "./records/codedeploy.ts";
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
import type * as networks from "./records/ec2-network.ts";
import type * as ecr from "./records/ecr.ts";
import type { DeploymentReportRecord } from "./records/deployment-reports.ts";
import type * as ecs from "./records/ecs.ts";
import type * as instances from "./records/ec2-instances.ts";
import type { LaunchTemplateRecord, LaunchTemplateVersionRecord } from "./records/launch-templates.ts";
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
import type * as iam from "./records/iam.ts";
import type { KmsAliasRecord, KmsGrantRecord, KmsKeyRecord } from "./records/kms.ts";
import type {
  EventBusRecord,
  EventDeliveryRecord,
  EventRuleRecord,
  ScheduleGroupRecord,
  ScheduleRecord,
} from "./records/events.ts";
import type * as archives from "./records/event-archives.ts";
import type * as connections from "./records/event-connections.ts";
import type * as logs from "./records/logs.ts";
import type { NodeRecord } from "./records/node.ts";
import type { PlatformClockRecord } from "./records/platform-clock.ts";
import type * as checks from "./records/health-checks.ts";
import type * as rds from "./records/rds.ts";
import type * as route53 from "./records/route53.ts";
import type { AccountPublicAccessRecord, BucketRecord } from "./records/s3.ts";
import type * as sns from "./records/sns.ts";
import type { QueueRecord } from "./records/sqs.ts";
import type { SecretRecord, SecretVersionRecord } from "./records/secretsmanager.ts";
import type { SsmRecords } from "./records/ssm.ts";
import type { TaskSecretsRecord } from "./records/task-secrets.ts";

export type * from "./records/acm.ts";
export type * from "./records/auto-scaling.ts";
export type * from "./records/auto-scaling-groups.ts";
export type * from "./records/cloud-map.ts";
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
export type * from "./records/event-archives.ts";
export type * from "./records/event-connections.ts";
export type * from "./records/events.ts";
export type * from "./records/iam.ts";
export type * from "./records/kms.ts";
export type * from "./records/health-checks.ts";
export type * from "./records/launch-templates.ts";
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

/** Every kind of record. Keys are ARNs where AWS has one, else ids; the record contains the region and account. */
export interface Records extends SsmRecords, logs.LogRecords {
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
  readonly networkAcl: networks.NetworkAclRecord;
  readonly dhcpOptions: networks.DhcpOptionsRecord;
  readonly blockPublicAccess: networks.BlockPublicAccessRecord;
  readonly publicAccessExclusion: networks.PublicAccessExclusionRecord;
  readonly prefixList: networks.PrefixListRecord;
  readonly vpcEndpoint: networks.VpcEndpointRecord;
  readonly endpointService: networks.EndpointServiceRecord;
  readonly endpointNotification: networks.EndpointNotificationRecord;
  readonly vpcPeering: networks.VpcPeeringRecord;
  readonly flowLog: networks.FlowLogRecord;
  readonly keyPair: instances.KeyPairRecord;
  readonly ec2Instance: instances.Ec2InstanceRecord;
  readonly instanceConsole: instances.InstanceConsoleRecord;
  readonly volume: instances.VolumeRecord;
  readonly launchTemplate: LaunchTemplateRecord;
  readonly launchTemplateVersion: LaunchTemplateVersionRecord;
  readonly autoScalingGroup: groups.AutoScalingGroupRecord;
  readonly groupInstance: groups.GroupInstanceRecord;
  readonly groupActivity: groups.GroupActivityRecord;
  readonly snapshot: instances.SnapshotRecord;
  readonly machineImage: instances.MachineImageRecord;
  readonly placementGroup: instances.PlacementGroupRecord;
  readonly ebsDefaults: instances.EbsDefaultsRecord;
  readonly ec2Security: instances.Ec2SecurityRecord;
  readonly loadBalancer: LoadBalancerRecord;
  readonly listener: ListenerRecord;
  readonly rule: RuleRecord;
  readonly targetGroup: TargetGroupRecord;
  readonly trustStore: TrustStoreRecord;
  readonly target: TargetRecord;
  readonly user: iam.UserRecord;
  readonly accessKey: iam.AccessKeyRecord;
  readonly identityUse: iam.IdentityUseRecord;
  readonly accessReport: iam.AccessReportRecord;
  readonly role: iam.RoleRecord;
  readonly roleDeletion: iam.RoleDeletionRecord;
  readonly group: iam.GroupRecord;
  readonly instanceProfile: iam.InstanceProfileRecord;
  readonly policy: iam.PolicyRecord;
  readonly session: iam.SessionRecord;
  readonly userSession: iam.UserSessionRecord;
  readonly mfaDevice: iam.MfaDeviceRecord;
  readonly iamAccount: iam.IamAccountRecord;
  readonly oidcProvider: iam.OidcProviderRecord;
  readonly samlProvider: iam.SamlProviderRecord;
  readonly serverCertificate: iam.ServerCertificateRecord;
  readonly repository: ecr.RepositoryRecord;
  readonly image: ecr.ImageRecord;
  readonly layer: ecr.LayerRecord;
  readonly layerUpload: ecr.LayerUploadRecord;
  readonly ecrRegistry: ecr.EcrRegistryRecord;
  readonly imageReplication: ecr.ImageReplicationRecord;
  readonly pullThroughRule: ecr.PullThroughRuleRecord;
  readonly repositoryTemplate: ecr.RepositoryTemplateRecord;
  readonly bucket: BucketRecord;
  readonly accountPublicAccess: AccountPublicAccessRecord;
  readonly fileSystem: FileSystemRecord;
  readonly mountTarget: MountTargetRecord;
  readonly accessPoint: AccessPointRecord;
  readonly databaseInstance: rds.DatabaseInstanceRecord;
  readonly databaseStandby: rds.DatabaseStandbyRecord;
  readonly databaseSubnetGroup: rds.DatabaseSubnetGroupRecord;
  readonly databaseSnapshot: rds.DatabaseSnapshotRecord;
  readonly databaseEvent: rds.DatabaseEventRecord;
  readonly databaseSubscription: rds.DatabaseSubscriptionRecord;
  readonly databaseOptionGroup: rds.DatabaseOptionGroupRecord;
  readonly databaseParameterGroup: rds.DatabaseParameterGroupRecord;
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
  readonly codeDeployApplication: codedeploy.CodeDeployApplicationRecord;
  readonly codeDeployGroup: codedeploy.CodeDeployGroupRecord;
  readonly codeDeployConfig: codedeploy.CodeDeployConfigRecord;
  readonly codeDeployRevision: codedeploy.CodeDeployRevisionRecord;
  readonly codeDeployment: codedeploy.CodeDeploymentRecord;
  readonly eventBus: EventBusRecord;
  readonly eventRule: EventRuleRecord;
  readonly eventDelivery: EventDeliveryRecord;
  readonly eventArchive: archives.EventArchiveRecord;
  readonly eventReplay: archives.EventReplayRecord;
  readonly eventConnection: connections.EventConnectionRecord;
  readonly apiDestination: connections.ApiDestinationRecord;
  readonly scheduleGroup: ScheduleGroupRecord;
  readonly schedule: ScheduleRecord;
  readonly queue: QueueRecord;
  readonly topic: sns.TopicRecord;
  readonly topicSubscription: sns.TopicSubscriptionRecord;
  readonly topicMessage: sns.TopicMessageRecord;
  readonly topicDelivery: sns.TopicDeliveryRecord;
  readonly topicDeduplication: sns.TopicDeduplicationRecord;
  readonly topicSigner: sns.TopicSignerRecord;
  readonly hostedZone: route53.HostedZoneRecord;
  readonly dnsRecordSet: route53.DnsRecordSetRecord;
  readonly dnsChange: route53.DnsChangeRecord;
  readonly zoneCopy: route53.ZoneCopyRecord;
  readonly healthCheck: checks.HealthCheckRecord;
  readonly healthCheckStatus: checks.HealthCheckStatusRecord;
  readonly healthCheckObservation: checks.HealthCheckObservationRecord;
  readonly discoveryNamespace: cloudMap.DiscoveryNamespaceRecord;
  readonly discoveryService: cloudMap.DiscoveryServiceRecord;
  readonly discoveryInstance: cloudMap.DiscoveryInstanceRecord;
  readonly discoveryOperation: cloudMap.DiscoveryOperationRecord;
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

const placeOf = ({ account, region }: Placed): string => `${account}/${region}`;
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
  taskSet: {
    service: (set) => set.serviceArn,
    registry: (set) => set.serviceRegistries?.[0]?.registryArn,
  },
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
  groupInstance: {
    group: (instance) => instance.groupArn,
    instance: (instance) => instance.instanceId,
  },
  groupActivity: { group: (activity) => activity.groupArn },
  launchTemplateVersion: { template: (version) => version.templateId },
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
  ssmDocumentVersion: { document: (version) => version.documentArn },
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
  eventArchive: { bus: (archive) => archive.busArn, content: (archive) => archive.contentGroup },
  eventReplay: { place: placeOf },
  apiDestination: { connection: (destination) => destination.connectionArn },
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
    healthCheck: (set) => set.healthCheckId,
    /** Record sets of Cloud Map, by the ARN of their service. */
    discoveryService: (set) => set.discoveryServiceArn,
  },
  dnsChange: { account: (change) => change.account },
  zoneCopy: { zone: (copy) => copy.zoneArn },
  healthCheck: { account: (check) => check.account },
  discoveryNamespace: { place: placeOf },
  discoveryService: { namespace: (service) => service.namespaceArn, place: placeOf },
  discoveryInstance: {
    service: (instance) => instance.serviceArn,
    task: (instance) => instance.taskArn,
  },
  discoveryOperation: { place: placeOf },
  databaseStandby: { instance: (standby) => standby.instanceArn },
  databaseEvent: { place: placeOf },
  databaseSubscription: { place: placeOf },
  databaseSnapshot: {
    arn: (snapshot) => snapshot.arn,
    id: (snapshot) => snapshot.id,
    /** Snapshots whose files are still to be copied, by what they are copied from. */
    pending: (snapshot) => (snapshot.completedAt === undefined ? snapshot.source : undefined),
  },
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
