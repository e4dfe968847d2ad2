import { spawn, type ChildProcess } from "node:child_process";
import {
  AcceptVpcEndpointConnectionsCommand,
  AssociateDhcpOptionsCommand,
  AssociateVpcCidrBlockCommand,
  AuthorizeSecurityGroupIngressCommand,
  DescribeNetworkInterfacesCommand,
  AcceptVpcPeeringConnectionCommand,
  CreateDhcpOptionsCommand,
  CreateFlowLogsCommand,
  CreateRouteCommand,
  CreateSubnetCommand,
  CreateVpcEndpointCommand,
  CreateVpcEndpointServiceConfigurationCommand,
  CreateVpcPeeringConnectionCommand,
  DeleteDhcpOptionsCommand,
  DeleteFlowLogsCommand,
  DeleteRouteCommand,
  DeleteSubnetCommand,
  DeleteVpcEndpointServiceConfigurationsCommand,
  DeleteVpcEndpointsCommand,
  DeleteVpcPeeringConnectionCommand,
  DescribeFlowLogsCommand,
  DescribeRouteTablesCommand,
  ModifyVpcEndpointCommand,
  RejectVpcEndpointConnectionsCommand,
} from "@aws-sdk/client-ec2";
import {
  CloudWatchLogsClient,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { ECSClient, StopTaskCommand } from "@aws-sdk/client-ecs";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DeleteLoadBalancerCommand,
  DeleteTargetGroupCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo, REGION } from "../e2e/demo.ts";
import { eventually, run } from "../e2e/helpers.ts";
import { openVpcs, type Sleeper } from "./vpcs.ts";

// Two VPCs of the test's own with a task in each: peered, one with a gateway endpoint and a flow log.
// Before: peerings, endpoint policies and flow logs were recorded, and nothing of them acted.
const demo = openDemo(inject("demo"));
const vpcs = openVpcs(demo);
const { ec2 } = vpcs;
const [elb, logs, iam, s3] = [
  new ElasticLoadBalancingV2Client(demo.client()),
  new CloudWatchLogsClient(demo.client()),
  new IAMClient(demo.client()),
  new S3Client({ ...demo.client(), forcePathStyle: true }),
];
const [Bucket, RoleName, LogGroupName] = ["vpc-connections", "vpc-connections", "/vpc-connections"];
type Vpc = Awaited<ReturnType<typeof vpcs.newVpc>> & {
  readonly groupId: string;
  readonly tableId: string;
  readonly task: Sleeper;
};
let one: Vpc;
let two: Vpc;
let server: ChildProcess | undefined;
const undo: (() => Promise<unknown>)[] = [];

async function newVpc(block: string): Promise<Vpc> {
  const vpc = await vpcs.newVpc(block);
  const everything = [
    { IpProtocol: "tcp", FromPort: 8080, ToPort: 8080, IpRanges: [{ CidrIp: "10.0.0.0/8" }] },
  ];
  const group = await vpcs.newGroup(vpc.vpcId, { name: "connected", ingress: everything });
  const { RouteTables = [] } = await ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [vpc.vpcId] }] }),
  );
  const task = await vpcs.startSleeper(vpc.subnetId, group);
  return { ...vpc, groupId: group, tableId: RouteTables[0]?.RouteTableId ?? "", task };
}

/** A web server that answers the address of its client. */
const WHO = `
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Who(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
ThreadingHTTPServer(("", 8080), Who).serve_forever()
`;

beforeAll(async () => {
  [one, two] = await Promise.all([newVpc("10.81"), newVpc("10.82")]);
  server = spawn("nsenter", ["-t", two.task.pid, "-n", "python3", "-c", WHO], { stdio: "ignore" });
});
afterAll(async () => {
  server?.kill("SIGKILL");
  for (const step of undo.toReversed()) await step();
  await vpcs.close();
});

