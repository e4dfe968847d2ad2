import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as route53 from "@aws-sdk/client-route-53";
import * as sdk from "@aws-sdk/client-servicediscovery";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.ServiceDiscoveryClient(api.client());
const zones = new route53.Route53Client(api.client());
const ec2 = new EC2Client(api.client());

const newVpc = async () =>
  (await ec2.send(new CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }))).Vpc?.VpcId ?? "";
const operation = async ({ OperationId }: { OperationId?: string | undefined }) =>
  (await client.send(new sdk.GetOperationCommand({ OperationId }))).Operation;
const namespaceId = async (made: { OperationId?: string | undefined }) =>
  (await operation(made))?.Targets?.NAMESPACE ?? "";
const get = async (Id: string) => (await client.send(new sdk.GetNamespaceCommand({ Id }))).Namespace;
const zoneOf = async (Id: string) => (await get(Id))?.Properties?.DnsProperties?.HostedZoneId ?? "";
const privateNamespace = async (Name: string, more: Partial<sdk.CreatePrivateDnsNamespaceRequest> = {}) =>
  namespaceId(
    await client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name, Vpc: await newVpc(), ...more })),
  );
const service = async (input: sdk.CreateServiceRequest) =>
  (await client.send(new sdk.CreateServiceCommand(input))).Service ?? {};
const register = (ServiceId = "", InstanceId = "", Attributes: Record<string, string> = {}) =>
  client.send(new sdk.RegisterInstanceCommand({ ServiceId, InstanceId, Attributes }));
const deregister = (ServiceId = "", InstanceId = "") =>
  client.send(new sdk.DeregisterInstanceCommand({ ServiceId, InstanceId }));
/** The record sets of a zone besides its own, as `NAME TYPE TTL VALUE IDENTIFIER`. */
const records = async (HostedZoneId: string) => {
  const { ResourceRecordSets = [] } = await zones.send(
    new route53.ListResourceRecordSetsCommand({ HostedZoneId }),
  );
  return ResourceRecordSets.filter(({ Type }) => Type !== "NS" && Type !== "SOA").map((set) =>
    [set.Name, set.Type, set.TTL, set.ResourceRecords?.[0]?.Value, set.SetIdentifier].join(" "),
  );
};
const A = { Type: "A", TTL: 10 } as const;

describe("a private DNS namespace", () => {
  it("has a hosted zone of its VPC, which it alone changes", async () => {
    const Vpc = await newVpc();
    const input = {
      ...{ Name: "corp.internal", Vpc, CreatorRequestId: "once", Description: "ours" },
      Tags: [{ Key: "team", Value: "shop" }],
      Properties: { DnsProperties: { SOA: { TTL: 60 } } },
    };
    const made = await client.send(new sdk.CreatePrivateDnsNamespaceCommand(input));
    expect(await operation(made)).toMatchObject({
      ...{ Id: made.OperationId, Status: "SUCCESS", Type: "CREATE_NAMESPACE", OwnerAccount: "000000000000" },
    });
    const again = await client.send(new sdk.CreatePrivateDnsNamespaceCommand(input));
    expect(again.OperationId).toBe(made.OperationId);
    const Id = await namespaceId(made);
    const HostedZoneId = await zoneOf(Id);
    expect(await get(Id)).toMatchObject({
      ...{ Id, Name: "corp.internal", Type: "DNS_PRIVATE", Description: "ours", ServiceCount: 0 },
      ...{
        Arn: `arn:aws:servicediscovery:eu-south-1:000000000000:namespace/${Id}`,
        CreatorRequestId: "once",
      },
      Properties: {
        DnsProperties: { HostedZoneId, SOA: { TTL: 60 } },
        HttpProperties: { HttpName: "corp.internal" },
      },
    });
    const zone = await zones.send(new route53.GetHostedZoneCommand({ Id: HostedZoneId }));
    expect(zone.VPCs?.[0]?.VPCId).toBe(Vpc);
    expect(zone.HostedZone).toMatchObject({
      ...{ Name: "corp.internal.", Config: { PrivateZone: true, Comment: "ours" } },
      LinkedService: { ServicePrincipal: "servicediscovery.amazonaws.com" },
    });
    const remove = zones.send(new route53.DeleteHostedZoneCommand({ Id: HostedZoneId }));
    await expect(remove).rejects.toMatchObject({ name: "AccessDenied" });
    const same = client.send(
      new sdk.CreatePrivateDnsNamespaceCommand({ ...input, CreatorRequestId: "other" }),
    );
    await expect(same).rejects.toMatchObject({ name: "NamespaceAlreadyExists", NamespaceId: Id });
    const update = await client.send(
      new sdk.UpdatePrivateDnsNamespaceCommand({
        ...{ Id, UpdaterRequestId: "u" },
        Namespace: { Description: "new", Properties: { DnsProperties: { SOA: { TTL: 90 } } } },
      }),
    );
    expect(await operation(update)).toMatchObject({ Type: "UPDATE_NAMESPACE", Status: "SUCCESS" });
    expect(await get(Id)).toMatchObject({
      Description: "new",
      Properties: { DnsProperties: { SOA: { TTL: 90 } } },
    });
    const deleted = await client.send(new sdk.DeleteNamespaceCommand({ Id }));
    expect(await operation(deleted)).toMatchObject({ Type: "DELETE_NAMESPACE", Status: "SUCCESS" });
    expect(api.store.list("dnsRecordSet").filter(({ zoneArn }) => zoneArn.endsWith(HostedZoneId))).toEqual(
      [],
    );
    await expect(get(Id)).rejects.toMatchObject({ name: "NamespaceNotFound" });
  });

  it("fails to be created where the VPC has a zone of the name", async () => {
    const VPCId = await newVpc();
    const Name = "taken.internal";
    const VPC = { VPCId, VPCRegion: "eu-south-1" as const };
    await zones.send(new route53.CreateHostedZoneCommand({ Name, CallerReference: "taken", VPC }));
    const made = await client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name, Vpc: VPCId }));
    expect(await operation(made)).toMatchObject({ Status: "FAIL", ErrorCode: "CANNOT_CREATE_HOSTED_ZONE" });
    const nowhere = client.send(new sdk.CreatePrivateDnsNamespaceCommand({ Name, Vpc: "vpc-0" }));
    await expect(nowhere).rejects.toMatchObject({ name: "InvalidInput" });
  });
});

