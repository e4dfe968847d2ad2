import { realTimeOf } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";
import type { Dispatcher, ServiceDescriptor } from "@gantry/wire";
import type { BlobStore, LogStore, MetricStore, ObjectStore, QueueStore } from "@gantry/content";
import type { ImageStore } from "@gantry/registry";
import type { ApiDeps } from "./common/api-deps.ts";

export interface ServicesDeps extends ApiDeps {
  readonly publicPool: string;
  readonly logs: LogStore;
  readonly metrics: MetricStore;
  readonly queues: QueueStore;
  readonly authority: Authority;
  readonly blobs: BlobStore;
  readonly images: ImageStore;
  readonly objects: ObjectStore;
  readonly registry: string;
  readonly upstreamAt: (host: string) => URL;
}

const descriptor = (
  folder: string,
  signingName: string,
  protocols: ServiceDescriptor["protocols"],
  more: Pick<ServiceDescriptor, "version" | "targetPrefix" | "xmlNamespace"> & Partial<ServiceDescriptor>,
): ServiceDescriptor => ({
  id: more.id ?? folder,
  folder,
  signingName,
  iamPrefix: more.iamPrefix ?? signingName,
  protocols,
  version: more.version,
  targetPrefix: more.targetPrefix,
  xmlNamespace: more.xmlNamespace,
  isObjectStorage: more.isObjectStorage ?? false,
  namesErrorCode: more.namesErrorCode ?? false,
  unwrappedOutputs: more.unwrappedOutputs ?? [],
});

