import * as sdk from "@aws-sdk/client-route-53";
import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.Route53Client(api.client());
const ec2 = new EC2Client(api.client());
const REGION = "eu-south-1";

let references = 0;
const create = async (Name: string, more: Partial<sdk.CreateHostedZoneCommandInput> = {}) => {
  const CallerReference = `reference-${(references += 1)}`;
  const made = await client.send(new sdk.CreateHostedZoneCommand({ Name, CallerReference, ...more }));
  return { ...made, id: (made.HostedZone?.Id ?? "").replace("/hostedzone/", "") };
};
const newVpc = async (CidrBlock: string) => {
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock }));
  return { VPCId: Vpc?.VpcId ?? "", VPCRegion: REGION as sdk.VPCRegion };
};
type RecordSet = sdk.ResourceRecordSet;
const change = (HostedZoneId: string, ...changes: readonly (readonly [sdk.ChangeAction, RecordSet])[]) =>
  client.send(
    new sdk.ChangeResourceRecordSetsCommand({
      HostedZoneId,
      ChangeBatch: {
        Comment: "why",
        Changes: changes.map(([Action, ResourceRecordSet]) => ({ Action, ResourceRecordSet })),
      },
    }),
  );
const address = (Name: string, Value: string, more: Partial<RecordSet> = {}): RecordSet => ({
  ...{ Name, Type: "A", TTL: 60, ResourceRecords: [{ Value }] },
  ...more,
});
const list = async (HostedZoneId: string, more: Partial<sdk.ListResourceRecordSetsCommandInput> = {}) =>
  client.send(new sdk.ListResourceRecordSetsCommand({ HostedZoneId, ...more }));
const namesOf = ({ ResourceRecordSets = [] }: sdk.ListResourceRecordSetsCommandOutput) =>
  ResourceRecordSets.map(({ Name = "", Type = "" }) => `${Name} ${Type}`);

describe("a public hosted zone", () => {
  it("has four name servers, and its NS and SOA records", async () => {
    const { id, HostedZone, DelegationSet, Location, ChangeInfo } = await create("Example.COM", {
      CallerReference: "own",
      HostedZoneConfig: { Comment: "mine", PrivateZone: false },
    });
    expect(HostedZone).toMatchObject({
      ...{ Name: "example.com.", ResourceRecordSetCount: 2, CallerReference: "own" },
      Config: { PrivateZone: false, Comment: "mine" },
    });
    expect(Location).toBe(`https://route53.amazonaws.com/2013-04-01/hostedzone/${id}`);
    expect(DelegationSet?.NameServers).toHaveLength(4);
    expect(ChangeInfo).toMatchObject({ Status: "INSYNC" });
    const sets = (await list(id)).ResourceRecordSets ?? [];
    expect(sets.map(({ Name, Type, TTL }) => [Name, Type, TTL])).toEqual([
      ["example.com.", "NS", 172_800],
      ["example.com.", "SOA", 900],
    ]);
    expect(sets[0]?.ResourceRecords?.map(({ Value }) => Value)).toEqual(
      DelegationSet?.NameServers?.map((server) => `${server}.`),
    );
    const got = await client.send(new sdk.GetHostedZoneCommand({ Id: `/hostedzone/${id}` }));
    expect(got.DelegationSet).toEqual(DelegationSet);
    const again = create("other.com", { CallerReference: "own" });
    await expect(again).rejects.toMatchObject({ name: "HostedZoneAlreadyExists" });
    await expect(create("com")).rejects.toMatchObject({ name: "InvalidDomainName" });
    await expect(create("a..b")).rejects.toMatchObject({ name: "InvalidDomainName" });
    const { DNSName } = { DNSName: "example.com" };
    const byName = await client.send(new sdk.ListHostedZonesByNameCommand({ DNSName }));
    expect(byName.HostedZones?.[0]?.Id).toBe(`/hostedzone/${id}`);
    expect((await client.send(new sdk.GetHostedZoneCountCommand({}))).HostedZoneCount).toBe(2);
    const dnssec = await client.send(new sdk.GetDNSSECCommand({ HostedZoneId: id }));
    expect(dnssec.Status?.ServeSignature).toBe("NOT_SIGNING");
    const commented = await client.send(new sdk.UpdateHostedZoneCommentCommand({ Id: id, Comment: "new" }));
    expect(commented.HostedZone?.Config?.Comment).toBe("new");
    await client.send(new sdk.DeleteHostedZoneCommand({ Id: id }));
    await expect(list(id)).rejects.toMatchObject({
      ...{ name: "NoSuchHostedZone", message: `No hosted zone found with ID: ${id}` },
      $metadata: { httpStatusCode: 404 },
    });
  });

  it("keeps its tags", async () => {
    const { id: ResourceId } = await create("tags.com");
    const resource = { ResourceType: "hostedzone" as const, ResourceId };
    const AddTags = [
      { Key: "a", Value: "b" },
      { Key: "c", Value: "d" },
    ];
    await client.send(new sdk.ChangeTagsForResourceCommand({ ...resource, AddTags }));
    await client.send(new sdk.ChangeTagsForResourceCommand({ ...resource, RemoveTagKeys: ["a"] }));
    const one = await client.send(new sdk.ListTagsForResourceCommand(resource));
    expect(one.ResourceTagSet).toMatchObject({ ResourceId, Tags: [{ Key: "c", Value: "d" }] });
    const ResourceType = "hostedzone";
    const all = await client.send(
      new sdk.ListTagsForResourcesCommand({ ResourceType, ResourceIds: [ResourceId] }),
    );
    expect(all.ResourceTagSets).toEqual([one.ResourceTagSet]);
    const health = { ResourceType: "healthcheck" as const, ResourceId: "x" };
    await expect(client.send(new sdk.ListTagsForResourceCommand(health))).rejects.toMatchObject({
      name: "NoSuchHealthCheck",
    });
    await expect(
      client.send(
        new sdk.ListTagsForResourcesCommand({ ResourceType: "healthcheck", ResourceIds: [ResourceId] }),
      ),
    ).rejects.toMatchObject({ name: "NoSuchHealthCheck" });
    await expect(
      client.send(new sdk.ChangeTagsForResourceCommand({ ...health, AddTags })),
    ).rejects.toMatchObject({ name: "NoSuchHealthCheck" });
  });
});

