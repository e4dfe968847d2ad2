import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import { renderProxy } from "@gantry/agent/haproxy/render";
import { renderRouterRules } from "@gantry/agent/network/ruleset";
import { balancersAssignment } from "@gantry/controllers/node/balancers-assignment";
import { vpcAssignment } from "@gantry/controllers/node/vpc-assignment";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// A network load balancer is offered to other VPCs and accounts. Who is not let in must not learn of the service,
// must not connect before the owner has accepted, and never reaches more of the owner's VPC than its listeners.
// Before: there were no endpoint services of customers.
const api = await startApi();
afterAll(() => api.close());
admitOther(api);
const OWNER = new ec2.EC2Client(api.client());
const STRANGER = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
const NODE = "node-1";
let [LoadBalancerArn, ServiceId, ServiceName] = ["", "", ""];

async function vpcOf(client: ec2.EC2Client, CidrBlock: string) {
  const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock }));
  const VpcId = Vpc?.VpcId ?? "";
  const block = CidrBlock.replace("/16", "/24");
  const { Subnet } = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: block }));
  return { VpcId, SubnetIds: [Subnet?.SubnetId ?? ""] };
}
type Place = Awaited<ReturnType<typeof vpcOf>>;
let theirs: Place;
let own: Place;

async function connect(client: ec2.EC2Client, place: Place): Promise<string> {
  const { VpcEndpoint } = await client.send(
    new ec2.CreateVpcEndpointCommand({ ServiceName, VpcEndpointType: "Interface", ...place }),
  );
  return VpcEndpoint?.VpcEndpointId ?? "";
}
const allow = (...AddAllowedPrincipals: string[]) =>
  OWNER.send(new ec2.ModifyVpcEndpointServicePermissionsCommand({ ServiceId, AddAllowedPrincipals }));
const forbid = (...RemoveAllowedPrincipals: string[]) =>
  OWNER.send(new ec2.ModifyVpcEndpointServicePermissionsCommand({ ServiceId, RemoveAllowedPrincipals }));
const entries = () =>
  balancersAssignment(api.store, api.vault, NODE).balancers.find(({ arn }) => arn === LoadBalancerArn)
    ?.endpoints;
const interfaceOf = (endpointId: string) => {
  const { vpcId, networkInterfaceIds: [id] = [] } = api.store.get("vpcEndpoint", endpointId) ?? {};
  const vpc = api.store.get("vpc", vpcId);
  return vpc && vpcAssignment(api.store, vpc, () => true)?.interfaces.find((each) => each.id === id);
};

beforeAll(async () => {
  api.store.transact((tx) => {
    const [zones, at] = [["eu-south-1a"], 0];
    tx.put("node", NODE, {
      ...{ id: NODE, state: "CONNECTED", registeredAt: at, zone: zones[0] },
    } as never); // What `hostOf` reads.
  });
  own = await vpcOf(OWNER, "10.1.0.0/16");
  theirs = await vpcOf(STRANGER, "10.1.0.0/16"); // The same block: endpoints do not care.
  const balancing = new elb.ElasticLoadBalancingV2Client(api.client());
  const { LoadBalancers } = await balancing.send(
    new elb.CreateLoadBalancerCommand({
      ...{ Name: "offered", Type: "network", Scheme: "internal", Subnets: own.SubnetIds },
    }),
  );
  LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  const { ServiceConfiguration } = await OWNER.send(
    new ec2.CreateVpcEndpointServiceConfigurationCommand({ NetworkLoadBalancerArns: [LoadBalancerArn] }),
  );
  [ServiceId, ServiceName] = [ServiceConfiguration?.ServiceId ?? "", ServiceConfiguration?.ServiceName ?? ""];
});

