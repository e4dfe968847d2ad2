import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as route53 from "@aws-sdk/client-route-53";
import * as sdk from "@aws-sdk/client-servicediscovery";
import { startApi } from "@gantry/testkit";
import { discoveryInstanceKey } from "@gantry/state/transactions/discovery";
import { afterAll, describe, expect, it } from "vitest";

// A namespace of Cloud Map writes records that a whole VPC resolves: who writes them could lead its tasks elsewhere.
const api = await startApi();
afterAll(() => api.close());
const client = new sdk.ServiceDiscoveryClient(api.client());
const zones = new route53.Route53Client(api.client());
const root = new iam.IAMClient(api.client());
const { Vpc } = await new EC2Client(api.client()).send(new CreateVpcCommand({ CidrBlock: "10.7.0.0/16" }));
await client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name: "corp.internal", Vpc: Vpc?.VpcId }));
const [namespace] = (await client.send(new sdk.ListNamespacesCommand({}))).Namespaces ?? [];
const NamespaceId = namespace?.Id ?? "";
const HostedZoneId = namespace?.Properties?.DnsProperties?.HostedZoneId ?? "";
const newService = async (Name: string, Type: sdk.RecordType = "A") => {
  const DnsConfig = { DnsRecords: [{ Type, TTL: 10 }] };
  return (await client.send(new sdk.CreateServiceCommand({ Name, NamespaceId, DnsConfig }))).Service ?? {};
};
const register = (ServiceId = "", InstanceId = "", Attributes: Record<string, string> = {}) =>
  new sdk.RegisterInstanceCommand({ ServiceId, InstanceId, Attributes });

async function userWith(UserName: string, ...Action: string[]) {
  await root.send(new iam.CreateUserCommand({ UserName }));
  const Statement = { Effect: "Allow", Action, Resource: "*" };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await root.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  return new sdk.ServiceDiscoveryClient({ ...api.client(credentials), disableHostPrefix: true });
}

describe("the zone of a namespace", () => {
  it("is not changed or deleted through Route 53", async () => {
    const ResourceRecordSet = {
      ...{ Name: "web.corp.internal", Type: "A" as const, TTL: 1 },
      ResourceRecords: [{ Value: "192.0.2.66" }],
    };
    const Changes = [{ Action: "UPSERT" as const, ResourceRecordSet }];
    const change = new route53.ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } });
    await expect(zones.send(change)).rejects.toMatchObject({ name: "AccessDenied" });
    const remove = new route53.DeleteHostedZoneCommand({ Id: HostedZoneId });
    await expect(zones.send(remove)).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("is not changed by a caller who may change no records", async () => {
    const { Id } = await newService("records");
    const mine = await userWith("mapper", "servicediscovery:*");
    const refused = mine.send(register(Id, "a", { AWS_INSTANCE_IPV4: "10.7.0.1" }));
    await expect(refused).rejects.toThrow(/route53:ChangeResourceRecordSets/);
    const create = new sdk.CreatePrivateDnsNamespaceCommand({ Name: "b.internal", Vpc: Vpc?.VpcId });
    await expect(mine.send(create)).rejects.toThrow(/not authorized/);
    const remove = new sdk.DeleteNamespaceCommand({ Id: NamespaceId });
    await expect(mine.send(remove)).rejects.toThrow(/route53:DeleteHostedZone/);
  });

  it("keeps the names of one service from another", async () => {
    const srv = await newService("api", "SRV");
    const other = await newService("one.api");
    await client.send(register(other.Id, "x", { AWS_INSTANCE_IPV4: "10.7.0.2" }));
    const same = register(srv.Id, "one", { AWS_INSTANCE_IPV4: "192.0.2.66", AWS_INSTANCE_PORT: "1" });
    await expect(client.send(same)).rejects.toMatchObject({ name: "InvalidInput" });
  });
});

