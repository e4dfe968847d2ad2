import * as ec2 from "@aws-sdk/client-ec2";
import * as sdk from "@aws-sdk/client-service-quotas";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.ServiceQuotasClient(api.client());
const RULES = { ServiceCode: "vpc", QuotaCode: "L-0EA8095F" };

it("lists the services, page by page", async () => {
  const first = await client.send(new sdk.ListServicesCommand({ MaxResults: 3 }));
  const rest = await client.send(new sdk.ListServicesCommand({ NextToken: first.NextToken }));
  expect([...(first.Services ?? []), ...(rest.Services ?? [])].map(({ ServiceCode }) => ServiceCode)).toEqual(
    ["ecs", "elasticloadbalancing", "events", "vpc"],
  );
  expect(rest.NextToken).toBeUndefined();
  await expect(client.send(new sdk.ListServicesCommand({ NextToken: "!" }))).rejects.toThrow(
    sdk.InvalidPaginationTokenException,
  );
});

it("shows a quota as it applies to the account, and AWS's default", async () => {
  const { Quota } = await client.send(new sdk.GetServiceQuotaCommand(RULES));
  expect(Quota).toEqual({
    ...RULES,
    ServiceName: "Amazon Virtual Private Cloud (Amazon VPC)",
    QuotaArn: "arn:aws:servicequotas:eu-south-1:000000000000:vpc/L-0EA8095F",
    QuotaName: "Inbound or outbound rules per security group",
    Value: 60,
    Unit: "None",
    Adjustable: false,
    GlobalQuota: false,
    QuotaAppliedAtLevel: "ACCOUNT",
  });
  const byDefault = await client.send(new sdk.GetAWSDefaultServiceQuotaCommand(RULES));
  expect(byDefault.Quota).toMatchObject({
    ...RULES,
    Value: 60,
    QuotaArn: "arn:aws:servicequotas:eu-south-1::vpc/L-0EA8095F",
  });
});

it("lists the quotas of a service", async () => {
  const ServiceCode = "vpc";
  const list = async (more: Partial<sdk.ListServiceQuotasRequest>) => {
    const found = await client.send(new sdk.ListServiceQuotasCommand({ ServiceCode, ...more }));
    return { codes: (found.Quotas ?? []).map(({ QuotaCode }) => QuotaCode), next: found.NextToken };
  };
  const all = [
    ...["L-0EA8095F", "L-2AEEBF1A", "L-407747CB", "L-589F43AA", "L-83CA0A9D", "L-93826ACB"],
    ...["L-B4A6D682", "L-E79EC296", "L-F678F1CE"],
  ];
  expect((await list({})).codes).toEqual(all);
  expect((await list({ QuotaAppliedAtLevel: "ACCOUNT" })).codes).toEqual(all);
  expect((await list({ QuotaAppliedAtLevel: "ALL" })).codes).toEqual(all);
  expect((await list({ QuotaAppliedAtLevel: "RESOURCE" })).codes).toEqual([]);
  expect((await list({ QuotaCode: "L-2AEEBF1A" })).codes).toEqual(["L-2AEEBF1A"]);
  const first = await list({ MaxResults: 2 });
  expect([...first.codes, ...(await list({ NextToken: first.next })).codes]).toEqual(all);
  const one = await client.send(new sdk.ListAWSDefaultServiceQuotasCommand({ ServiceCode, MaxResults: 1 }));
  const others = await client.send(
    new sdk.ListAWSDefaultServiceQuotasCommand({ ServiceCode, NextToken: one.NextToken }),
  );
  const defaults = [...(one.Quotas ?? []), ...(others.Quotas ?? [])];
  expect(defaults.map(({ QuotaCode }) => QuotaCode)).toEqual(all);
});

it("knows no other service and no other quota, and refuses a context", async () => {
  const get = (input: sdk.GetServiceQuotaRequest) => client.send(new sdk.GetServiceQuotaCommand(input));
  await expect(get({ ...RULES, ServiceCode: "lambda" })).rejects.toThrow(sdk.NoSuchResourceException);
  await expect(get({ ...RULES, QuotaCode: "L-00000000" })).rejects.toThrow(sdk.NoSuchResourceException);
  await expect(get({ ...RULES, ContextId: "*" })).rejects.toThrow(/ContextId/);
  await expect(
    client.send(new sdk.RequestServiceQuotaIncreaseCommand({ ...RULES, DesiredValue: 100 })),
  ).rejects.toThrow(/RequestServiceQuotaIncrease/);
});

