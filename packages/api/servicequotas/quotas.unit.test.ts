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
  const all = ["L-0EA8095F", "L-2AEEBF1A", "L-83CA0A9D"];
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