describe("a namespace and a service", () => {
  it("of another account or region are not found, by their ARNs either", async () => {
    const { Arn = "" } = await newService("own");
    for (const foreign of [
      Arn.replace("000000000000", "111111111111"),
      Arn.replace("eu-south-1", "us-east-1"),
    ]) {
      const got = client.send(new sdk.GetServiceCommand({ Id: foreign }));
      const denied = { name: expect.stringMatching(/^(?:ServiceNotFound|AccessDeniedException)$/) as string };
      await expect(got).rejects.toMatchObject(denied);
      await expect(client.send(register(foreign, "a"))).rejects.toMatchObject(denied);
      const tags = new sdk.TagResourceCommand({ ResourceARN: foreign, Tags: [{ Key: "a", Value: "b" }] });
      await expect(client.send(tags)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    }
    const elsewhere = new sdk.ServiceDiscoveryClient({ ...api.client(), region: "us-east-1" });
    const got = elsewhere.send(new sdk.GetNamespaceCommand({ Id: NamespaceId }));
    await expect(got).rejects.toMatchObject({ name: "NamespaceNotFound" });
    const vpc = new sdk.CreatePrivateDnsNamespaceCommand({ Name: "c.internal", Vpc: Vpc?.VpcId });
    await expect(elsewhere.send(vpc)).rejects.toMatchObject({ name: "InvalidInput" });
  });

  it("take no names that are not of the DNS, and no endless attributes", async () => {
    const { Id } = await newService("limits");
    for (const id of ["a b", "*", "x".repeat(65), "a\u0000"])
      await expect(client.send(register(Id, id, { AWS_INSTANCE_IPV4: "10.7.0.3" }))).rejects.toThrow();
    const many = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`k${index}`, "v"]));
    const long = { a: "x".repeat(1_024), b: "x".repeat(1_025) };
    const wide = Object.fromEntries([..."abcdef"].map((key) => [key, "x".repeat(1_000)]));
    for (const more of [many, long, wide, { "a b": "x" }, { a: "new\nline" }])
      await expect(
        client.send(register(Id, "a", { AWS_INSTANCE_IPV4: "10.7.0.3", ...more })),
      ).rejects.toMatchObject({ name: "InvalidInput" });
    for (const Name of ["a b.internal", "a\u00e4.internal", `${"x".repeat(64)}.internal`, "arn:a"])
      await expect(
        client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name, Vpc: Vpc?.VpcId })),
      ).rejects.toThrow();
  });
});

it("an instance that ECS registered is not replaced by a caller", async () => {
  const { Id, Arn = "" } = await newService("tasks");
  await client.send(register(Id, "t", { AWS_INSTANCE_IPV4: "10.7.0.4" }));
  const key = discoveryInstanceKey(Arn, "t");
  const record = api.store.get("discoveryInstance", key);
  if (record === undefined) throw new Error("The instance is registered.");
  api.store.transact((tx) => tx.put("discoveryInstance", key, { ...record, taskArn: "task" }));
  const replace = client.send(register(Id, "t", { AWS_INSTANCE_IPV4: "192.0.2.66" }));
  await expect(replace).rejects.toMatchObject({ name: "ResourceInUse" });
});

it("an instance is discovered only under the names that a policy allows", async () => {
  const { Id } = await newService("secret");
  await client.send(register(Id, "s", { AWS_INSTANCE_IPV4: "10.7.0.5" }));
  const mine = await userWith("reader", "servicediscovery:DiscoverInstances");
  const Statement = {
    ...{ Effect: "Deny", Action: "servicediscovery:DiscoverInstances", Resource: "*" },
    Condition: { StringEquals: { "servicediscovery:ServiceName": "secret" } },
  };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  const policy = { UserName: "reader", PolicyName: "deny", PolicyDocument };
  await root.send(new iam.PutUserPolicyCommand(policy));
  const names = { NamespaceName: "corp.internal", ServiceName: "secret" };
  const found = mine.send(new sdk.DiscoverInstancesCommand(names));
  await expect(found).rejects.toThrow(/explicit deny/);
});