const ask = ({ task }: Pick<Vpc, "task">, ...words: readonly string[]) =>
  run("nsenter", ["-t", task.pid, "-n", "curl", "-sk", "-m", "2", ...words]).catch(() => "");
const asksTwo = async (port = 8080) => (await ask(one, `http://${two.task.ip}:${port}/`)) !== "";
const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });

it("begins a flow log, by its role", async () => {
  const trust = {
    Effect: "Allow",
    Principal: { Service: "vpc-flow-logs.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document(trust) }),
  );
  undo.push(() => iam.send(new DeleteRoleCommand({ RoleName })));
  const PolicyDocument = document({ Effect: "Allow", Action: "logs:*", Resource: "*" });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "logs", PolicyDocument }));
  undo.push(() => iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "logs" })));
  const { FlowLogIds } = await ec2.send(
    new CreateFlowLogsCommand({
      ...{ ResourceIds: [one.vpcId, two.vpcId], ResourceType: "VPC", TrafficType: "ALL", LogGroupName },
      ...{ DeliverLogsPermissionArn: Role?.Arn, MaxAggregationInterval: 60 },
    }),
  );
  expect(FlowLogIds).toHaveLength(2);
  undo.push(() => logs.send(new DeleteLogGroupCommand({ logGroupName: LogGroupName })));
  undo.push(() => ec2.send(new DeleteFlowLogsCommand({ FlowLogIds })));
});

/**
 * Expects that a network load balancer of the second VPC shows its target its own address, and then those of clients
 * in the VPC and in its peer; a target that is its own client does not reach itself, as on AWS.
 */
async function expectClientsSeen(): Promise<void> {
  const { TargetGroups = [] } = await elb.send(
    new CreateTargetGroupCommand({
      ...{ Name: "who", Protocol: "TCP", Port: 8080, TargetType: "ip", VpcId: two.vpcId },
      ...{ HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 2 },
    }),
  );
  const TargetGroupArn = TargetGroups[0]?.TargetGroupArn;
  undo.push(() => elb.send(new DeleteTargetGroupCommand({ TargetGroupArn })));
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: two.task.ip }] }));
  const { LoadBalancers = [] } = await elb.send(
    new CreateLoadBalancerCommand({
      Name: "who",
      Type: "network",
      Scheme: "internal",
      Subnets: [two.subnetId],
    }),
  );
  const LoadBalancerArn = LoadBalancers[0]?.LoadBalancerArn;
  undo.push(() => elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn })));
  const DefaultActions = [{ Type: "forward" as const, TargetGroupArn }];
  await elb.send(new CreateListenerCommand({ LoadBalancerArn, Protocol: "TCP", Port: 80, DefaultActions }));
  const Filters = [{ Name: "description", Values: ["ELB net/who/*"] }];
  const { NetworkInterfaces = [] } = await ec2.send(new DescribeNetworkInterfacesCommand({ Filters }));
  const address = NetworkInterfaces[0]?.PrivateIpAddress ?? "";
  const seenOf = (vpc: Pick<Vpc, "task">) => ask(vpc, `http://${address}/`);
  await eventually(async () => expect(await seenOf(one)).toBe(address));
  const Attributes = [{ Key: "preserve_client_ip.enabled", Value: "true" }];
  await elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes }));
  await eventually(async () => expect(await seenOf(one)).toBe(one.task.ip));
  const neighbour = { task: await vpcs.startSleeper(two.subnetId, two.groupId) };
  await eventually(async () => expect(await seenOf(neighbour)).toBe(neighbour.task.ip));
  expect(await seenOf(two)).toBe("");
}

