import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";
import { createBalancer } from "@gantry/testkit/balancer";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation on a load balancer accepts is shown by the description of what it made or changed.
const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const network = new ec2.EC2Client(api.client());
const { subnets } = await createBalancer(api.client(), "members");
const { LoadBalancers } = await client.send(new elb.DescribeLoadBalancersCommand({ Names: ["members"] }));
const LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn;
const VpcId = LoadBalancers?.[0]?.VpcId;
const Tags = [{ Key: "a", Value: "b" }];
const tagsOf = (arn: string | undefined) =>
  client.send(new elb.DescribeTagsCommand({ ResourceArns: [arn ?? ""] }));

describe("a load balancer", () => {
  it("that faces the internet, with no reservation of capacity after it is reset", async () => {
    const { LoadBalancers: made } = await client.send(
      new elb.CreateLoadBalancerCommand({ Name: "public", Subnets: subnets, Scheme: "internet-facing" }),
    );
    expect(made?.[0]).toMatchObject({ Scheme: "internet-facing" });
    const arn = made?.[0]?.LoadBalancerArn;
    const reserve = (input: Partial<elb.ModifyCapacityReservationInput>) =>
      client.send(new elb.ModifyCapacityReservationCommand({ LoadBalancerArn: arn, ...input }));
    const MinimumLoadBalancerCapacity = { CapacityUnits: 200 };
    expect(await reserve({ MinimumLoadBalancerCapacity })).toMatchObject({ MinimumLoadBalancerCapacity });
    await reserve({ ResetCapacityReservation: true });
    const shown = await client.send(new elb.DescribeCapacityReservationCommand({ LoadBalancerArn: arn }));
    expect(shown.MinimumLoadBalancerCapacity).toBeUndefined();
  });

  it.each(["dualstack", "dualstack-without-public-ipv4"] as const)("of type %s is refused", async (type) => {
    for (const command of [
      new elb.CreateLoadBalancerCommand({ Name: "six", Subnets: subnets, IpAddressType: type }),
      new elb.SetIpAddressTypeCommand({ LoadBalancerArn, IpAddressType: type }),
      new elb.SetSubnetsCommand({ LoadBalancerArn, Subnets: subnets, IpAddressType: type }),
    ])
      await expect(client.send(command as elb.SetSubnetsCommand)).rejects.toThrow(`'${type}'`);
  });

  it("of the network, with chosen protocols of TLS and a public address in a new subnet", async () => {
    const [first = "", second = ""] = subnets;
    const { LoadBalancers: made } = await client.send(
      new elb.CreateLoadBalancerCommand({ Name: "tls", Type: "network", Subnets: [first] }),
    );
    const arn = made?.[0]?.LoadBalancerArn;
    const { AllocationId } = await network.send(new ec2.AllocateAddressCommand({ Domain: "vpc" }));
    const SubnetMappings = [{ SubnetId: first }, { SubnetId: second, AllocationId }];
    const { AvailabilityZones } = await client.send(
      new elb.SetSubnetsCommand({ LoadBalancerArn: arn, SubnetMappings }),
    );
    const zone = AvailabilityZones?.find(({ SubnetId }) => SubnetId === second);
    expect(zone?.LoadBalancerAddresses).toMatchObject([{ AllocationId }]);
    const { CertificateArn } = await new ACMClient(api.client()).send(
      new RequestCertificateCommand({ DomainName: "tls.example" }),
    );
    const { TargetGroups } = await client.send(
      new elb.CreateTargetGroupCommand({ Name: "tcp", Protocol: "TCP", Port: 80, VpcId, TargetType: "ip" }),
    );
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({
        ...{ LoadBalancerArn: arn, Protocol: "TLS", Port: 443, Certificates: [{ CertificateArn }] },
        DefaultActions: [{ Type: "forward", TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn }],
        AlpnPolicy: ["HTTP2Only"],
      }),
    );
    expect(Listeners?.[0]).toMatchObject({ AlpnPolicy: ["HTTP2Only"] });
    const tls = Listeners?.[0]?.ListenerArn;
    const modify = (AlpnPolicy: string) =>
      client.send(new elb.ModifyListenerCommand({ ListenerArn: tls, AlpnPolicy: [AlpnPolicy] }));
    expect((await modify("HTTP1Only")).Listeners?.[0]).toMatchObject({ AlpnPolicy: ["HTTP1Only"] });
    for (const policy of ["HTTP2Optional", "HTTP2Preferred", "None"])
      expect((await modify(policy)).Listeners?.[0]).toMatchObject({ AlpnPolicy: [policy] });
    await expect(modify("HTTP9Only")).rejects.toMatchObject({
      name: "ALPNPolicyNotSupportedException",
      message: "The specified ALPN policy is not supported: 'HTTP9Only'",
      // The code on the wire is another one than the name of the class. Source: the service's model.
      Code: "ALPNPolicyNotFound",
    });
  });

  it("with its groups and tags", async () => {
    const { SecurityGroups: groups } = await network.send(
      new ec2.DescribeSecurityGroupsCommand({ GroupNames: ["default"] }),
    );
    const given = {
      Scheme: elb.LoadBalancerSchemeEnum.INTERNAL,
      SecurityGroups: [groups?.[0]?.GroupId ?? ""],
      IpAddressType: elb.IpAddressType.IPV4,
    };
    const { LoadBalancers: made } = await client.send(
      new elb.CreateLoadBalancerCommand({ Name: "inner", Subnets: subnets, Tags, ...given }),
    );
    expect(made?.[0]).toMatchObject(given);
    expect(await tagsOf(made?.[0]?.LoadBalancerArn)).toMatchObject({ TagDescriptions: [{ Tags }] });
  });

  it("of the network, with an address for each subnet", async () => {
    const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({ SubnetIds: subnets }));
    const mappings = Subnets.map(({ SubnetId, CidrBlock = "" }) => ({
      SubnetId,
      PrivateIPv4Address: CidrBlock.replace(/\.0\/\d+$/, ".99"),
    }));
    const { LoadBalancers: made } = await client.send(
      new elb.CreateLoadBalancerCommand({
        Name: "fixed",
        Type: "network",
        Scheme: "internal",
        SubnetMappings: mappings,
      }),
    );
    const addresses = made?.[0]?.AvailabilityZones?.flatMap((zone) =>
      (zone.LoadBalancerAddresses ?? []).map((each) => each.PrivateIPv4Address),
    );
    expect(addresses?.toSorted()).toEqual(mappings.map((each) => each.PrivateIPv4Address).toSorted());
    const change = new elb.SetSubnetsCommand({
      LoadBalancerArn: made?.[0]?.LoadBalancerArn,
      SubnetMappings: mappings.slice(0, 1),
      IpAddressType: "ipv4",
    });
    const { AvailabilityZones, IpAddressType } = await client.send(change);
    expect([AvailabilityZones?.length, IpAddressType]).toEqual([1, "ipv4"]);
  });
});