describe("another account", () => {
  it("that is not allowed sees no service, and cannot connect", async () => {
    const names = async () =>
      (await STRANGER.send(new ec2.DescribeVpcEndpointServicesCommand({}))).ServiceNames ?? [];
    expect(await names()).not.toContain(ServiceName);
    await expect(connect(STRANGER, theirs)).rejects.toMatchObject({
      name: "InvalidServiceName",
      message: `The Vpc Endpoint Service '${ServiceName}' does not exist`,
    });
    await allow("arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:user/somebody");
    expect(await names()).not.toContain(ServiceName);
    await expect(connect(STRANGER, theirs)).rejects.toMatchObject({ name: "InvalidServiceName" });
    await allow("arn:aws:iam::111111111111:root");
    expect(await names()).toContain(ServiceName);
    await forbid("arn:aws:iam::111111111111:root");
    expect(await names()).not.toContain(ServiceName);
  });

  it("reads, changes, accepts and deletes nothing of a service", async () => {
    await allow("*");
    const endpoint = await connect(STRANGER, theirs);
    const VpcEndpointIds = [endpoint];
    for (const command of [
      new ec2.DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] }),
      new ec2.DescribeVpcEndpointServicePermissionsCommand({ ServiceId }),
      new ec2.ModifyVpcEndpointServicePermissionsCommand({ ServiceId, AddAllowedPrincipals: ["*"] }),
      new ec2.ModifyVpcEndpointServiceConfigurationCommand({ ServiceId, AcceptanceRequired: false }),
      new ec2.AcceptVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds }),
      new ec2.RejectVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds }),
      new ec2.StartVpcEndpointServicePrivateDnsVerificationCommand({ ServiceId }),
    ])
      // The union of commands is sent one by one.
      await expect(
        STRANGER.send(command as ec2.DescribeVpcEndpointServicePermissionsCommand),
      ).rejects.toMatchObject({
        name: "InvalidVpcEndpointServiceId.NotFound",
      });
    const { Unsuccessful } = await STRANGER.send(
      new ec2.DeleteVpcEndpointServiceConfigurationsCommand({ ServiceIds: [ServiceId] }),
    );
    expect(Unsuccessful).toHaveLength(1);
    const { VpcEndpointConnections } = await STRANGER.send(new ec2.DescribeVpcEndpointConnectionsCommand({}));
    expect(VpcEndpointConnections).toEqual([]);
    expect(entries()).toBeUndefined();
    await STRANGER.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds }));
    await forbid("*");
  });

  it("is told of no connections by a topic or a service that is not its own", async () => {
    const { TopicArn } = await new SNSClient(api.client()).send(new CreateTopicCommand({ Name: "own" }));
    const notify = { ConnectionNotificationArn: TopicArn, ConnectionEvents: ["Connect"] };
    await expect(
      STRANGER.send(new ec2.CreateVpcEndpointConnectionNotificationCommand({ ServiceId, ...notify })),
    ).rejects.toMatchObject({ name: "InvalidVpcEndpointServiceId.NotFound" });
    const VpcEndpointId = await connect(OWNER, own);
    await expect(
      STRANGER.send(new ec2.CreateVpcEndpointConnectionNotificationCommand({ VpcEndpointId, ...notify })),
    ).rejects.toMatchObject({ name: "InvalidVpcEndpointId.NotFound" });
    await OWNER.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpointId] }));
  });
});