it("carries traffic of a peering while both route tables lead to it", async () => {
  const { VpcPeeringConnection } = await ec2.send(
    new CreateVpcPeeringConnectionCommand({ VpcId: one.vpcId, PeerVpcId: two.vpcId }),
  );
  const VpcPeeringConnectionId = VpcPeeringConnection?.VpcPeeringConnectionId;
  await ec2.send(new AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  const remove = () => ec2.send(new DeleteVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  const toTwo = { RouteTableId: one.tableId, DestinationCidrBlock: "10.82.0.0/16" };
  await ec2.send(new CreateRouteCommand({ ...toTwo, VpcPeeringConnectionId }));
  expect(await asksTwo()).toBe(false);
  const toOne = { RouteTableId: two.tableId, DestinationCidrBlock: "10.81.0.0/16" };
  await ec2.send(new CreateRouteCommand({ ...toOne, VpcPeeringConnectionId }));
  await eventually(async () => expect(await asksTwo()).toBe(true));
  // The security group of the other side decides as well: the flow log says so.
  expect(await asksTwo(8081)).toBe(false);
  await ec2.send(new DeleteRouteCommand(toOne));
  await eventually(async () => expect(await asksTwo()).toBe(false));
  await ec2.send(new CreateRouteCommand({ ...toOne, VpcPeeringConnectionId }));
  await eventually(async () => expect(await asksTwo()).toBe(true));
  await expectClientsSeen();
  await remove();
  await eventually(async () => expect(await asksTwo()).toBe(false));
  const { RouteTables = [] } = await ec2.send(
    new DescribeRouteTablesCommand({ RouteTableIds: [one.tableId] }),
  );
  expect(RouteTables[0]?.Routes?.map((route) => route.State).toSorted()).toEqual(["active", "blackhole"]);
});

it("lets through a gateway endpoint what its policy allows, and shows a bucket's policy the endpoint", async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "reached" }));
  undo.push(() => s3.send(new DeleteBucketCommand({ Bucket })));
  undo.push(() => s3.send(new DeleteObjectCommand({ Bucket, Key: "a" })));
  const { VpcEndpoint } = await ec2.send(
    new CreateVpcEndpointCommand({
      ...{ VpcId: one.vpcId, RouteTableIds: [one.tableId], ServiceName: `com.amazonaws.${REGION}.s3` },
    }),
  );
  const id = VpcEndpoint?.VpcEndpointId ?? "";
  undo.push(() => ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] })));
  const reading = { Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "*" };
  const Condition = { StringEquals: { "aws:SourceVpce": id } };
  const Resource = `arn:aws:s3:::${Bucket}/*`;
  await s3.send(
    new PutBucketPolicyCommand({ Bucket, Policy: document({ ...reading, Resource, Condition }) }),
  );
  const host = `s3.${REGION}.amazonaws.com`;
  const get = (vpc: Vpc) =>
    ask(vpc, "--resolve", `${host}:443:169.254.170.10`, `https://${host}/${Bucket}/a`);
  await eventually(async () => expect(await get(one)).toBe("reached"));
  await eventually(async () => expect(await get(two)).toContain("AccessDenied"));
  const denied = document({ ...reading, Effect: "Deny" });
  await ec2.send(new ModifyVpcEndpointCommand({ VpcEndpointId: id, PolicyDocument: denied }));
  await eventually(async () => expect(await get(one)).toContain("AccessDenied"));
});

it("answers at an interface endpoint while the endpoint's security group lets port 443 in", async () => {
  const GroupId = await vpcs.newGroup(one.vpcId, { name: "endpoint" });
  const { VpcEndpoint } = await ec2.send(
    new CreateVpcEndpointCommand({
      ...{ VpcId: one.vpcId, SubnetIds: [one.subnetId], ServiceName: `com.amazonaws.${REGION}.ecs` },
      ...{ VpcEndpointType: "Interface", PrivateDnsEnabled: false, SecurityGroupIds: [GroupId] },
    }),
  );
  undo.push(() =>
    ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpoint?.VpcEndpointId ?? ""] })),
  );
  const { NetworkInterfaces = [] } = await ec2.send(
    new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: VpcEndpoint?.NetworkInterfaceIds }),
  );
  const host = `ecs.${REGION}.amazonaws.com`;
  const at = `${host}:443:${NetworkInterfaces[0]?.PrivateIpAddress}`;
  // Before: no one answered for the endpoint's MAC address in its own subnet.
  const answers = () => ask(one, "--resolve", at, `https://${host}/`);
  expect(await answers()).toBe("");
  const https = { IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "10.81.0.0/16" }] };
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [https] }));
  await eventually(async () => expect(await answers()).not.toBe(""));
});