it("a public DNS namespace has a public zone", async () => {
  const input = {
    ...{ Name: "shop.example", CreatorRequestId: "public", Description: "d" },
    Tags: [{ Key: "a", Value: "b" }],
    Properties: { DnsProperties: { SOA: { TTL: 30 } } },
  };
  const Id = await namespaceId(await client.send(new sdk.CreatePublicDnsNamespaceCommand(input)));
  const zone = await zones.send(new route53.GetHostedZoneCommand({ Id: await zoneOf(Id) }));
  expect(zone.HostedZone?.Config).toEqual({ PrivateZone: false, Comment: "d" });
  const ResourceARN = (await get(Id))?.Arn;
  const tags = () => client.send(new sdk.ListTagsForResourceCommand({ ResourceARN }));
  expect((await tags()).Tags).toEqual(input.Tags);
  await client.send(new sdk.TagResourceCommand({ ResourceARN, Tags: [{ Key: "c", Value: "d" }] }));
  await client.send(new sdk.UntagResourceCommand({ ResourceARN, TagKeys: ["a"] }));
  expect((await tags()).Tags).toEqual([{ Key: "c", Value: "d" }]);
  const Properties = { DnsProperties: { SOA: { TTL: 31 } } };
  const change = { Id, UpdaterRequestId: "u", Namespace: { Description: "e", Properties } };
  await client.send(new sdk.UpdatePublicDnsNamespaceCommand(change));
  expect(await get(Id)).toMatchObject({
    Description: "e",
    Properties: { DnsProperties: { SOA: { TTL: 31 } } },
  });
  const wrong = client.send(new sdk.UpdateHttpNamespaceCommand({ Id, Namespace: { Description: "f" } }));
  await expect(wrong).rejects.toMatchObject({ name: "InvalidInput" });
  await client.send(new sdk.DeleteNamespaceCommand({ Id }));
});

