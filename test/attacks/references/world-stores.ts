import { createKey, createParameter, createSecret } from "./world-secrets.ts";
import { createNamespace } from "./world-names.ts";
import { createQueue, createTopic, createZone } from "./world-queues.ts";
import { regional, type Defaults, type Send, type Target } from "./targets.ts";
import type { Network } from "./world-network.ts";

type Stores =
  | "efs"
  | "rds"
  | "logs"
  | "s3"
  | "acm"
  | "cloudwatch"
  | "kms"
  | "route53"
  | "secretsmanager"
  | "servicediscovery"
  | "sns"
  | "sqs"
  | "ssm";
export interface Made {
  readonly targets: readonly Target[];
  readonly defaults: Defaults;
}

/** A file system, a database, a log group, a bucket and a certificate, with what lies in each. */
export async function createStores(
  send: Send,
  network: Network,
): Promise<{
  readonly targets: readonly Target[];
  readonly defaults: Readonly<Record<Stores, Defaults>>;
}> {
  const made: Readonly<Record<Stores, Made>> = {
    efs: await createFileSystem(send, network),
    rds: await createDatabase(send, network),
    logs: await createLogs(send),
    s3: await createBucket(send),
    acm: await createCertificate(send),
    cloudwatch: await createAlarm(send),
    kms: await createKey(send),
    route53: await createZone(send),
    secretsmanager: await createSecret(send),
    servicediscovery: await createNamespace(send),
    sns: await createTopic(send),
    sqs: await createQueue(send),
    ssm: await createParameter(send),
  };
  const { efs, rds, logs, s3, acm, cloudwatch, kms, route53, secretsmanager, sns, sqs, ssm } = made;
  return {
    targets: Object.values(made).flatMap((each) => each.targets),
    defaults: {
      efs: efs.defaults,
      rds: rds.defaults,
      logs: logs.defaults,
      s3: s3.defaults,
      acm: acm.defaults,
      cloudwatch: cloudwatch.defaults,
      kms: kms.defaults,
      route53: route53.defaults,
      secretsmanager: secretsmanager.defaults,
      servicediscovery: made.servicediscovery.defaults,
      sns: sns.defaults,
      sqs: sqs.defaults,
      ssm: ssm.defaults,
    },
  };
}

async function createFileSystem(send: Send, { subnetIds }: Network): Promise<Made> {
  const [SubnetId] = subnetIds;
  const system = await send("efs", "CreateFileSystem", { CreationToken: "prod" });
  const id = String(system["FileSystemId"]);
  const mount = await send("efs", "CreateMountTarget", { FileSystemId: id, SubnetId });
  const point = await send("efs", "CreateAccessPoint", { FileSystemId: id, ClientToken: "t" });
  const arns = [String(system["FileSystemArn"])];
  const family = regional("elasticfilesystem", "file-system/*");
  const pointId = String(point["AccessPointId"]);
  const pointArns = [String(point["AccessPointArn"])];
  const points = {
    arns: pointArns,
    family: regional("elasticfilesystem", "access-point/*"),
    spellings: [pointId, ...pointArns],
  };
  return {
    targets: [
      { kind: "fileSystem", arns, family, spellings: [id, ...arns] },
      { kind: "mountTarget", arns, family, spellings: [String(mount["MountTargetId"])] },
      { kind: "accessPoint", ...points },
      { kind: "efsResource", arns, family, spellings: [id, ...arns] },
      { kind: "efsResource", ...points },
    ],
    defaults: {
      SubnetId: subnetIds[1],
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
      ClientToken: "new",
      CreationToken: "new",
    },
  };
}