/** An endpoint service for the server of a VPC, behind a network load balancer whose listener has port 80. */
async function offer({ vpcId: VpcId, subnetId, task }: Vpc): Promise<{ id: string; name: string }> {
  const { LoadBalancers } = await elb.send(
    new CreateLoadBalancerCommand({
      ...{ Name: "connections", Type: "network", Scheme: "internal", Subnets: [subnetId] },
    }),
  );
  const { TargetGroups } = await elb.send(
    new CreateTargetGroupCommand({
      ...{ Name: "connections", TargetType: "ip", Protocol: "TCP", Port: 8080, VpcId },
      ...{ HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 4 },
    }),
  );
  const TargetGroupArn = TargetGroups?.[0]?.TargetGroupArn;
  const LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  undo.push(() => eventually(() => elb.send(new DeleteTargetGroupCommand({ TargetGroupArn }))));
  undo.push(() => elb.send(new DeleteLoadBalancerCommand({ LoadBalancerArn })));
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: task.ip }] }));
  const DefaultActions = [{ Type: "forward" as const, TargetGroupArn }];
  await elb.send(new CreateListenerCommand({ LoadBalancerArn, Protocol: "TCP", Port: 80, DefaultActions }));
  const { ServiceConfiguration } = await ec2.send(
    new CreateVpcEndpointServiceConfigurationCommand({ NetworkLoadBalancerArns: [LoadBalancerArn] }),
  );
  const id = ServiceConfiguration?.ServiceId ?? "";
  undo.push(() => ec2.send(new DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [id] })));
  return { id, name: ServiceConfiguration?.ServiceName ?? "" };
}

it("leads an accepted endpoint to the load balancer of another VPC, and to nothing else there", async () => {
  const service = await offer(two);
  const http = { IpProtocol: "tcp", FromPort: 0, ToPort: 65_535, IpRanges: [{ CidrIp: "10.81.0.0/16" }] };
  const GroupId = await vpcs.newGroup(one.vpcId, { name: "service", ingress: [http] });
  const { VpcEndpoint } = await ec2.send(
    new CreateVpcEndpointCommand({
      ...{ VpcId: one.vpcId, SubnetIds: [one.subnetId], ServiceName: service.name },
      ...{ VpcEndpointType: "Interface", SecurityGroupIds: [GroupId] },
    }),
  );
  const decision = { ServiceId: service.id, VpcEndpointIds: [VpcEndpoint?.VpcEndpointId ?? ""] };
  const remove = () => ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: decision.VpcEndpointIds }));
  undo.push(remove);
  const { NetworkInterfaces = [] } = await ec2.send(
    new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: VpcEndpoint?.NetworkInterfaceIds }),
  );
  const address = NetworkInterfaces[0]?.PrivateIpAddress;
  const answers = async (port = 80) => (await ask(one, `http://${address}:${port}/`)) !== "";
  expect(await answers()).toBe(false);
  await ec2.send(new AcceptVpcEndpointConnectionsCommand(decision));
  await eventually(async () => expect(await answers()).toBe(true));
  expect(await answers(8080)).toBe(false);
  expect(await answers(443)).toBe(false);
  expect(await asksTwo()).toBe(false);
  await ec2.send(new RejectVpcEndpointConnectionsCommand(decision));
  await eventually(async () => expect(await answers()).toBe(false));
  await ec2.send(new AcceptVpcEndpointConnectionsCommand(decision));
  await eventually(async () => expect(await answers()).toBe(true));
  await remove();
  await eventually(async () => expect(await answers()).toBe(false));
});

