import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { CreateTopicCommand, DeleteTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  type Message,
} from "@aws-sdk/client-sqs";
import { startApi, startTopicDeliveries } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const balancing = new elb.ElasticLoadBalancingV2Client(api.client());
const REGION = "eu-south-1";
let subnets: readonly ec2.Subnet[] = [];
let [first, second] = ["", ""];

async function newBalancer(Name: string, Type: elb.LoadBalancerTypeEnum = "network"): Promise<string> {
  const Subnets = subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId);
  const { LoadBalancers } = await balancing.send(
    new elb.CreateLoadBalancerCommand({ Name, Type, Scheme: "internal", Subnets }),
  );
  return LoadBalancers?.[0]?.LoadBalancerArn ?? "";
}
async function newService(more: Partial<ec2.CreateVpcEndpointServiceConfigurationRequest> = {}) {
  const { ServiceConfiguration } = await client.send(
    new ec2.CreateVpcEndpointServiceConfigurationCommand({ NetworkLoadBalancerArns: [first], ...more }),
  );
  return { ServiceId: ServiceConfiguration?.ServiceId ?? "", ...ServiceConfiguration };
}
async function consumer(CidrBlock = "10.9.0.0/16", AvailabilityZone = subnets[0]?.AvailabilityZone) {
  const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock }));
  const VpcId = Vpc?.VpcId ?? "";
  for (const name of ["EnableDnsHostnames", "EnableDnsSupport"])
    await client.send(new ec2.ModifyVpcAttributeCommand({ VpcId, [name]: { Value: true } }));
  const { Subnet } = await client.send(
    new ec2.CreateSubnetCommand({ VpcId, CidrBlock: CidrBlock.replace("/16", "/24"), AvailabilityZone }),
  );
  return { VpcId, SubnetIds: [Subnet?.SubnetId ?? ""] };
}
async function connect(
  ServiceName: string | undefined,
  place: { VpcId: string; SubnetIds: string[] },
  PrivateDnsEnabled?: boolean,
) {
  const { VpcEndpoint } = await client.send(
    new ec2.CreateVpcEndpointCommand({
      ServiceName,
      VpcEndpointType: "Interface",
      PrivateDnsEnabled,
      ...place,
    }),
  );
  return { VpcEndpointId: VpcEndpoint?.VpcEndpointId ?? "", ...VpcEndpoint };
}
const described = async (ServiceId: string) =>
  (await client.send(new ec2.DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] })))
    .ServiceConfigurations?.[0];
const endpointOf = async (id: string) =>
  (await client.send(new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] }))).VpcEndpoints?.[0];

beforeAll(async () => {
  ({ Subnets: subnets = [] } = await client.send(new ec2.DescribeSubnetsCommand({})));
  [first, second] = [await newBalancer("first"), await newBalancer("second")];
});