it("shows the number of rules that a security group takes", async () => {
  const { Quota } = await client.send(new sdk.GetServiceQuotaCommand(RULES));
  const network = new ec2.EC2Client(api.client());
  const { GroupId } = await network.send(
    new ec2.CreateSecurityGroupCommand({ GroupName: "g", Description: "d" }),
  );
  const add = (from: number, count: number) =>
    network.send(
      new ec2.AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: Array.from({ length: count }, (_, index) => ({
          IpProtocol: "tcp",
          FromPort: from + index,
          ToPort: from + index,
          IpRanges: [{ CidrIp: "10.0.0.0/8" }],
        })),
      }),
    );
  await add(1, Quota?.Value ?? 0);
  await expect(add(1_000, 1)).rejects.toThrow(/maximum number of rules/);
});

it("shows the number of VPCs as raised, and AWS's default", async () => {
  const quota = { ServiceCode: "vpc", QuotaCode: "L-F678F1CE" };
  const { Quota } = await client.send(new sdk.GetServiceQuotaCommand(quota));
  const byDefault = await client.send(new sdk.GetAWSDefaultServiceQuotaCommand(quota));
  expect([Quota?.Value, byDefault.Quota?.Value]).toEqual([100, 5]);
});

it("holds what a VPC and a region have within the quotas", async () => {
  const network = new ec2.EC2Client(api.client());
  const valueOf = async (QuotaCode: string) =>
    (await client.send(new sdk.GetServiceQuotaCommand({ ServiceCode: "vpc", QuotaCode }))).Quota?.Value ?? 0;
  const { Vpc } = await network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const VpcId = Vpc?.VpcId;
  const third = (index: number) => `${Math.floor(index / 16)}.${(index % 16) * 16}`;
  const ways: readonly (readonly [string, string, number, (index: number) => Promise<unknown>])[] = [
    [
      "L-407747CB",
      "SubnetLimitExceeded",
      0,
      (index) => network.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: `10.0.${third(index)}/28` })),
    ],
    // The main table and the default ACL count.
    [
      "L-589F43AA",
      "RouteTableLimitExceeded",
      1,
      () => network.send(new ec2.CreateRouteTableCommand({ VpcId })),
    ],
    [
      "L-B4A6D682",
      "NetworkAclLimitExceeded",
      1,
      () => network.send(new ec2.CreateNetworkAclCommand({ VpcId })),
    ],
  ];
  for (const [code, name, before, make] of ways) {
    const most = await valueOf(code);
    expect(most).toBe(200);
    for (let index = before; index < most; index++) await make(index);
    await expect(make(most)).rejects.toMatchObject({ name });
  }
  const { Vpcs = [] } = await network.send(new ec2.DescribeVpcsCommand({}));
  const more = () => network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.1.0.0/16" }));
  for (let count = Vpcs.length; count < (await valueOf("L-F678F1CE")); count++) await more();
  await expect(more()).rejects.toMatchObject({
    name: "VpcLimitExceeded",
    message: "The maximum number of VPCs has been reached.",
  });
});

it("holds routes and security groups within the quotas", async () => {
  const network = new ec2.EC2Client(api.client());
  const { RouteTables } = await network.send(new ec2.DescribeRouteTablesCommand({}));
  const table = api.store.get("routeTable", RouteTables?.[0]?.RouteTableId ?? "");
  const { SecurityGroups } = await network.send(new ec2.DescribeSecurityGroupsCommand({}));
  const group = api.store.get("securityGroup", SecurityGroups?.[0]?.GroupId ?? "");
  if (table === undefined || group === undefined) throw new Error("The default VPC has both.");
  const target = { type: "internet-gateway", id: "igw-1" } as const;
  const routes = Array.from({ length: 500 }, (_, index) => ({
    destination: `11.${Math.floor(index / 256)}.${index % 256}.0/24`,
    target,
  }));
  api.store.transact((tx) => {
    tx.put("routeTable", table.id, { ...table, routes });
    for (let count = tx.list("securityGroup").length; count < 2_500; count++)
      tx.put("securityGroup", `sg-${count}`, { ...group, id: `sg-${count}`, name: `g${count}` });
  });
  const { InternetGateways } = await network.send(new ec2.DescribeInternetGatewaysCommand({}));
  const route = network.send(
    new ec2.CreateRouteCommand({
      RouteTableId: table.id,
      DestinationCidrBlock: "12.0.0.0/8",
      GatewayId: InternetGateways?.[0]?.InternetGatewayId,
    }),
  );
  await expect(route).rejects.toMatchObject({ name: "RouteLimitExceeded" });
  const made = network.send(new ec2.CreateSecurityGroupCommand({ GroupName: "last", Description: "d" }));
  await expect(made).rejects.toMatchObject({ name: "SecurityGroupLimitExceeded" });
});