it("namespaces are listed by type, name and owner", async () => {
  const http = { Name: "listed", CreatorRequestId: "l", Description: "d", Tags: [{ Key: "a", Value: "b" }] };
  const Id = await namespaceId(await client.send(new sdk.CreateHttpNamespaceCommand(http)));
  const update = { Id, UpdaterRequestId: "u", Namespace: { Description: "e" } };
  await client.send(new sdk.UpdateHttpNamespaceCommand(update));
  expect(await get(Id)).toMatchObject({ Type: "HTTP", Description: "e" });
  const other = await privateNamespace("listed");
  // A name that is used again has another one for DiscoverInstances.
  expect((await get(other))?.Properties?.HttpProperties?.HttpName).toBe(`listed-${other.slice(3)}`);
  const ids = async (...Filters: sdk.NamespaceFilter[]) =>
    (await client.send(new sdk.ListNamespacesCommand({ Filters }))).Namespaces?.map((each) => each.Id);
  expect(await ids({ Name: "TYPE", Values: ["HTTP"], Condition: "EQ" })).toEqual([Id]);
  expect(await ids({ Name: "NAME", Values: ["liste"], Condition: "BEGINS_WITH" })).toHaveLength(2);
  expect(await ids({ Name: "HTTP_NAME", Values: ["listed"] })).toEqual([Id]);
  expect(await ids({ Name: "RESOURCE_OWNER", Values: ["OTHER_ACCOUNTS"] })).toEqual([]);
  expect(await ids({ Name: "TYPE", Values: ["HTTP", "DNS_PRIVATE"], Condition: "IN" })).toContain(other);
  await expect(ids({ Name: "NAME", Values: ["a", "b"] })).rejects.toMatchObject({ name: "InvalidInput" });
  const between = ids({ Name: "NAME", Values: ["a", "b"], Condition: "BETWEEN" });
  await expect(between).rejects.toMatchObject({ name: "InvalidInput" });
  const first = await client.send(new sdk.ListNamespacesCommand({ MaxResults: 1 }));
  const { NextToken } = first;
  const second = await client.send(new sdk.ListNamespacesCommand({ MaxResults: 1, NextToken }));
  expect(second.Namespaces?.[0]?.Id).not.toBe(first.Namespaces?.[0]?.Id);
  for (const each of [Id, other]) await client.send(new sdk.DeleteNamespaceCommand({ Id: each }));
});