describe("an endpoint service", () => {
  it("is created with its load balancers, described, modified and deleted", async () => {
    const made = await newService({
      ...{ AcceptanceRequired: false, SupportedIpAddressTypes: ["ipv4"], SupportedRegions: [REGION] },
      ...{ ClientToken: "a" },
      TagSpecifications: [{ ResourceType: "vpc-endpoint-service", Tags: [{ Key: "team", Value: "web" }] }],
    });
    const { ServiceId } = made;
    const zones = subnets.slice(0, 2).map((subnet) => subnet.AvailabilityZone);
    expect(made).toMatchObject({
      ServiceName: `com.amazonaws.vpce.${REGION}.${ServiceId}`,
      ServiceState: "Available",
      AcceptanceRequired: false,
      NetworkLoadBalancerArns: [first],
      AvailabilityZones: zones.toSorted(),
      BaseEndpointDnsNames: [`${ServiceId}.${REGION}.vpce.amazonaws.com`],
      Tags: [{ Key: "team", Value: "web" }],
    });
    await client.send(
      new ec2.ModifyVpcEndpointServiceConfigurationCommand({
        ...{ ServiceId, AcceptanceRequired: true, AddNetworkLoadBalancerArns: [second] },
        ...{ RemoveNetworkLoadBalancerArns: [first], AddSupportedIpAddressTypes: ["ipv4"] },
        ...{ AddSupportedRegions: [REGION], RemoveSupportedIpAddressTypes: ["ipv6"] },
        ...{ RemoveSupportedRegions: ["us-east-1"] },
      }),
    );
    const PayerResponsibility = "ServiceOwner" as const;
    await client.send(
      new ec2.ModifyVpcEndpointServicePayerResponsibilityCommand({ ServiceId, PayerResponsibility }),
    );
    const byTag = await client.send(
      new ec2.DescribeVpcEndpointServiceConfigurationsCommand({
        Filters: [
          { Name: "tag:team", Values: ["web"] },
          { Name: "service-id", Values: [ServiceId] },
          { Name: "service-name", Values: ["*vpce-svc-*"] },
          { Name: "service-state", Values: ["Available"] },
          { Name: "supported-ip-address-types", Values: ["ipv4"] },
        ],
      }),
    );
    expect(byTag.ServiceConfigurations).toMatchObject([
      { ServiceId, AcceptanceRequired: true, NetworkLoadBalancerArns: [second], PayerResponsibility },
    ]);
    const remove = new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] });
    expect((await client.send(remove)).Unsuccessful).toEqual([]);
    expect((await client.send(remove)).Unsuccessful).toMatchObject([
      { ResourceId: ServiceId, Error: { Code: "InvalidVpcEndpointServiceId.NotFound" } },
    ]);
    await expect(described(ServiceId)).rejects.toMatchObject({
      name: "InvalidVpcEndpointServiceId.NotFound",
    });
  });

  it("needs network load balancers of the account, and refuses what Gantry does not have", async () => {
    const application = await newBalancer("application", "application");
    const gateway = first.replace("/net/", "/gwy/");
    const cases: [Parameters<typeof newService>[0], string][] = [
      [{ NetworkLoadBalancerArns: [] }, "MissingParameter"],
      [{ NetworkLoadBalancerArns: [application] }, "InvalidParameter"],
      [{ NetworkLoadBalancerArns: [first.replace("000000000000", "111111111111")] }, "InvalidParameter"],
      [{ GatewayLoadBalancerArns: [gateway] }, "InvalidParameterValue"],
      [{ SupportedIpAddressTypes: ["ipv6"] }, "InvalidParameterValue"],
      [{ SupportedRegions: ["us-east-1"] }, "InvalidParameterValue"],
      [{ PrivateDnsName: "not a name" }, "InvalidParameterValue"],
    ];
    for (const [more, error] of cases)
      await expect(newService(more), JSON.stringify(more)).rejects.toMatchObject({ name: error });
    const { ServiceId } = await newService();
    for (const more of [
      { AddGatewayLoadBalancerArns: [gateway] },
      { RemoveGatewayLoadBalancerArns: [gateway] },
      { RemoveSupportedIpAddressTypes: ["ipv4"] },
      { RemoveSupportedRegions: [REGION] },
    ])
      await expect(
        client.send(new ec2.ModifyVpcEndpointServiceConfigurationCommand({ ServiceId, ...more })),
      ).rejects.toMatchObject({ name: "InvalidParameterValue" });
  });

  it("keeps its load balancers from being deleted", async () => {
    const arn = await newBalancer("kept");
    const { ServiceId } = await newService({ NetworkLoadBalancerArns: [arn] });
    const remove = () => balancing.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: arn }));
    await expect(remove()).rejects.toMatchObject({ name: "ResourceInUseException" });
    await client.send(new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] }));
    await remove();
  });

  it("is described to who may connect, with its zones, in which alone endpoints may be", async () => {
    const { ServiceName, ServiceId } = await newService();
    const all = await client.send(
      new ec2.DescribeVpcEndpointServicesCommand({ Filters: [{ Name: "owner", Values: ["000000000000"] }] }),
    );
    expect(all.ServiceDetails).toContainEqual(
      expect.objectContaining({ ServiceName, ServiceId, AcceptanceRequired: true, Tags: [] }),
    );
    const zone = subnets[2]?.AvailabilityZone;
    await expect(connect(ServiceName, await consumer("10.8.0.0/16", zone))).rejects.toThrow(
      "does not support the availability zone of the subnet",
    );
    const gateway = { ServiceName, VpcId: subnets[0]?.VpcId };
    await expect(client.send(new ec2.CreateVpcEndpointCommand(gateway))).rejects.toMatchObject({
      name: "InvalidServiceName",
    });
  });
});

