import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());

it("lists of endpoint services come in pages", async () => {
  const balancing = new elb.ElasticLoadBalancingV2Client(api.client());
  const { Subnets: [own] = [] } = await client.send(new ec2.DescribeSubnetsCommand({}));
  const place = {
    Type: elb.LoadBalancerTypeEnum.NETWORK,
    Scheme: elb.LoadBalancerSchemeEnum.INTERNAL,
    Subnets: [own?.SubnetId ?? ""],
  };
  const { LoadBalancers } = await balancing.send(
    new elb.CreateLoadBalancerCommand({ Name: "paged", ...place }),
  );
  const NetworkLoadBalancerArns = [LoadBalancers?.[0]?.LoadBalancerArn ?? ""];
  const all = Array.from({ length: 6 }, (_, index) => index);
  const services: string[] = [];
  let ServiceName: string | undefined;
  for (const _ of all) {
    const { ServiceConfiguration: made } = await client.send(
      new ec2.CreateVpcEndpointServiceConfigurationCommand({
        ...{ NetworkLoadBalancerArns, AcceptanceRequired: true },
      }),
    );
    services.push(made?.ServiceId ?? "");
    ServiceName ??= made?.ServiceName;
  }
  const [ServiceId = ""] = services;
  const AddAllowedPrincipals = all.map((n) => `arn:aws:iam::00000000000${n}:root`);
  await client.send(new ec2.ModifyVpcEndpointServicePermissionsCommand({ ServiceId, AddAllowedPrincipals }));
  const topics = new SNSClient(api.client());
  for (const n of all) {
    const { TopicArn: ConnectionNotificationArn = "" } = await topics.send(
      new CreateTopicCommand({ Name: `page-${n}` }),
    );
    const given = { ServiceId, ConnectionNotificationArn, ConnectionEvents: ["Accept"] };
    await client.send(new ec2.CreateVpcEndpointConnectionNotificationCommand(given));
    const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock: `10.${100 + n}.0.0/16` }));
    const { Subnet } = await client.send(
      new ec2.CreateSubnetCommand({
        ...{ VpcId: Vpc?.VpcId, CidrBlock: `10.${100 + n}.0.0/24`, AvailabilityZone: own?.AvailabilityZone },
      }),
    );
    const at = { VpcId: Vpc?.VpcId, SubnetIds: [Subnet?.SubnetId ?? ""] };
    await client.send(new ec2.CreateVpcEndpointCommand({ ServiceName, VpcEndpointType: "Interface", ...at }));
  }
  const page = { MaxResults: 5 };
  const ofService = { Filters: [{ Name: "service-id", Values: [ServiceId] }] };
  const lists: readonly ((
    NextToken?: string,
  ) => Promise<readonly [number | undefined, string | undefined]>)[] = [
    async (NextToken) => {
      const input = { ...page, NextToken, Filters: [{ Name: "service-id", Values: services }] };
      const answer = await client.send(new ec2.DescribeVpcEndpointServiceConfigurationsCommand(input));
      return [answer.ServiceConfigurations?.length, answer.NextToken];
    },
    async (NextToken) => {
      const input = { ...page, NextToken, ServiceId };
      const answer = await client.send(new ec2.DescribeVpcEndpointServicePermissionsCommand(input));
      return [answer.AllowedPrincipals?.length, answer.NextToken];
    },
    async (NextToken) => {
      const input = { ...page, NextToken, ...ofService };
      const answer = await client.send(new ec2.DescribeVpcEndpointConnectionNotificationsCommand(input));
      return [answer.ConnectionNotificationSet?.length, answer.NextToken];
    },
    async (NextToken) => {
      const input = { ...page, NextToken, ...ofService };
      const answer = await client.send(new ec2.DescribeVpcEndpointConnectionsCommand(input));
      return [answer.VpcEndpointConnections?.length, answer.NextToken];
    },
  ];
  for (const list of lists) {
    const [count, token] = await list();
    expect([count, typeof token]).toEqual([5, "string"]);
    expect(await list(token)).toEqual([1, undefined]);
  }
});