describe("a service", () => {
  it("is created in a namespace, read, listed, changed and deleted", async () => {
    const NamespaceId = await privateNamespace("services.internal");
    const input = {
      ...{ Name: "web", NamespaceId, CreatorRequestId: "s", Description: "d" },
      DnsConfig: { NamespaceId, RoutingPolicy: "MULTIVALUE", DnsRecords: [A, { Type: "AAAA", TTL: 20 }] },
      HealthCheckCustomConfig: { FailureThreshold: 3 },
      Tags: [{ Key: "a", Value: "b" }],
    } satisfies sdk.CreateServiceRequest;
    const made = await service(input);
    expect(made).toMatchObject({
      ...{ Name: "web", NamespaceId, Description: "d", Type: "DNS_HTTP", InstanceCount: 0 },
      ...{ DnsConfig: input.DnsConfig, HealthCheckCustomConfig: { FailureThreshold: 1 } },
    });
    expect((await service(input)).Id).toBe(made.Id);
    const Id = made.Id ?? "";
    const read = async () => (await client.send(new sdk.GetServiceCommand({ Id }))).Service;
    expect(await read()).toMatchObject({ ...made, CreatorRequestId: "s" });
    const tags = await client.send(new sdk.ListTagsForResourceCommand({ ResourceARN: made.Arn }));
    expect(tags.Tags).toEqual(input.Tags);
    const other = { ...input, Name: "WEB", CreatorRequestId: "t" };
    await expect(service(other)).rejects.toMatchObject({ name: "ServiceAlreadyExists", ServiceId: Id });
    const inUse = client.send(new sdk.DeleteNamespaceCommand({ Id: NamespaceId }));
    await expect(inUse).rejects.toMatchObject({ name: "ResourceInUse" });

    await register(Id, "one", { AWS_INSTANCE_IPV4: "10.9.0.1", AWS_INSTANCE_IPV6: "fd00::1" });
    const DnsRecords = [
      { Type: "A", TTL: 11 },
      { Type: "AAAA", TTL: 12 },
    ] satisfies sdk.DnsRecord[];
    const updated = await client.send(
      new sdk.UpdateServiceCommand({ Id, Service: { Description: "e", DnsConfig: { DnsRecords } } }),
    );
    expect(await operation(updated)).toMatchObject({ Type: "UPDATE_SERVICE", Targets: { SERVICE: Id } });
    expect(await read()).toMatchObject({ Description: "e", InstanceCount: 1, DnsConfig: { DnsRecords } });
    expect(await records(await zoneOf(NamespaceId))).toEqual([
      "web.services.internal. A 11 10.9.0.1 one",
      "web.services.internal. AAAA 12 fd00::1 one",
    ]);
    const srv = { DnsConfig: { DnsRecords: [{ Type: "SRV" as const, TTL: 1 }] } };
    const typed = client.send(new sdk.UpdateServiceCommand({ Id, Service: srv }));
    await expect(typed).rejects.toMatchObject({ name: "InvalidInput" });
    const remove = () => client.send(new sdk.DeleteServiceCommand({ Id }));
    await expect(remove()).rejects.toMatchObject({
      name: "ResourceInUse",
      message: "Service contains registered instances; delete the instances before deleting the service",
    });
    await deregister(Id, "one");
    await remove();
    await expect(read()).rejects.toMatchObject({ name: "ServiceNotFound" });
    await client.send(new sdk.DeleteNamespaceCommand({ Id: NamespaceId }));
  });

  it("has attributes, and is listed by its namespace", async () => {
    const NamespaceId = await namespaceId(
      await client.send(new sdk.CreateHttpNamespaceCommand({ Name: "attributes" })),
    );
    const { Id: ServiceId = "" } = await service({ Name: "a", NamespaceId, Type: "HTTP" });
    await service({ Name: "b", NamespaceId });
    const update = { ServiceId, Attributes: { x: "1", y: "2" } };
    await client.send(new sdk.UpdateServiceAttributesCommand(update));
    await client.send(new sdk.DeleteServiceAttributesCommand({ ServiceId, Attributes: ["x"] }));
    const got = await client.send(new sdk.GetServiceAttributesCommand({ ServiceId }));
    expect(got.ServiceAttributes?.Attributes).toEqual({ y: "2" });
    const list = async (more: Partial<sdk.ListServicesRequest> = {}) =>
      client.send(
        new sdk.ListServicesCommand({
          Filters: [
            { Name: "NAMESPACE_ID", Values: [NamespaceId], Condition: "EQ" },
            { Name: "RESOURCE_OWNER", Values: ["SELF"] },
          ],
          ...more,
        }),
      );
    expect((await list()).Services).toHaveLength(2);
    for (const Condition of ["IN", "BETWEEN", "BEGINS_WITH"] as const)
      await expect(
        list({ Filters: [{ Name: "NAMESPACE_ID", Values: [NamespaceId], Condition }] }),
      ).rejects.toMatchObject({
        ...{ name: "InvalidInput", message: expect.stringContaining(`condition ${Condition}`) as string },
      });
    const { NextToken, Services } = await list({ MaxResults: 1 });
    const rest = await list({ MaxResults: 1, NextToken });
    expect([Services?.[0]?.Name, rest.Services?.[0]?.Name].toSorted()).toEqual(["a", "b"]);
    const dns = service({ Name: "c", NamespaceId, DnsConfig: { DnsRecords: [A] } });
    await expect(dns).rejects.toMatchObject({ name: "InvalidInput" });
  });
});