describe("a batch of changes", async () => {
  const { id } = await create("batch.com");

  it("creates, replaces and deletes record sets, all of them or none", async () => {
    const { ChangeInfo } = await change(id, ["CREATE", address("www.batch.com", "192.0.2.1")]);
    expect(ChangeInfo).toMatchObject({ Comment: "why", Status: "INSYNC" });
    const found = await client.send(new sdk.GetChangeCommand({ Id: ChangeInfo?.Id }));
    expect(found.ChangeInfo?.Id).toBe(ChangeInfo?.Id);
    await expect(client.send(new sdk.GetChangeCommand({ Id: "C0" }))).rejects.toMatchObject({
      name: "NoSuchChange",
    });
    await change(id, ["UPSERT", address("*.batch.com", "192.0.2.9")]);
    expect(namesOf(await list(id))).toContain("\\052.batch.com. A");
    const both = change(
      id,
      ["CREATE", address("a.batch.com", "192.0.2.2")],
      ["CREATE", address("www.batch.com", "192.0.2.2")],
    );
    await expect(both).rejects.toThrow(
      "[Tried to create resource record set [name='www.batch.com.', type='A'] but it already exists]",
    );
    expect(namesOf(await list(id))).not.toContain("a.batch.com. A");
    await expect(change(id, ["DELETE", address("www.batch.com", "192.0.2.3")])).rejects.toThrow(
      "but the values provided do not match the current values",
    );
    await expect(change(id, ["DELETE", address("no.batch.com", "192.0.2.3")])).rejects.toThrow(
      "but it was not found",
    );
    await expect(client.send(new sdk.DeleteHostedZoneCommand({ Id: id }))).rejects.toMatchObject({
      name: "HostedZoneNotEmpty",
    });
    await change(
      id,
      ["DELETE", address("www.batch.com", "192.0.2.1")],
      ["CREATE", address("www.batch.com", "192.0.2.4")],
    );
    expect((await list(id)).ResourceRecordSets?.at(-1)?.ResourceRecords).toEqual([{ Value: "192.0.2.4" }]);
  });

  it.each<[string, RecordSet]>([
    ["is not permitted in zone batch.com.", address("www.other.com", "192.0.2.1")],
    ["is not permitted at apex", { ...address("batch.com", "x.com"), Type: "CNAME" }],
    ["conflicting RRSet of type A", { ...address("www.batch.com", "x.com"), Type: "CNAME" }],
    ["Value is not a valid IPv4 address", address("x.batch.com", "1.2.3")],
    ["IPv6", { ...address("x.batch.com", "1.2.3.4"), Type: "AAAA" }],
    ["quotation marks", { ...address("x.batch.com", "text"), Type: "TXT" }],
    ["too long", { ...address("x.batch.com", `"${"x".repeat(256)}"`), Type: "TXT" }],
    ["2 fields", { ...address("x.batch.com", "mail.batch.com"), Type: "MX" }],
    ["4 fields", { ...address("x.batch.com", "1 2 mail.batch.com"), Type: "SRV" }],
    ["domain name", { ...address("x.batch.com", "a b"), Type: "CNAME" }],
    ["issue", { ...address("x.batch.com", "0 issue ca"), Type: "CAA" }],
    ["is not supported", { ...address("x.batch.com", "x"), Type: "SSHFP" }],
    ["apex only", { ...address("x.batch.com", "a. b. 1 2 3 4 5"), Type: "SOA" }],
    ["Domain name is not valid", address(`${"x".repeat(64)}.batch.com`, "192.0.2.1")],
    [
      "Duplicate Resource Record",
      address("x.batch.com", "1.1.1.1", {
        ResourceRecords: [{ Value: "1.1.1.1" }, { Value: "1.1.1.1" }],
      }),
    ],
    [
      "was not found",
      {
        ...{ Name: "x.batch.com", Type: "A" },
        AliasTarget: { HostedZoneId: id, DNSName: "no.batch.com", EvaluateTargetHealth: false },
      },
    ],
    [
      "was not found",
      {
        ...{ Name: "x.batch.com", Type: "A" },
        AliasTarget: {
          HostedZoneId: "Z35SXDOTRQ7X7K",
          DNSName: "no.elb.localhost",
          EvaluateTargetHealth: true,
        },
      },
    ],
    [
      "does not lie within",
      {
        ...{ Name: "x.batch.com", Type: "A" },
        AliasTarget: { HostedZoneId: id, DNSName: "no.other.com", EvaluateTargetHealth: false },
      },
    ],
  ])("is refused where a record set %s", async (sentence, set) => {
    await expect(change(id, ["UPSERT", set])).rejects.toMatchObject({
      name: "InvalidChangeBatch",
      message: expect.stringContaining(sentence) as string,
    });
  });

  it("keeps the zone's own records", async () => {
    const [ns, soa] = (await list(id)).ResourceRecordSets ?? [];
    for (const set of [ns, soa])
      if (set !== undefined) await expect(change(id, ["DELETE", set])).rejects.toThrow("must contain");
  });

  it.each<[string, Partial<RecordSet>]>([
    ["found none", { TTL: undefined }],
    ["more than one", { AliasTarget: { HostedZoneId: "Z", DNSName: "a", EvaluateTargetHealth: false } }],
    ["Missing field 'SetIdentifier'", { Weight: 1 }],
    ["found none", { SetIdentifier: "a" }],
    ["more than one", { SetIdentifier: "a", Weight: 1, MultiValueAnswer: true }],
    ["from 0 to 255", { SetIdentifier: "a", Weight: 256 }],
  ])("is invalid where it %s", async (sentence, more) => {
    await expect(change(id, ["CREATE", address("y.batch.com", "192.0.2.1", more)])).rejects.toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining(sentence) as string,
    });
  });

  it("has every type, and routing policies of one kind for a name", async () => {
    const { id: zone } = await create("types.com");
    const values: readonly (readonly [sdk.RRType, string])[] = [
      ...([
        ["AAAA", "2001:db8::1"],
        ["MX", "10 mail.types.com."],
        ["TXT", '"a" "b"'],
        ["SPF", '"v=spf1"'],
      ] as const),
      ...([
        ["SRV", "1 2 443 a.types.com"],
        ["CAA", '0 issue "ca.example.com"'],
        ["PTR", "a.types.com"],
      ] as const),
      ["NS", "ns.types.com"],
    ];
    await change(
      zone,
      ...values.map(
        ([Type, Value]) =>
          ["CREATE", { ...address(`${Type.toLowerCase()}.types.com`, Value), Type }] as const,
      ),
      ["CREATE", { ...address("cname.types.com", "a.types.com"), Type: "CNAME" }],
      [
        "UPSERT",
        { ...address("types.com", "ns.types.com. me.types.com. 1 7200 900 1209600 60"), Type: "SOA" },
      ],
    );
    const routed: readonly Partial<RecordSet>[] = [
      { Weight: 1 },
      { Region: "eu-south-1" },
      { Failover: "PRIMARY" },
      { MultiValueAnswer: true },
    ];
    for (const [index, more] of routed.entries()) {
      const set = (SetIdentifier: string, others: Partial<RecordSet>) =>
        address(`r${index}.types.com`, "192.0.2.1", { SetIdentifier, ...others });
      await change(zone, ["CREATE", set("one", more)]);
      await expect(
        change(zone, ["CREATE", set("two", routed[(index + 1) % routed.length] ?? {})]),
      ).rejects.toThrow("as other RRSets exist with the same name and type");
    }
    await change(zone, [
      "CREATE",
      address("r2.types.com", "192.0.2.2", { SetIdentifier: "two", Failover: "SECONDARY" }),
    ]);
    const page = await list(zone, { StartRecordName: "r2.types.com", StartRecordType: "A", MaxItems: 1 });
    expect(page).toMatchObject({
      ...{ IsTruncated: true, NextRecordName: "r2.types.com.", NextRecordType: "A" },
      NextRecordIdentifier: "two",
      ResourceRecordSets: [{ Failover: "PRIMARY", SetIdentifier: "one" }],
    });
    const rest = await list(zone, {
      ...{ StartRecordName: page.NextRecordName, StartRecordType: "A" },
      StartRecordIdentifier: page.NextRecordIdentifier,
    });
    expect(rest.ResourceRecordSets?.[0]).toMatchObject({ Failover: "SECONDARY", SetIdentifier: "two" });
    await expect(list(zone, { StartRecordType: "A" })).rejects.toMatchObject({ name: "InvalidInput" });
    await expect(list(zone, { StartRecordName: "a", StartRecordIdentifier: "a" })).rejects.toMatchObject({
      name: "InvalidInput",
    });
    const Type = "MAX_RRSETS_BY_ZONE";
    const limit = await client.send(new sdk.GetHostedZoneLimitCommand({ HostedZoneId: zone, Type }));
    expect(limit).toMatchObject({ Limit: { Type, Value: 10_000 }, Count: 16 });
  });
});

