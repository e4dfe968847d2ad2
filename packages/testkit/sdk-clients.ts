import { Agent } from "node:http";
import * as acm from "@aws-sdk/client-acm";
import * as applicationAutoScaling from "@aws-sdk/client-application-auto-scaling";
import * as autoscaling from "@aws-sdk/client-auto-scaling";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as codedeploy from "@aws-sdk/client-codedeploy";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecr from "@aws-sdk/client-ecr";
import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as eventbridge from "@aws-sdk/client-eventbridge";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as rds from "@aws-sdk/client-rds";
import * as resourcegroupstaggingapi from "@aws-sdk/client-resource-groups-tagging-api";
import * as route53 from "@aws-sdk/client-route-53";
import * as s3 from "@aws-sdk/client-s3";
import * as s3control from "@aws-sdk/client-s3-control";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as secretsmanager from "@aws-sdk/client-secrets-manager";
import * as servicediscovery from "@aws-sdk/client-servicediscovery";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import * as servicequotas from "@aws-sdk/client-service-quotas";
import * as ssm from "@aws-sdk/client-ssm";
import * as sts from "@aws-sdk/client-sts";

/** The SDK module of each service, by the platform's name of the service. */
export const SDK_MODULES = {
  "application-autoscaling": applicationAutoScaling,
  acm,
  autoscaling,
  cloudwatch,
  codedeploy,
  logs,
  ec2,
  ecr,
  ecs,
  efs,
  elbv2,
  eventbridge,
  iam,
  kms,
  rds,
  resourcegroupstaggingapi,
  route53,
  s3,
  s3control,
  scheduler,
  secretsmanager,
  servicediscovery,
  sns,
  sqs,
  servicequotas,
  ssm,
  sts,
};

/** The SDK client class of each service. */
export const SDK_CLIENTS = {
  "application-autoscaling": applicationAutoScaling.ApplicationAutoScalingClient,
  acm: acm.ACMClient,
  autoscaling: autoscaling.AutoScalingClient,
  cloudwatch: cloudwatch.CloudWatchClient,
  codedeploy: codedeploy.CodeDeployClient,
  logs: logs.CloudWatchLogsClient,
  ec2: ec2.EC2Client,
  ecr: ecr.ECRClient,
  ecs: ecs.ECSClient,
  efs: efs.EFSClient,
  elbv2: elbv2.ElasticLoadBalancingV2Client,
  eventbridge: eventbridge.EventBridgeClient,
  iam: iam.IAMClient,
  kms: kms.KMSClient,
  rds: rds.RDSClient,
  resourcegroupstaggingapi: resourcegroupstaggingapi.ResourceGroupsTaggingAPIClient,
  route53: route53.Route53Client,
  s3: s3.S3Client,
  s3control: s3control.S3ControlClient,
  scheduler: scheduler.SchedulerClient,
  secretsmanager: secretsmanager.SecretsManagerClient,
  servicediscovery: servicediscovery.ServiceDiscoveryClient,
  sns: sns.SNSClient,
  sqs: sqs.SQSClient,
  servicequotas: servicequotas.ServiceQuotasClient,
  ssm: ssm.SSMClient,
  sts: sts.STSClient,
};

/**
 * A configuration of a client whose requests go to the given port of this machine whatever name their host has.
 * Clients of S3 Control prefix the host with the account, and no name is looked up here.
 */
export function toNamedHosts<Settings extends { readonly endpoint: string }>(settings: Settings) {
  const lookup = (_: string, options: { readonly all?: boolean | undefined }, found: Found): void => {
    if (options.all === true) found(null, [{ address: "127.0.0.1", family: 4 }]);
    else found(null, "127.0.0.1", 4);
  };
  const requestHandler = { httpAgent: new Agent({ lookup }) };
  return { ...settings, endpoint: settings.endpoint.replace("127.0.0.1", "localhost"), requestHandler };
}

type Found = (
  error: null,
  address: string | { readonly address: string; readonly family: number }[],
  family?: number,
) => void;
