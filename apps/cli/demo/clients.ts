import { ACMClient } from "@aws-sdk/client-acm";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECRClient } from "@aws-sdk/client-ecr";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EFSClient } from "@aws-sdk/client-efs";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { IAMClient } from "@aws-sdk/client-iam";
import { RDSClient } from "@aws-sdk/client-rds";
import { S3Client } from "@aws-sdk/client-s3";
import type { InstanceSettings } from "@gantry/control-plane";
import { rootCredentials } from "../credentials.ts";

/** AWS SDK clients, pointed at this instance with its root keys. */
export function openClients(settings: InstanceSettings, region: string) {
  const configuration = {
    region,
    endpoint: `http://127.0.0.1:${settings.port}`,
    credentials: rootCredentials(settings),
  };
  return {
    acm: new ACMClient(configuration),
    ec2: new EC2Client(configuration),
    ecr: new ECRClient(configuration),
    ecs: new ECSClient(configuration),
    efs: new EFSClient(configuration),
    elb: new ElasticLoadBalancingV2Client(configuration),
    iam: new IAMClient(configuration),
    logs: new CloudWatchLogsClient(configuration),
    rds: new RDSClient(configuration),
    s3: new S3Client({ ...configuration, forcePathStyle: true }),
  };
}

export type Clients = ReturnType<typeof openClients>;