/** What the SDK's schemas do not say. A test compares each with its client's own configuration. */
export const DESCRIPTORS = {
  ecs: descriptor("ecs", "ecs", ["awsJson1_1"], {
    version: "2014-11-13",
    targetPrefix: "AmazonEC2ContainerServiceV20141113",
    xmlNamespace: "http://ecs.amazonaws.com/doc/2014-11-13/",
  }),
  ec2: descriptor("ec2", "ec2", ["ec2Query"], {
    version: "2016-11-15",
    targetPrefix: "AmazonEC2",
    xmlNamespace: "http://ec2.amazonaws.com/doc/2016-11-15",
  }),
  iam: descriptor("iam", "iam", ["awsQuery"], {
    version: "2010-05-08",
    targetPrefix: "AWSIdentityManagementV20100508",
    xmlNamespace: "https://iam.amazonaws.com/doc/2010-05-08/",
  }),
  sts: descriptor("sts", "sts", ["awsQuery"], {
    version: "2011-06-15",
    targetPrefix: "AWSSecurityTokenServiceV20110615",
    xmlNamespace: "https://sts.amazonaws.com/doc/2011-06-15/",
  }),
  logs: descriptor("logs", "logs", ["awsJson1_1"], {
    id: "cloudwatch-logs",
    version: "2014-03-28",
    targetPrefix: "Logs_20140328",
    xmlNamespace: "http://monitoring.amazonaws.com/doc/2014-03-28/",
  }),
  // The AWS CLI v2 of Debian speaks Query, botocore CBOR, the JavaScript SDK JSON.
  cloudwatch: descriptor("cloudwatch", "monitoring", ["awsQuery", "rpcv2Cbor", "awsJson1_0"], {
    iamPrefix: "cloudwatch",
    version: "2010-08-01",
    targetPrefix: "GraniteServiceVersion20100801",
    xmlNamespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
  }),
  "application-autoscaling": descriptor(
    "application-autoscaling",
    "application-autoscaling",
    ["awsJson1_1"],
    {
      id: "application-auto-scaling",
      version: "2016-02-06",
      targetPrefix: "AnyScaleFrontendService",
      xmlNamespace: "",
    },
  ),
  autoscaling: descriptor("autoscaling", "autoscaling", ["awsQuery"], {
    id: "auto-scaling",
    version: "2011-01-01",
    targetPrefix: "AutoScaling_2011_01_01",
    xmlNamespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
  }),
  codedeploy: descriptor("codedeploy", "codedeploy", ["awsJson1_1"], {
    version: "2014-10-06",
    targetPrefix: "CodeDeploy_20141006",
    xmlNamespace: "http://codedeploy.amazonaws.com/doc/2014-10-06/",
  }),
  elbv2: descriptor("elbv2", "elasticloadbalancing", ["awsQuery"], {
    id: "elastic-load-balancing-v2",
    version: "2015-12-01",
    targetPrefix: "ElasticLoadBalancing_v10",
    xmlNamespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
  }),
  eventbridge: descriptor("eventbridge", "events", ["awsJson1_1"], {
    version: "2015-10-07",
    targetPrefix: "AWSEvents",
    xmlNamespace: "http://events.amazonaws.com/doc/2015-10-07",
  }),
  resourcegroupstaggingapi: descriptor("resourcegroupstaggingapi", "tagging", ["awsJson1_1"], {
    id: "resource-groups-tagging-api",
    iamPrefix: "tag",
    version: "2017-01-26",
    targetPrefix: "ResourceGroupsTaggingAPI_20170126",
    xmlNamespace: "",
  }),
  scheduler: descriptor("scheduler", "scheduler", ["restJson1"], {
    version: "2021-06-30",
    targetPrefix: "AWSChronosService",
    xmlNamespace: "",
  }),
  servicequotas: descriptor("servicequotas", "servicequotas", ["awsJson1_1"], {
    id: "service-quotas",
    version: "2019-06-24",
    targetPrefix: "ServiceQuotasV20190624",
    xmlNamespace: "",
  }),
  acm: descriptor("acm", "acm", ["awsJson1_1"], {
    version: "2015-12-08",
    targetPrefix: "CertificateManager",
    xmlNamespace: "",
  }),
  efs: descriptor("efs", "elasticfilesystem", ["restJson1"], {
    version: "2015-02-01",
    targetPrefix: "MagnolioAPIService_v20150201",
    xmlNamespace: "",
    namesErrorCode: true,
  }),
  rds: descriptor("rds", "rds", ["awsQuery"], {
    version: "2014-10-31",
    targetPrefix: "AmazonRDSv19",
    xmlNamespace: "http://rds.amazonaws.com/doc/2014-10-31/",
  }),
  ecr: descriptor("ecr", "ecr", ["awsJson1_1"], {
    version: "2015-09-21",
    targetPrefix: "AmazonEC2ContainerRegistry_V20150921",
    xmlNamespace: "http://ecr.amazonaws.com/doc/2015-09-21/",
  }),
  kms: descriptor("kms", "kms", ["awsJson1_1"], {
    version: "2014-11-01",
    targetPrefix: "TrentService",
    xmlNamespace: "https://trent.amazonaws.com/doc/2014-11-01/",
  }),
  secretsmanager: descriptor("secretsmanager", "secretsmanager", ["awsJson1_1"], {
    id: "secrets-manager",
    version: "2017-10-17",
    targetPrefix: "secretsmanager",
    xmlNamespace: "",
  }),
  ssm: descriptor("ssm", "ssm", ["awsJson1_1"], {
    version: "2014-11-06",
    targetPrefix: "AmazonSSM",
    xmlNamespace: "http://ssm.amazonaws.com/doc/2014-11-06/",
  }),
  sns: descriptor("sns", "sns", ["awsQuery"], {
    version: "2010-03-31",
    targetPrefix: "AmazonSimpleNotificationService",
    xmlNamespace: "http://sns.amazonaws.com/doc/2010-03-31/",
  }),
  // Older clients speak Query.
  sqs: descriptor("sqs", "sqs", ["awsQuery", "awsJson1_0"], {
    version: "2012-11-05",
    targetPrefix: "AmazonSQS",
    xmlNamespace: "",
  }),
  route53: descriptor("route53", "route53", ["restXml"], {
    id: "route-53",
    version: "2013-04-01",
    targetPrefix: "AWSDnsV20130401",
    xmlNamespace: "https://route53.amazonaws.com/doc/2013-04-01/",
  }),
  servicediscovery: descriptor("servicediscovery", "servicediscovery", ["awsJson1_1"], {
    version: "2017-03-14",
    targetPrefix: "Route53AutoNaming_v20170314",
    xmlNamespace: "",
  }),
  s3: descriptor("s3", "s3", ["restXml"], {
    version: "2006-03-01",
    targetPrefix: "AmazonS3",
    xmlNamespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    isObjectStorage: true,
    unwrappedOutputs: ["GetBucketLocation"],
  }),
  s3control: descriptor("s3control", "s3", ["restXml"], {
    id: "s3-control",
    version: "2018-08-20",
    targetPrefix: "AWSS3ControlServiceV20180820",
    xmlNamespace: "http://awss3control.amazonaws.com/doc/2018-08-20/",
  }),
} as const;