describe("connections of an endpoint service", () => {
  it("wait for their acceptance, can be rejected, and keep the service from being deleted", async () => {
    const { ServiceId, ServiceName } = await newService();
    const { VpcEndpointId, State, DnsEntries } = await connect(ServiceName, await consumer());
    expect(State).toBe("pendingAcceptance");
    expect(DnsEntries?.[0]?.DnsName).toMatch(
      new RegExp(String.raw`^${VpcEndpointId}-\w{8}\.${ServiceId}\.${REGION}\.vpce\.amazonaws\.com$`),
    );
    const connections = async () =>
      (
        await client.send(
          new ec2.DescribeVpcEndpointConnectionsCommand({
            Filters: [
              { Name: "service-id", Values: [ServiceId] },
              { Name: "vpc-endpoint-id", Values: [VpcEndpointId] },
              { Name: "vpc-endpoint-owner", Values: ["000000000000"] },
              { Name: "vpc-endpoint-region", Values: [REGION] },
              { Name: "ip-address-type", Values: ["ipv4"] },
            ],
          }),
        )
      ).VpcEndpointConnections?.map((each) => each.VpcEndpointState);
    expect(await connections()).toEqual(["pendingAcceptance"]);
    const VpcEndpointIds = [VpcEndpointId];
    const accept = new ec2.AcceptVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds });
    const reject = new ec2.RejectVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds });
    const remove = new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] });
    expect((await client.send(accept)).Unsuccessful).toEqual([]);
    expect(await connections()).toEqual(["available"]);
    expect((await endpointOf(VpcEndpointId))?.State).toBe("available");
    expect((await client.send(remove)).Unsuccessful).toMatchObject([
      { Error: { Code: "ExistingVpcEndpointConnections" } },
    ]);
    await expect(
      client.send(
        new ec2.ModifyVpcEndpointServiceConfigurationCommand({
          ...{ ServiceId, AddNetworkLoadBalancerArns: [second], RemoveNetworkLoadBalancerArns: [first] },
        }),
      ),
    ).rejects.toMatchObject({ name: "ExistingVpcEndpointConnections" });
    await client.send(reject);
    expect(await connections()).toEqual(["rejected"]);
    expect((await client.send(remove)).Unsuccessful).toEqual([]);
    expect(await connections()).toEqual([]);
    expect((await endpointOf(VpcEndpointId))?.State).toBe("rejected");
    const unknown = { ServiceId: (await newService()).ServiceId, VpcEndpointIds };
    expect(
      (await client.send(new ec2.AcceptVpcEndpointConnectionsCommand(unknown))).Unsuccessful,
    ).toMatchObject([{ ResourceId: VpcEndpointId, Error: { Code: "InvalidVpcEndpointId.NotFound" } }]);
  });

  it("tell topics, which are described, modified and deleted", async () => {
    const [sns, sqs] = [new SNSClient(api.client()), new SQSClient(api.client())];
    const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: "connections" }));
    const deliveries = startTopicDeliveries(api);
    const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: "connections" }));
    const queueArn = `arn:aws:sqs:${REGION}:000000000000:connections`;
    const statement = { Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: queueArn };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: statement });
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: queueArn }));
    const { ServiceId, ServiceName } = await newService();
    const make = (more: object) =>
      client.send(
        new ec2.CreateVpcEndpointConnectionNotificationCommand({
          ...{
            ConnectionNotificationArn: TopicArn,
            ConnectionEvents: ["Connect"],
            ClientToken: "n",
            ...more,
          },
        }),
      );
    const { ConnectionNotification } = await make({ ServiceId });
    const id = ConnectionNotification?.ConnectionNotificationId ?? "";
    expect(ConnectionNotification).toMatchObject({ ServiceId, ConnectionNotificationState: "Enabled" });
    const { VpcEndpointId } = await connect(ServiceName, await consumer("10.7.0.0/16"));
    await make({ VpcEndpointId, ConnectionEvents: ["Accept", "Reject", "Delete"] });
    const modify = new ec2.ModifyVpcEndpointConnectionNotificationCommand({
      ...{ ConnectionNotificationId: id, ConnectionEvents: ["Delete"], ConnectionNotificationArn: TopicArn },
    });
    expect((await client.send(modify)).ReturnValue).toBe(true);
    const VpcEndpointIds = [VpcEndpointId];
    await client.send(new ec2.AcceptVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds }));
    await client.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds }));
    const Messages: Message[] = [];
    while (Messages.length < 4) {
      const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 });
      Messages.push(...((await sqs.send(receive)).Messages ?? []));
    }
    await deliveries.stop();
    const events = Messages.map(({ Body = "" }) => {
      const { Message } = JSON.parse(Body) as { Message: string }; // As delivered.
      const content = JSON.parse(Message) as { event: string; vpcEndpointId: string }; // As above.
      expect(content.vpcEndpointId).toBe(VpcEndpointId);
      return content.event;
    });
    expect(events.toSorted()).toEqual(["Accept", "Connect", "Delete", "Delete"]);
    const list = async (more: object) =>
      (
        await client.send(new ec2.DescribeVpcEndpointConnectionNotificationsCommand(more))
      ).ConnectionNotificationSet?.map((each) => [
        each.ConnectionNotificationId,
        each.ConnectionNotificationState,
      ]);
    await sns.send(new DeleteTopicCommand({ TopicArn }));
    const Filters = [
      { Name: "service-id", Values: [ServiceId] },
      { Name: "connection-notification-arn", Values: [TopicArn] },
      { Name: "connection-notification-id", Values: [id] },
      { Name: "connection-notification-state", Values: ["Disabled"] },
      { Name: "connection-notification-type", Values: ["Topic"] },
    ];
    expect(await list({ Filters })).toEqual([[id, "Disabled"]]);
    expect(await list({ Filters: [{ Name: "vpc-endpoint-id", Values: [VpcEndpointId] }] })).toEqual([]);
    await expect(make({ ServiceId })).rejects.toThrow("does not exist");
    for (const more of [{}, { ServiceId, VpcEndpointId }])
      await expect(make(more)).rejects.toMatchObject({ name: "InvalidParameter" });
    const remove = new ec2.DeleteVpcEndpointConnectionNotificationsCommand({
      ConnectionNotificationIds: [id],
    });
    expect((await client.send(remove)).Unsuccessful).toEqual([]);
    await expect(list({ ConnectionNotificationId: id })).rejects.toMatchObject({
      name: "InvalidConnectionNotification",
    });
    expect((await client.send(remove)).Unsuccessful).toHaveLength(1);
  });
});