describe("a private hosted zone", () => {
  it("is associated with VPCs, of which one has one zone of a name", async () => {
    const [first, second] = [await newVpc("10.1.0.0/16"), await newVpc("10.2.0.0/16")];
    const { id, HostedZone, VPC, DelegationSet } = await create("corp.internal", { VPC: first });
    expect([HostedZone?.Config?.PrivateZone, VPC, DelegationSet]).toEqual([true, first, undefined]);
    await expect(create("corp.internal", { VPC: first })).rejects.toMatchObject({
      name: "ConflictingDomainExists",
    });
    await expect(
      create("corp.internal", { VPC: { VPCId: "vpc-0", VPCRegion: REGION } }),
    ).rejects.toMatchObject({ name: "InvalidVPCId" });
    await expect(create("corp.internal", { HostedZoneConfig: { PrivateZone: true } })).rejects.toMatchObject({
      name: "InvalidInput",
    });
    const associate = (VPC: sdk.VPC) =>
      client.send(new sdk.AssociateVPCWithHostedZoneCommand({ HostedZoneId: id, VPC, Comment: "c" }));
    const disassociate = (VPC: sdk.VPC) =>
      client.send(new sdk.DisassociateVPCFromHostedZoneCommand({ HostedZoneId: id, VPC, Comment: "c" }));
    expect((await associate(second)).ChangeInfo?.Status).toBe("INSYNC");
    await expect(associate(second)).rejects.toMatchObject({ name: "ConflictingDomainExists" });
    const { VPCs } = await client.send(new sdk.GetHostedZoneCommand({ Id: id }));
    expect(VPCs).toEqual([first, second]);
    const page = await client.send(new sdk.ListHostedZonesByVPCCommand({ ...second, MaxItems: 1 }));
    expect(page.HostedZoneSummaries).toMatchObject([{ HostedZoneId: id, Name: "corp.internal." }]);
    await disassociate(first);
    await expect(disassociate(first)).rejects.toMatchObject({ name: "VPCAssociationNotFound" });
    await expect(disassociate(second)).rejects.toMatchObject({ name: "LastVPCAssociation" });
    const open = await create("open.com");
    await expect(
      client.send(new sdk.AssociateVPCWithHostedZoneCommand({ HostedZoneId: open.id, VPC: first })),
    ).rejects.toMatchObject({ name: "PublicZoneVPCAssociation" });
    const Type = "MAX_VPCS_ASSOCIATED_BY_ZONE";
    const limitOf = (HostedZoneId: string) =>
      client.send(new sdk.GetHostedZoneLimitCommand({ HostedZoneId, Type }));
    expect(await limitOf(id)).toMatchObject({ Count: 1 });
    await expect(limitOf(open.id)).rejects.toMatchObject({ name: "HostedZoneNotPrivate" });
  });

  it("authorizes VPCs", async () => {
    const [first, second] = [await newVpc("10.3.0.0/16"), await newVpc("10.4.0.0/16")];
    const { id: HostedZoneId } = await create("shared.internal", { VPC: first });
    const authorize = (VPC: sdk.VPC) =>
      client.send(new sdk.CreateVPCAssociationAuthorizationCommand({ HostedZoneId, VPC }));
    const revoke = () =>
      client.send(new sdk.DeleteVPCAssociationAuthorizationCommand({ HostedZoneId, VPC: second }));
    expect(await authorize(second)).toMatchObject({ HostedZoneId, VPC: second });
    await authorize(first);
    const page = await client.send(
      new sdk.ListVPCAssociationAuthorizationsCommand({ HostedZoneId, MaxResults: 1 }),
    );
    expect(page.VPCs).toHaveLength(1);
    const { NextToken } = page;
    const rest = await client.send(
      new sdk.ListVPCAssociationAuthorizationsCommand({ HostedZoneId, NextToken }),
    );
    expect(rest.VPCs).toHaveLength(1);
    await revoke();
    await expect(revoke()).rejects.toMatchObject({ name: "VPCAssociationAuthorizationNotFound" });
  });
});