describe("an endpoint of a customer's service", () => {
  it("carries nothing before it is accepted, and nothing after it was rejected or deleted", async () => {
    await allow("arn:aws:iam::111111111111:root");
    const endpoint = await connect(STRANGER, theirs);
    const decision = { ServiceId, VpcEndpointIds: [endpoint] };
    const closed = () => {
      expect(entries()).toBeUndefined();
      expect(interfaceOf(endpoint)).toMatchObject({ local: false });
      expect(interfaceOf(endpoint)).not.toHaveProperty("endpoint");
    };
    closed();
    await OWNER.send(new ec2.AcceptVpcEndpointConnectionsCommand(decision));
    const address = interfaceOf(endpoint)?.ip;
    expect(interfaceOf(endpoint)).toMatchObject({ local: true, serviceEndpoint: true });
    expect(entries()).toEqual([{ vpcId: theirs.VpcId, address }]);
    await OWNER.send(new ec2.RejectVpcEndpointConnectionsCommand(decision));
    closed();
    await OWNER.send(new ec2.AcceptVpcEndpointConnectionsCommand(decision));
    // A principal that is removed keeps its connections: the owner rejects them.
    await forbid("arn:aws:iam::111111111111:root");
    expect(entries()).toHaveLength(1);
    await STRANGER.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpoint] }));
    expect(entries()).toBeUndefined();
  });

  it("leads to the listeners alone, by the security groups of both sides, and not to AWS services", async () => {
    const endpoint = await connect(OWNER, own);
    await OWNER.send(new ec2.AcceptVpcEndpointConnectionsCommand({ ServiceId, VpcEndpointIds: [endpoint] }));
    const vpc = api.store.get("vpc", own.VpcId);
    const assignment = vpc && vpcAssignment(api.store, vpc, () => true);
    if (assignment === undefined) throw new Error("The VPC has interfaces.");
    const transit = { hostAddress: "169.254.200.1", routerAddress: "169.254.200.2" } as never; // What is rendered.
    const rules = renderRouterRules(assignment, transit, "10.1.0.2");
    const { ip = "" } = interfaceOf(endpoint) ?? {};
    expect(rules).toContain(`set endpoints { type ipv4_addr; elements = { ${ip} }; }`);
    expect(rules).not.toContain(`ip daddr ${ip} tcp dport { 80, 443 } dnat`);
    expect(assignment.hasEndpoints).toBeUndefined();
    await OWNER.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [endpoint] }));
  });

  it("is told apart from clients of the load balancer's own VPC, whose addresses may be the same", () => {
    const listener = {
      ...{ port: 443, tls: false, certificates: [], rules: [] },
      defaultAction: { type: "forward" as const, targets: [], stickySeconds: undefined },
    };
    const balancer = {
      ...{ arn: "lb", dnsName: "lb.test", vpcId: "vpc-1", addresses: ["10.1.0.9"], internetFacing: false },
      ...{ isNetwork: true, idleTimeoutSeconds: 60, bindsEndpoints: true, listeners: [listener] },
      clientRules: [{ cidr: "10.1.0.0/24", fromPort: 443, toPort: 443 }],
      endpoints: [
        { vpcId: "vpc-2", address: "10.1.0.9" },
        { vpcId: "vpc-gone", address: "10.2.0.9" },
      ],
    };
    const { text } = renderProxy(
      { kind: "balancers", key: "balancers", balancers: [balancer], targetGroups: [] },
      {
        ...{ folder: "/f", hostPortOf: () => undefined, connectionsMax: 100 },
        namespaces: new Set(["vpc-1", "vpc-2"]),
      },
    );
    expect(text).toContain("  bind 10.1.0.9:443 namespace vpc-1\n");
    expect(text).toContain("  bind 10.1.0.9:443 namespace vpc-2 id 10000\n");
    expect(text).not.toContain("vpc-gone");
    expect(text).toContain("  tcp-request connection reject if { so_id ge 10000 } !clients\n");
  });
});

