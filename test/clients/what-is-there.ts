import { ACMClient, ListCertificatesCommand } from "@aws-sdk/client-acm";
import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
} from "@aws-sdk/client-application-auto-scaling";
import { CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CodeDeployClient, ListApplicationsCommand } from "@aws-sdk/client-codedeploy";
import {
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DescribeInternetGatewaysCommand,
  DescribeKeyPairsCommand,
  DescribeNatGatewaysCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { DescribeRepositoriesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { ECSClient, ListClustersCommand, ListTaskDefinitionsCommand } from "@aws-sdk/client-ecs";
import { DescribeAccessPointsCommand, DescribeFileSystemsCommand, EFSClient } from "@aws-sdk/client-efs";
import {
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  IAMClient,
  ListInstanceProfilesCommand,
  ListPoliciesCommand,
  ListRolesCommand,
} from "@aws-sdk/client-iam";
import { DescribeDBInstancesCommand, DescribeDBSubnetGroupsCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListHostedZonesCommand, Route53Client } from "@aws-sdk/client-route-53";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListTopicsCommand, SNSClient } from "@aws-sdk/client-sns";
import type { openDemo } from "../e2e/demo.ts";

type Config = ReturnType<ReturnType<typeof openDemo>["client"]>;

/**
 * What the API lists of each kind that the website's Terraform makes, without what AWS keeps for a while: NAT gateways
 * and instances that are gone, and roles that services made for themselves. Lists are of one page.
 */
export async function whatIsThere(config: Config): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const [network, others] = await Promise.all([networks(config), services(config)]);
  return { ...network, ...others };
}

async function networks(config: Config): Promise<Record<string, readonly unknown[]>> {
  const ec2 = new EC2Client(config);
  const { NatGateways = [] } = await ec2.send(new DescribeNatGatewaysCommand({}));
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
  const instances = Reservations.flatMap(({ Instances = [] }) => Instances);
  return {
    addresses: (await ec2.send(new DescribeAddressesCommand({}))).Addresses ?? [],
    instances: instances.filter(({ State }) => State?.Name !== "terminated"),
    internetGateways: (await ec2.send(new DescribeInternetGatewaysCommand({}))).InternetGateways ?? [],
    keyPairs: (await ec2.send(new DescribeKeyPairsCommand({}))).KeyPairs ?? [],
    natGateways: NatGateways.filter(({ State }) => State !== "deleted"),
    networkInterfaces: (await ec2.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces ?? [],
    routeTables: (await ec2.send(new DescribeRouteTablesCommand({}))).RouteTables ?? [],
    securityGroups: (await ec2.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups ?? [],
    rules: (await ec2.send(new DescribeSecurityGroupRulesCommand({}))).SecurityGroupRules ?? [],
    subnets: (await ec2.send(new DescribeSubnetsCommand({}))).Subnets ?? [],
    volumes: (await ec2.send(new DescribeVolumesCommand({}))).Volumes ?? [],
    vpcs: (await ec2.send(new DescribeVpcsCommand({}))).Vpcs ?? [],
  };
}

async function services(config: Config): Promise<Record<string, readonly unknown[]>> {
  const scaling = new ApplicationAutoScalingClient(config);
  const [ecs, efs, elb] = [
    new ECSClient(config),
    new EFSClient(config),
    new ElasticLoadBalancingV2Client(config),
  ];
  const [iam, rds] = [new IAMClient(config), new RDSClient(config)];
  const ServiceNamespace = "ecs";
  const roles = (await iam.send(new ListRolesCommand({}))).Roles ?? [];
  return {
    accessPoints: (await efs.send(new DescribeAccessPointsCommand({}))).AccessPoints ?? [],
    alarms: (await new CloudWatchClient(config).send(new DescribeAlarmsCommand({}))).MetricAlarms ?? [],
    applications:
      (await new CodeDeployClient(config).send(new ListApplicationsCommand({}))).applications ?? [],
    buckets:
      (await new S3Client({ ...config, forcePathStyle: true }).send(new ListBucketsCommand({}))).Buckets ??
      [],
    certificates:
      (await new ACMClient(config).send(new ListCertificatesCommand({}))).CertificateSummaryList ?? [],
    clusters: (await ecs.send(new ListClustersCommand({}))).clusterArns ?? [],
    databases: (await rds.send(new DescribeDBInstancesCommand({}))).DBInstances ?? [],
    databaseSubnets: (await rds.send(new DescribeDBSubnetGroupsCommand({}))).DBSubnetGroups ?? [],
    fileSystems: (await efs.send(new DescribeFileSystemsCommand({}))).FileSystems ?? [],
    instanceProfiles: (await iam.send(new ListInstanceProfilesCommand({}))).InstanceProfiles ?? [],
    loadBalancers: (await elb.send(new DescribeLoadBalancersCommand({}))).LoadBalancers ?? [],
    logGroups:
      (await new CloudWatchLogsClient(config).send(new DescribeLogGroupsCommand({}))).logGroups ?? [],
    policies: (await iam.send(new ListPoliciesCommand({ Scope: "Local" }))).Policies ?? [],
    repositories: (await new ECRClient(config).send(new DescribeRepositoriesCommand({}))).repositories ?? [],
    roles: roles.filter(({ Path }) => Path?.startsWith("/aws-service-role/") !== true),
    scalableTargets:
      (await scaling.send(new DescribeScalableTargetsCommand({ ServiceNamespace }))).ScalableTargets ?? [],
    scalingPolicies:
      (await scaling.send(new DescribeScalingPoliciesCommand({ ServiceNamespace }))).ScalingPolicies ?? [],
    secrets: (await new SecretsManagerClient(config).send(new ListSecretsCommand({}))).SecretList ?? [],
    targetGroups: (await elb.send(new DescribeTargetGroupsCommand({}))).TargetGroups ?? [],
    taskDefinitions: (await ecs.send(new ListTaskDefinitionsCommand({}))).taskDefinitionArns ?? [],
    topics: (await new SNSClient(config).send(new ListTopicsCommand({}))).Topics ?? [],
    zones: (await new Route53Client(config).send(new ListHostedZonesCommand({}))).HostedZones ?? [],
  };
}