describe("lists of zones", () => {
  it("have pages, and private zones alone where they are asked for", async () => {
    const HostedZoneType = "PrivateHostedZone";
    const all = await client.send(new sdk.ListHostedZonesCommand({ HostedZoneType }));
    expect(all.HostedZones?.every(({ Config }) => Config?.PrivateZone)).toBe(true);
    const first = await client.send(new sdk.ListHostedZonesCommand({ MaxItems: 1 }));
    expect(first).toMatchObject({ IsTruncated: true, MaxItems: 1 });
    const second = await client.send(
      new sdk.ListHostedZonesCommand({ MaxItems: 1, Marker: first.NextMarker }),
    );
    expect(second.HostedZones?.[0]?.Id).toBe(`/hostedzone/${first.NextMarker ?? ""}`);
    await expect(client.send(new sdk.ListHostedZonesCommand({ Marker: "Z0" }))).rejects.toMatchObject({
      name: "InvalidInput",
    });
    const named = await client.send(new sdk.ListHostedZonesByNameCommand({ MaxItems: 1 }));
    const next = { DNSName: named.NextDNSName, HostedZoneId: named.NextHostedZoneId };
    const following = await client.send(new sdk.ListHostedZonesByNameCommand({ ...next, MaxItems: 1 }));
    expect(following.HostedZones?.[0]?.Name).toBe(named.NextDNSName);
    await expect(
      client.send(new sdk.ListHostedZonesByNameCommand({ HostedZoneId: "Z" })),
    ).rejects.toMatchObject({ name: "InvalidInput" });
    const Type = "MAX_HOSTED_ZONES_BY_OWNER";
    const limit = await client.send(new sdk.GetAccountLimitCommand({ Type }));
    expect(limit.Limit).toMatchObject({ Type, Value: 500 });
    const known: readonly string[] = [Type, "MAX_HEALTH_CHECKS_BY_OWNER"];
    for (const other of Object.values(sdk.AccountLimitType).filter((each) => !known.includes(each)))
      await expect(client.send(new sdk.GetAccountLimitCommand({ Type: other }))).rejects.toMatchObject({
        name: "InvalidInput",
      });
    const vpc = await newVpc("10.5.0.0/16");
    for (const name of ["one.internal", "two.internal"]) await create(name, { VPC: vpc });
    const part = await client.send(new sdk.ListHostedZonesByVPCCommand({ ...vpc, MaxItems: 1 }));
    const { NextToken } = part;
    const other = await client.send(new sdk.ListHostedZonesByVPCCommand({ ...vpc, NextToken }));
    expect(other.HostedZoneSummaries).toHaveLength(1);
  });
});