it("the security groups of the load balancer bind clients of endpoints, until that is turned off", async () => {
  const group = { VpcId: own.VpcId, GroupName: "clients", Description: "d" };
  const { GroupId = "" } = await OWNER.send(new ec2.CreateSecurityGroupCommand(group));
  const { PrefixList } = await OWNER.send(
    new ec2.CreateManagedPrefixListCommand({
      ...{ PrefixListName: "clients", AddressFamily: "IPv4", MaxEntries: 1 },
      Entries: [{ Cidr: "10.3.0.0/16" }],
    }),
  );
  const PrefixListIds = [{ PrefixListId: PrefixList?.PrefixListId }];
  const https = { IpProtocol: "tcp", FromPort: 443, ToPort: 443 };
  await OWNER.send(
    new ec2.AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [
        { ...https, PrefixListIds },
        { ...https, UserIdGroupPairs: [{ GroupId }] },
      ],
    }),
  );
  const balancing = new elb.ElasticLoadBalancingV2Client(api.client());
  const { LoadBalancers } = await balancing.send(
    new elb.CreateLoadBalancerCommand({
      ...{ Name: "bound", Type: "network", Scheme: "internal", Subnets: own.SubnetIds },
      SecurityGroups: [GroupId],
    }),
  );
  const arn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  const { ServiceConfiguration } = await OWNER.send(
    new ec2.CreateVpcEndpointServiceConfigurationCommand({
      ...{ NetworkLoadBalancerArns: [arn], AcceptanceRequired: false },
    }),
  );
  const bound = { ServiceName: ServiceConfiguration?.ServiceName, VpcEndpointType: "Interface" as const };
  await OWNER.send(new ec2.CreateVpcEndpointCommand({ ...bound, ...own }));
  const assigned = () =>
    balancersAssignment(api.store, api.vault, NODE).balancers.find((balancer) => balancer.arn === arn);
  // Rules that name groups admit their members, which are inside the load balancer's VPC.
  const clientRules = [{ cidr: "10.3.0.0/16", fromPort: 443, toPort: 443 }];
  expect(assigned()).toMatchObject({ bindsEndpoints: true, clientRules });
  for (const value of ["off", "on"] as const) {
    const input = { LoadBalancerArn: arn, SecurityGroups: [GroupId] };
    const EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic = value;
    await balancing.send(
      new elb.SetSecurityGroupsCommand({ ...input, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic }),
    );
    expect(assigned()).toMatchObject({ bindsEndpoints: value === "on" });
  }
});

describe("permissions of a service", () => {
  it("name principals, and nothing else", async () => {
    for (const wrong of [
      "111111111111",
      "arn:aws:iam::111111111111:group/a",
      "arn:aws:iam::*:root",
      "arn:aws:s3:::bucket",
    ])
      await expect(allow(wrong), wrong).rejects.toMatchObject({ name: "InvalidPrincipal" });
    const role = "arn:aws:iam::111111111111:role/path/deployer";
    const { AddedPrincipals = [] } = await allow(role, "*");
    expect(AddedPrincipals).toMatchObject([
      { Principal: role, PrincipalType: "Role", ServiceId },
      { Principal: "*", PrincipalType: "All" },
    ]);
    expect((await allow(role)).AddedPrincipals).toEqual([]);
    const { AllowedPrincipals } = await OWNER.send(
      new ec2.DescribeVpcEndpointServicePermissionsCommand({
        ServiceId,
        Filters: [
          { Name: "principal-type", Values: ["Role"] },
          { Name: "principal", Values: ["*deployer"] },
        ],
      }),
    );
    expect(AllowedPrincipals).toMatchObject([{ Principal: role }]);
    await forbid(role, "*");
  });

  it("are bounded", async () => {
    const many = Array.from({ length: 1_001 }, (_, index) => `arn:aws:iam::111111111111:user/u${index}`);
    await expect(allow(...many)).rejects.toMatchObject({ name: "VpcEndpointServiceLimitExceeded" });
  });
});

it("does not take a private name of AWS, with which an endpoint would answer for its services", async () => {
  for (const PrivateDnsName of [
    "s3.eu-south-1.amazonaws.com",
    "*.amazonaws.com",
    "x.api.aws",
    "web.elb.localhost",
    "db.internal",
  ])
    await expect(
      OWNER.send(new ec2.ModifyVpcEndpointServiceConfigurationCommand({ ServiceId, PrivateDnsName })),
      PrivateDnsName,
    ).rejects.toThrow("belongs to AWS or is reserved");
});