describe("the private name of an endpoint service", () => {
  it("is that of one endpoint in a VPC, whichever service has it", async () => {
    const input = { PrivateDnsName: "shared.example.org", AcceptanceRequired: false };
    const services = [await newService(input), await newService(input)];
    // Each is verified by a record of its own.
    api.store.transact((tx) => {
      for (const { ServiceId } of services) {
        const record = tx.get("endpointService", ServiceId);
        const privateDns = record?.privateDns && { ...record.privateDns, state: "verified" as const };
        if (record !== undefined) tx.put("endpointService", ServiceId, { ...record, privateDns });
      }
    });
    const place = await consumer("10.7.0.0/16");
    const [one, two] = services.map(({ ServiceName }) => ServiceName);
    const { VpcEndpointId } = await connect(one, place, true);
    await expect(connect(two, place, true)).rejects.toThrow("already a conflicting DNS domain");
    const { VpcEndpointId: other } = await connect(two, place, false);
    const enable = new ec2.ModifyVpcEndpointCommand({ VpcEndpointId: other, PrivateDnsEnabled: true });
    await expect(client.send(enable)).rejects.toThrow("already a conflicting DNS domain");
    await client.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpointId] }));
    await client.send(enable);
  });

  it("is answered once it is verified by its TXT record and the endpoint is accepted", async () => {
    const zones = new Route53Client(api.client());
    const { HostedZone } = await zones.send(
      new CreateHostedZoneCommand({ Name: "example.org", CallerReference: "a" }),
    );
    const { ServiceId, ServiceName, PrivateDnsNameConfiguration } = await newService({
      PrivateDnsName: "Orders.example.org",
    });
    const { Name = "", Value = "", State } = PrivateDnsNameConfiguration ?? {};
    expect(State).toBe("pendingVerification");
    const start = async () => {
      await client.send(new ec2.StartVpcEndpointServicePrivateDnsVerificationCommand({ ServiceId }));
      return (await described(ServiceId))?.PrivateDnsNameConfiguration?.State;
    };
    expect(await start()).toBe("failed");
    const place = await consumer("10.6.0.0/16");
    await expect(connect(ServiceName, place, true)).rejects.toThrow("does not provide a private DNS name");
    const record = { Name: `${Name}.example.org`, Type: "TXT" as const, TTL: 60 };
    await zones.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: HostedZone?.Id,
        ChangeBatch: {
          Changes: [
            {
              Action: "CREATE",
              ResourceRecordSet: { ...record, ResourceRecords: [{ Value: `"${Value}"` }] },
            },
          ],
        },
      }),
    );
    expect(await start()).toBe("verified");
    await expect(connect(ServiceName, place, true)).rejects.toThrow("only be enabled after the endpoint");
    const { VpcEndpointId } = await connect(ServiceName, place);
    const enable = new ec2.ModifyVpcEndpointCommand({ VpcEndpointId, PrivateDnsEnabled: true });
    await expect(client.send(enable)).rejects.toThrow("only be enabled after the endpoint");
    const VpcEndpointIds = [VpcEndpointId];
    await client.send(new ec2.AcceptVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds }));
    await client.send(enable);
    const names = async () => (await endpointOf(VpcEndpointId))?.DnsEntries?.map((each) => each.DnsName);
    expect(await names()).toContain("orders.example.org");
    const modify = (more: object) =>
      client.send(new ec2.ModifyVpcEndpointServiceConfigurationCommand({ ServiceId, ...more }));
    await modify({ PrivateDnsName: "other.example.org" });
    expect((await described(ServiceId))?.PrivateDnsNameConfiguration?.State).toBe("pendingVerification");
    expect(await names()).not.toContain("orders.example.org");
    await modify({ RemovePrivateDnsName: true });
    expect((await described(ServiceId))?.PrivateDnsName).toBeUndefined();
    await expect(start()).rejects.toMatchObject({ name: "InvalidParameter" });
  });
});