/** Runs a command in the container of a task. */
async function inside({ taskArn }: Sleeper, ...words: readonly string[]): Promise<string> {
  const labels = [`gantry.pod=pod/${taskArn.split("/").at(-1)}`, "gantry.container=main"];
  const filters = labels.flatMap((label) => ["--filter", `label=${label}`]);
  const id = (await run("docker", ["ps", "-q", ...filters])).trim();
  return run("docker", ["exec", id, ...words]).catch(() => "");
}

it("joins a secondary block to running tasks, and gives new tasks the new DHCP options", async () => {
  const { vpcId: VpcId } = two;
  await ec2.send(new AssociateVpcCidrBlockCommand({ VpcId, CidrBlock: "10.83.0.0/16" }));
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock: "10.83.1.0/24" }));
  const { SubnetId = "" } = Subnet ?? {};
  const { DhcpOptions } = await ec2.send(
    new CreateDhcpOptionsCommand({
      DhcpConfigurations: [
        { Key: "domain-name", Values: ["corp.test"] },
        { Key: "domain-name-servers", Values: ["AmazonProvidedDNS"] },
      ],
    }),
  );
  const DhcpOptionsId = DhcpOptions?.DhcpOptionsId;
  await ec2.send(new AssociateDhcpOptionsCommand({ VpcId, DhcpOptionsId }));
  undo.push(() => ec2.send(new DeleteDhcpOptionsCommand({ DhcpOptionsId })));
  undo.push(() => ec2.send(new AssociateDhcpOptionsCommand({ VpcId, DhcpOptionsId: "default" })));
  undo.push(() => eventually(() => ec2.send(new DeleteSubnetCommand({ SubnetId }))));
  const group = await vpcs.newGroup(VpcId, { name: "second" });
  const task = await vpcs.startSleeper(SubnetId, group);
  const stop = new StopTaskCommand({ cluster: "fileshare", task: task.taskArn });
  undo.push(() => new ECSClient(demo.client()).send(stop));
  expect(task.ip).toMatch(/^10\.83\.1\./);
  await eventually(async () =>
    expect(await ask({ ...two, task }, `http://${two.task.ip}:8080/`)).not.toBe(""),
  );
  expect(await ask({ ...two, task }, `http://${two.task.ip}:8081/`)).toBe("");
  const host = `ip-${task.ip.replaceAll(".", "-")}.${REGION}.compute.internal`;
  expect(await inside(two.task, "nslookup", host)).toContain(task.ip);
  expect(await inside(task, "cat", "/etc/resolv.conf")).toContain("corp.test");
  expect(await inside(two.task, "cat", "/etc/resolv.conf")).not.toContain("corp.test");
});

it("has written what passed and what was rejected", async () => {
  await eventually(async () => {
    const { events = [] } = await logs.send(
      new FilterLogEventsCommand({ logGroupName: LogGroupName, limit: 1_000 }),
    );
    const lines = events.map((event) => event.message ?? "");
    const between = lines.filter((line) => line.includes(` ${one.task.ip} ${two.task.ip} `));
    expect(between.some((line) => / 8080 6 \d+ \d+ \d+ \d+ ACCEPT OK$/.test(line))).toBe(true);
    expect(between.some((line) => / 8081 6 \d+ \d+ \d+ \d+ REJECT OK$/.test(line))).toBe(true);
  }, 300_000);
  const { FlowLogs = [] } = await ec2.send(
    new DescribeFlowLogsCommand({ Filter: [{ Name: "resource-id", Values: [one.vpcId] }] }),
  );
  expect(FlowLogs).toMatchObject([{ DeliverLogsStatus: "SUCCESS" }]);
});