/** Registers every service. Its code and its SDK's schemas are loaded with its first request. */
export function registerServices(dispatcher: Dispatcher, deps: ServicesDeps): void {
  // Credentials, certificates and data at rest are of the real world: the platform's clock does not touch them.
  const real = { ...deps, clock: realTimeOf(deps.clock).clock };
  dispatcher.register(DESCRIPTORS.ecs, async () => (await import("./ecs/index.ts")).ecsService(deps));
  dispatcher.register(DESCRIPTORS.ec2, async () => (await import("./ec2/index.ts")).ec2Service(real));
  dispatcher.register(DESCRIPTORS.iam, async () => (await import("./iam/index.ts")).iamService(real));
  dispatcher.register(DESCRIPTORS.sts, async () => (await import("./sts/index.ts")).stsService(real));
  dispatcher.register(DESCRIPTORS.logs, async () => (await import("./logs/index.ts")).logsService(real));
  dispatcher.register(DESCRIPTORS.cloudwatch, async () =>
    (await import("./cloudwatch/index.ts")).cloudWatchService(deps),
  );
  dispatcher.register(DESCRIPTORS["application-autoscaling"], async () =>
    (await import("./application-autoscaling/index.ts")).applicationAutoScalingService(deps),
  );
  dispatcher.register(DESCRIPTORS.autoscaling, async () =>
    (await import("./autoscaling/index.ts")).autoscalingService(deps),
  );
  dispatcher.register(DESCRIPTORS.codedeploy, async () =>
    (await import("./codedeploy/index.ts")).codeDeployService(deps),
  );
  dispatcher.register(DESCRIPTORS.eventbridge, async () =>
    (await import("./eventbridge/index.ts")).eventBridgeService(deps),
  );
  dispatcher.register(DESCRIPTORS.scheduler, async () =>
    (await import("./scheduler/index.ts")).schedulerService(deps),
  );
  dispatcher.register(DESCRIPTORS.resourcegroupstaggingapi, async () =>
    (await import("./resourcegroupstaggingapi/index.ts")).taggingService(deps),
  );
  dispatcher.register(DESCRIPTORS.servicequotas, async () =>
    (await import("./servicequotas/index.ts")).serviceQuotasService(),
  );
  dispatcher.register(DESCRIPTORS.elbv2, async () => (await import("./elbv2/index.ts")).elbv2Service(deps));
  dispatcher.register(DESCRIPTORS.acm, async () => (await import("./acm/index.ts")).acmService(real));
  dispatcher.register(DESCRIPTORS.efs, async () => (await import("./efs/index.ts")).efsService(real));
  dispatcher.register(DESCRIPTORS.rds, async () => (await import("./rds/index.ts")).rdsService(real));
  dispatcher.register(DESCRIPTORS.ecr, async () => (await import("./ecr/index.ts")).ecrService(real));
  dispatcher.register(DESCRIPTORS.kms, async () => (await import("./kms/index.ts")).kmsService(real));
  dispatcher.register(DESCRIPTORS.secretsmanager, async () =>
    (await import("./secretsmanager/index.ts")).secretsManagerService(real),
  );
  dispatcher.register(DESCRIPTORS.sns, async () => (await import("./sns/index.ts")).snsService(real));
  dispatcher.register(DESCRIPTORS.sqs, async () => (await import("./sqs/index.ts")).sqsService(real));
  dispatcher.register(DESCRIPTORS.ssm, async () => (await import("./ssm/index.ts")).ssmService(real));
  dispatcher.register(DESCRIPTORS.route53, async () =>
    (await import("./route53/index.ts")).route53Service(real),
  );
  dispatcher.register(DESCRIPTORS.servicediscovery, async () =>
    (await import("./servicediscovery/index.ts")).serviceDiscoveryService(deps),
  );
  dispatcher.register(DESCRIPTORS.s3, async () => (await import("./s3/index.ts")).s3Service(real));
  // After S3, whose signing name it shares.
  dispatcher.register(DESCRIPTORS.s3control, async () =>
    (await import("./s3control/index.ts")).s3ControlService(real),
  );
}