/** RDS keeps names in lower case and takes them in any. */
async function createDatabase(send: Send, { subnetIds }: Network): Promise<Made> {
  const group = { DBSubnetGroupDescription: "d", SubnetIds: subnetIds };
  await send("rds", "CreateDBSubnetGroup", { DBSubnetGroupName: "prod", ...group });
  const settings = {
    DBInstanceClass: "db.t3.micro",
    Engine: "mysql",
    AllocatedStorage: 20,
    MasterUsername: "admin",
    MasterUserPassword: "password1",
  };
  await send("rds", "CreateDBInstance", { DBInstanceIdentifier: "prod", ...settings });
  const parameters = { DBParameterGroupFamily: "mysql8.0", Description: "d" };
  await send("rds", "CreateDBParameterGroup", { DBParameterGroupName: "prod", ...parameters });
  const options = { EngineName: "mysql", MajorEngineVersion: "8.0", OptionGroupDescription: "d" };
  await send("rds", "CreateOptionGroup", { OptionGroupName: "prod", ...options });
  const [database, subnetGroup] = [regional("rds", "db:prod"), regional("rds", "subgrp:prod")];
  const [databases, subnetGroups] = [regional("rds", "db:*"), regional("rds", "subgrp:*")];
  const create = Object.entries(settings).map(
    ([name, value]) => [`CreateDBInstance.${name}`, value] as const,
  );
  return {
    targets: [
      {
        kind: "database",
        arns: [database],
        family: databases,
        spellings: ["prod", "PROD", "pRod", database],
      },
      { kind: "subnetGroup", arns: [subnetGroup], family: subnetGroups, spellings: ["prod", "Prod"] },
      { kind: "rdsArn", arns: [database], family: databases, spellings: [database] },
      {
        kind: "parameterGroup",
        arns: [regional("rds", "pg:prod")],
        family: regional("rds", "pg:*"),
        spellings: ["prod", "Prod", regional("rds", "pg:prod")],
      },
      {
        kind: "optionGroup",
        arns: [regional("rds", "og:prod")],
        family: regional("rds", "og:*"),
        spellings: ["prod", "Prod", regional("rds", "og:prod")],
      },
      { kind: "rdsArn", arns: [subnetGroup], family: subnetGroups, spellings: [subnetGroup] },
    ],
    defaults: {
      ...Object.fromEntries(create),
      DBInstanceIdentifier: "new",
      "ModifyDBInstance.DBInstanceIdentifier": "prod",
      "ModifyDBInstance.AllocatedStorage": 30,
      "DeleteDBInstance.SkipFinalSnapshot": true,
      // No server has written a file: a marker that none gave is refused instead.
      "DownloadDBLogFilePortion.Marker": "x",
      ...group,
      ...parameters,
      "CreateOptionGroup.EngineName": "mysql",
      "CreateOptionGroup.MajorEngineVersion": "8.0",
      "DescribeOptionGroupOptions.EngineName": "mysql",
      OptionGroupDescription: "d",
      OptionsToInclude: [{ OptionName: "MARIADB_AUDIT_PLUGIN" }],
      TargetOptionGroupIdentifier: "copied",
      TargetOptionGroupDescription: "d",
      "DescribeOrderableDBInstanceOptions.Engine": "mysql",
      TargetDBParameterGroupIdentifier: "copied",
      TargetDBParameterGroupDescription: "d",
      Parameters: [{ ParameterName: "max_connections", ParameterValue: "99", ApplyMethod: "immediate" }],
      "RebootDBInstance.ForceFailover": false,
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}

/** A log group's ARN is written with `:*` in policies, which covers its streams, and without it for its tags. */
async function createLogs(send: Send): Promise<Made> {
  await send("logs", "CreateLogGroup", { logGroupName: "prod" });
  await send("logs", "CreateLogStream", { logGroupName: "prod", logStreamName: "s" });
  const filter = { logGroupName: "prod", filterName: "x", filterPattern: "" };
  const metric = { metricName: "m", metricNamespace: "n", metricValue: "1" };
  await send("logs", "PutMetricFilter", { ...filter, metricTransformations: [metric] });
  const destinationArn = "arn:aws:lambda:eu-south-1:000000000000:function:f";
  await send("logs", "PutSubscriptionFilter", { ...filter, destinationArn });
  const destination = {
    targetArn: "arn:aws:kinesis:eu-south-1:000000000000:stream/s",
    roleArn: "arn:aws:iam::000000000000:role/none",
  };
  await send("logs", "PutDestination", { destinationName: "prod", ...destination });
  const arn = regional("logs", "log-group:prod");
  const group = { arns: [arn, `${arn}:*`], family: regional("logs", "log-group:*") };
  return {
    targets: [
      {
        kind: "logDestination",
        arns: [regional("logs", "destination:prod")],
        family: regional("logs", "destination:*"),
        spellings: ["prod"],
      },
      { kind: "logGroupName", ...group, spellings: ["prod"] },
      { kind: "logGroup", ...group, spellings: ["prod", arn, `${arn}:*`] },
      { kind: "logGroupArn", ...group, spellings: [arn, `${arn}:*`] },
      {
        kind: "logStream",
        arns: [`${arn}:log-stream:s`],
        family: regional("logs", "log-group:*:log-stream:*"),
        spellings: ["s"],
        within: { logGroupName: "prod" },
      },
    ],
    defaults: {
      "GetLogEvents.logStreamName": "s",
      "UntagLogGroup.tags": ["a"],
      metricTransformations: [metric],
      ...destination,
      destinationName: "prod",
      destinationArn,
      "PutIndexPolicy.policyDocument": '{"Fields":["requestId"]}',
      logGroupName: "prod",
      logStreamName: "s",
      retentionInDays: 1,
      logEvents: [{ timestamp: Date.now(), message: "m" }],
      tags: { a: "b" },
      tagKeys: ["a"],
    },
  };
}

/** A bucket's name and an object's key are exact; a copy's source is written in several ways. */
async function createBucket(send: Send): Promise<Made> {
  await send("s3", "CreateBucket", { Bucket: "prod" });
  await send("s3", "CreateBucket", { Bucket: "mine" });
  await send("s3", "PutObject", { Bucket: "prod", Key: "a/b c", Body: "x" });
  await send("s3", "PutObject", { Bucket: "mine", Key: "k", Body: "x" });
  const upload = await send("s3", "CreateMultipartUpload", { Bucket: "prod", Key: "a/b c" });
  const uploadOfMine = await send("s3", "CreateMultipartUpload", { Bucket: "mine", Key: "k" });
  const arn = "arn:aws:s3:::prod";
  const object = { arns: [`${arn}/a/b c`], family: `${arn}/*` };
  return {
    targets: [
      { kind: "bucket", arns: [arn, `${arn}/*`], family: "arn:aws:s3:::*", spellings: ["prod"] },
      { kind: "bucketArn", arns: [arn], family: "arn:aws:s3:::*", spellings: [arn] },
      { kind: "key", ...object, spellings: ["a/b c"], within: { Bucket: "prod" } },
      {
        kind: "copySource",
        ...object,
        spellings: ["prod/a/b c", "/prod/a/b c", "prod/a%2Fb%20c", "prod/%61/b c"],
        within: { Bucket: "mine" },
      },
    ],
    defaults: {
      Bucket: "prod",
      Key: "a/b c",
      "UploadPartCopy.Key": "k",
      CopySource: "prod/a/b c",
      Body: "x",
      "UploadPartCopy.UploadId": uploadOfMine["UploadId"],
      UploadId: upload["UploadId"],
      PartNumber: 1,
      "CompleteMultipartUpload.MultipartUpload": { Parts: [] },
      "GetObjectAttributes.ObjectAttributes": ["ETag"],
      Delete: { Objects: [{ Key: "a/b c" }] },
      Tagging: { TagSet: [{ Key: "a", Value: "b" }] },
      Policy: "{}",
    },
  };
}

async function createCertificate(send: Send): Promise<Made> {
  const { CertificateArn } = await send("acm", "RequestCertificate", { DomainName: "prod.example.com" });
  const arn = String(CertificateArn);
  return {
    targets: [
      { kind: "certificate", arns: [arn], family: regional("acm", "certificate/*"), spellings: [arn] },
    ],
    defaults: { Tags: [{ Key: "a", Value: "b" }] },
  };
}

async function createAlarm(send: Send): Promise<Made> {
  const settings = {
    MetricName: "m",
    Namespace: "n",
    Statistic: "Sum",
    Period: 60,
    Threshold: 1,
    EvaluationPeriods: 1,
    ComparisonOperator: "GreaterThanThreshold",
  };
  await send("cloudwatch", "PutMetricAlarm", { AlarmName: "prod", ...settings });
  const put = Object.entries(settings).map(([name, value]) => [`PutMetricAlarm.${name}`, value] as const);
  await send("cloudwatch", "PutDashboard", { DashboardName: "prod", DashboardBody: '{"widgets":[]}' });
  const [arn, family] = [regional("cloudwatch", "alarm:prod"), regional("cloudwatch", "alarm:*")];
  const dashboards = "arn:aws:cloudwatch::000000000000:dashboard/*";
  return {
    targets: [
      { kind: "alarm", arns: [arn], family, spellings: ["prod"] },
      { kind: "alarmArn", arns: [arn], family, spellings: [arn] },
      {
        kind: "dashboard",
        arns: [dashboards.replace("*", "prod")],
        family: dashboards,
        spellings: ["prod"],
      },
    ],
    defaults: {
      ...Object.fromEntries(put),
      "PutDashboard.DashboardBody": '{"widgets":[]}',
      "PutCompositeAlarm.AlarmRule": "TRUE",
      StateValue: "OK",
      StateReason: "r",
    },
  };
}