describe("instances", async () => {
  const NamespaceId = await privateNamespace("instances.internal");
  const zone = await zoneOf(NamespaceId);

  it("have an SRV record and the address of its host", async () => {
    const DnsConfig = { DnsRecords: [{ Type: "SRV" as const, TTL: 5 }] };
    const { Id = "" } = await service({ Name: "_api._tcp", NamespaceId, DnsConfig });
    const none = register(Id, "t1", { AWS_INSTANCE_PORT: "80" });
    await expect(none).rejects.toMatchObject({ name: "InvalidInput" });
    await register(Id, "t1", { AWS_INSTANCE_IPV4: "10.9.0.5", AWS_INSTANCE_PORT: "8080", color: "red" });
    const name = "_api._tcp.instances.internal.";
    expect(await records(zone)).toEqual([
      `${name} SRV 5 1 1 8080 t1.${name.slice(0, -1)} t1`,
      `t1.${name} A 5 10.9.0.5 `,
    ]);
    await deregister(Id, "t1");
    expect(await records(zone)).toEqual([]);
  });

  it("have weighted CNAME records", async () => {
    const DnsConfig = {
      RoutingPolicy: "WEIGHTED" as const,
      DnsRecords: [{ Type: "CNAME" as const, TTL: 7 }],
    };
    const { Id = "" } = await service({ Name: "alias", NamespaceId, DnsConfig });
    await register(Id, "c", { AWS_INSTANCE_CNAME: "www.example.com" });
    expect(await records(zone)).toEqual(["alias.instances.internal. CNAME 7 www.example.com c"]);
    const Service = { DnsConfig: { DnsRecords: [{ Type: "CNAME" as const, TTL: 8 }] } };
    await client.send(new sdk.UpdateServiceCommand({ Id, Service }));
    expect(await records(zone)).toEqual(["alias.instances.internal. CNAME 8 www.example.com c"]);
    await deregister(Id, "c");
    await expect(deregister(Id, "c")).rejects.toMatchObject({ name: "InstanceNotFound" });
  });

  it("are replaced, read and listed", async () => {
    const { Id: ServiceId = "" } = await service({
      Name: "list",
      NamespaceId,
      DnsConfig: { DnsRecords: [A] },
    });
    const one = { ServiceId, InstanceId: "a", CreatorRequestId: "r" };
    const Attributes = { AWS_INSTANCE_IPV4: "10.9.1.1" };
    await client.send(new sdk.RegisterInstanceCommand({ ...one, Attributes }));
    const made = await register(ServiceId, "a", { AWS_INSTANCE_IPV4: "10.9.1.2" });
    expect(await operation(made)).toMatchObject({
      ...{ Type: "REGISTER_INSTANCE", Targets: { SERVICE: ServiceId, INSTANCE: "a" } },
    });
    await register(ServiceId, "b", { AWS_INSTANCE_IPV4: "10.9.1.3" });
    const got = await client.send(new sdk.GetInstanceCommand({ ServiceId, InstanceId: "a" }));
    expect(got.Instance).toMatchObject({ Id: "a", Attributes: { AWS_INSTANCE_IPV4: "10.9.1.2" } });
    const first = await client.send(new sdk.ListInstancesCommand({ ServiceId, MaxResults: 1 }));
    const { NextToken } = first;
    const rest = await client.send(new sdk.ListInstancesCommand({ ServiceId, MaxResults: 1, NextToken }));
    expect([first, rest].map(({ Instances }) => Instances?.[0]?.Id)).toEqual(["a", "b"]);
    expect(await records(zone)).toHaveLength(2);
    const wrong: Record<string, string>[] = [
      { AWS_INSTANCE_IPV4: "10.9.1" },
      {},
      { AWS_INSTANCE_IPV4: "::1" },
    ];
    for (const bad of wrong)
      await expect(register(ServiceId, "c", bad)).rejects.toMatchObject({ name: "InvalidInput" });
  });
});

it("operations are listed by service, type, status and time", async () => {
  const Name = "operations";
  const NamespaceId = await namespaceId(await client.send(new sdk.CreateHttpNamespaceCommand({ Name })));
  const { Id = "" } = await service({ Name, NamespaceId });
  const { OperationId } = await register(Id, "i", { a: "b" });
  const list = async (...Filters: sdk.OperationFilter[]) =>
    (await client.send(new sdk.ListOperationsCommand({ Filters }))).Operations?.map((each) => each.Id);
  const now = Date.now() / 1000;
  expect(await list({ Name: "SERVICE_ID", Values: [Id], Condition: "EQ" })).toEqual([OperationId]);
  const narrowed = await list(
    { Name: "NAMESPACE_ID", Values: [NamespaceId] },
    { Name: "TYPE", Values: ["REGISTER_INSTANCE"], Condition: "IN" },
    { Name: "STATUS", Values: ["SUCCESS", "FAIL"], Condition: "IN" },
    { Name: "UPDATE_DATE", Values: [String(now - 60), String(now + 60)], Condition: "BETWEEN" },
  );
  expect(narrowed).toEqual([OperationId]);
  const page = await client.send(new sdk.ListOperationsCommand({ MaxResults: 1 }));
  const { NextToken } = page;
  const next = await client.send(new sdk.ListOperationsCommand({ MaxResults: 1, NextToken }));
  expect(next.Operations?.[0]?.Id).not.toBe(page.Operations?.[0]?.Id);
  const begins = list({ Name: "SERVICE_ID", Values: ["srv-"], Condition: "BEGINS_WITH" });
  await expect(begins).rejects.toMatchObject({
    ...{ name: "InvalidInput", message: expect.stringContaining("BEGINS_WITH") as string },
  });
  const own = await client.send(new sdk.GetOperationCommand({ OperationId, OwnerAccount: "000000000000" }));
  expect(own.Operation).toMatchObject({ Id: OperationId, OwnerAccount: "000000000000" });
  const OwnerAccount = "111111111111";
  const foreign = client.send(new sdk.GetOperationCommand({ OperationId, OwnerAccount }));
  await expect(foreign).rejects.toMatchObject({ name: "OperationNotFound" });
});
