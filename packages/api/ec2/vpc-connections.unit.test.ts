import * as ec2 from "@aws-sdk/client-ec2";
import { CreateBucketCommand, GetBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const s3 = new S3Client({ ...api.client(), forcePathStyle: true });
const vpc = async (CidrBlock: string) =>
  (await client.send(new ec2.CreateVpcCommand({ CidrBlock }))).Vpc?.VpcId ?? "";
const nameOf = (service: string) => `com.amazonaws.eu-south-1.${service}`;
let VpcId = "";
let SubnetId = "";
beforeAll(async () => {
  VpcId = await vpc("10.0.0.0/16");
  const subnet = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: "10.0.1.0/24" }));
  SubnetId = subnet.Subnet?.SubnetId ?? "";
});

describe("prefix lists", () => {
  const make = async (PrefixListName: string) =>
    (
      await client.send(
        new ec2.CreateManagedPrefixListCommand({
          PrefixListName,
          AddressFamily: "IPv4",
          MaxEntries: 2,
          Entries: [{ Cidr: "192.0.2.0/24" }],
        }),
      )
    ).PrefixList?.PrefixListId;
  const entries = async (PrefixListId: string | undefined, TargetVersion?: number) =>
    (
      await client.send(new ec2.GetManagedPrefixListEntriesCommand({ PrefixListId, TargetVersion }))
    ).Entries?.map((entry) => entry.Cidr);

  it("have versions, of which an earlier one can be restored", async () => {
    const PrefixListId = await make("offices");
    const change = { PrefixListId, CurrentVersion: 1, AddEntries: [{ Cidr: "198.51.100.0/24" }] };
    await client.send(new ec2.ModifyManagedPrefixListCommand(change));
    await expect(client.send(new ec2.ModifyManagedPrefixListCommand(change))).rejects.toMatchObject({
      name: "PrefixListVersionMismatch",
    });
    expect(await entries(PrefixListId)).toEqual(["192.0.2.0/24", "198.51.100.0/24"]);
    expect(await entries(PrefixListId, 1)).toEqual(["192.0.2.0/24"]);
    const restore = { PrefixListId, CurrentVersion: 2, PreviousVersion: 1 };
    await client.send(new ec2.RestoreManagedPrefixListVersionCommand(restore));
    expect(await entries(PrefixListId)).toEqual(["192.0.2.0/24"]);
    const tooMany = { PrefixListId, AddEntries: ["1.0.0.0/8", "2.0.0.0/8"].map((Cidr) => ({ Cidr })) };
    await expect(client.send(new ec2.ModifyManagedPrefixListCommand(tooMany))).rejects.toMatchObject({
      name: "PrefixListMaxEntriesExceeded",
    });
  });

  it("are used by security groups, and not deleted while they are", async () => {
    const PrefixListId = await make("partners");
    const group = { VpcId, GroupName: "partners", Description: "d" };
    const { GroupId } = await client.send(new ec2.CreateSecurityGroupCommand(group));
    const IpPermissions = [
      { IpProtocol: "tcp", FromPort: 443, ToPort: 443, PrefixListIds: [{ PrefixListId }] },
    ];
    await client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    const { PrefixListAssociations } = await client.send(
      new ec2.GetManagedPrefixListAssociationsCommand({ PrefixListId }),
    );
    expect(PrefixListAssociations).toMatchObject([{ ResourceId: GroupId }]);
    const remove = () => client.send(new ec2.DeleteManagedPrefixListCommand({ PrefixListId }));
    await expect(remove()).rejects.toMatchObject({ name: "DependencyViolation" });
    await client.send(new ec2.RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    await remove();
    await expect(
      client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions })),
    ).rejects.toMatchObject({ name: "InvalidPrefixListID.NotFound" });
  });

  it("of AWS contain the address of the services, and cannot be changed", async () => {
    const { PrefixLists } = await client.send(new ec2.DescribePrefixListsCommand({}));
    expect(PrefixLists?.map((list) => list.PrefixListName)).toEqual([
      ...[nameOf("s3"), nameOf("dynamodb")],
      "com.amazonaws.global.cloudfront.origin-facing",
    ]);
    const [PrefixListId] = PrefixLists?.map((list) => list.PrefixListId) ?? [];
    const managed = await client.send(
      new ec2.DescribeManagedPrefixListsCommand({ Filters: [{ Name: "owner-id", Values: ["AWS"] }] }),
    );
    expect(managed.PrefixLists).toHaveLength(3);
    // Nobody connects from CloudFront.
    const cloudFront = PrefixLists?.at(-1)?.PrefixListId;
    const { Entries } = await client.send(
      new ec2.GetManagedPrefixListEntriesCommand({ PrefixListId: cloudFront }),
    );
    expect(Entries).toEqual([]);
    await expect(client.send(new ec2.DeleteManagedPrefixListCommand({ PrefixListId }))).rejects.toMatchObject(
      { name: "OperationNotPermitted" },
    );
  });
});

describe("endpoints", () => {
  it("of S3 have routes in the tables that they are given", async () => {
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId }));
    const table = RouteTable?.RouteTableId ?? "";
    const { VpcEndpoint } = await client.send(
      new ec2.CreateVpcEndpointCommand({ VpcId, ServiceName: nameOf("s3"), RouteTableIds: [table] }),
    );
    const VpcEndpointId = VpcEndpoint?.VpcEndpointId ?? "";
    const route = () =>
      api.store.get("routeTable", table)?.routes.find((each) => each.target.id === VpcEndpointId);
    expect(route()?.destination).toMatch(/^pl-/);
    await expect(
      client.send(
        new ec2.DeleteRouteCommand({ RouteTableId: table, DestinationPrefixListId: route()?.destination }),
      ),
    ).rejects.toThrow("cannot remove VPC endpoint route");
    await client.send(new ec2.ModifyVpcEndpointCommand({ VpcEndpointId, RemoveRouteTableIds: [table] }));
    expect(route()).toBeUndefined();
    await client.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpointId] }));
    const again = await client.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpointId] }));
    expect(again.Unsuccessful?.[0]?.Error?.Code).toBe("InvalidVpcEndpointId.NotFound");
  });

  it("of other services have an interface in each subnet", async () => {
    const input = {
      VpcId,
      ServiceName: nameOf("ecr.dkr"),
      VpcEndpointType: "Interface" as const,
      SubnetIds: [SubnetId],
    };
    await expect(client.send(new ec2.CreateVpcEndpointCommand(input))).rejects.toThrow(
      "private DNS requires",
    );
    await client.send(new ec2.ModifyVpcAttributeCommand({ VpcId, EnableDnsHostnames: { Value: true } }));
    const { VpcEndpoint } = await client.send(new ec2.CreateVpcEndpointCommand(input));
    const [eni = ""] = VpcEndpoint?.NetworkInterfaceIds ?? [];
    expect(api.store.get("networkInterface", eni)).toMatchObject({
      subnetId: SubnetId,
      type: "vpc_endpoint",
    });
    expect(VpcEndpoint?.DnsEntries?.at(-1)?.DnsName).toBe("*.dkr.ecr.eu-south-1.amazonaws.com");
    await expect(client.send(new ec2.CreateVpcEndpointCommand(input))).rejects.toThrow(
      "conflicting DNS domain",
    );
    const { VpcEndpoints } = await client.send(
      new ec2.DescribeVpcEndpointsCommand({
        Filters: [{ Name: "vpc-endpoint-type", Values: ["Interface"] }],
      }),
    );
    expect(VpcEndpoints?.map((each) => each.VpcEndpointId)).toEqual([VpcEndpoint?.VpcEndpointId]);
    await client.send(
      new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [VpcEndpoint?.VpcEndpointId ?? ""] }),
    );
    expect(api.store.get("networkInterface", eni)).toBeUndefined();
  });

  it("describe their services, and no others", async () => {
    const { ServiceDetails } = await client.send(
      new ec2.DescribeVpcEndpointServicesCommand({ ServiceNames: [nameOf("s3")] }),
    );
    expect(ServiceDetails?.map((each) => each.ServiceType?.[0]?.ServiceType)).toEqual([
      "Gateway",
      "Interface",
    ]);
    const unknown = new ec2.CreateVpcEndpointCommand({ VpcId, ServiceName: nameOf("none") });
    await expect(client.send(unknown)).rejects.toMatchObject({ name: "InvalidServiceName" });
  });
});

describe("peering", () => {
  const connect = async (PeerVpcId: string) =>
    (await client.send(new ec2.CreateVpcPeeringConnectionCommand({ VpcId, PeerVpcId }))).VpcPeeringConnection
      ?.VpcPeeringConnectionId;
  const stateOf = async (id: string | undefined) =>
    (await client.send(new ec2.DescribeVpcPeeringConnectionsCommand({ VpcPeeringConnectionIds: [id ?? ""] })))
      .VpcPeeringConnections?.[0]?.Status?.Code;

  it("is accepted, has options and routes, and is deleted", async () => {
    const VpcPeeringConnectionId = await connect(await vpc("10.60.0.0/16"));
    expect(await stateOf(VpcPeeringConnectionId)).toBe("pending-acceptance");
    await client.send(new ec2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
    const options = { AllowDnsResolutionFromRemoteVpc: true };
    const changed = await client.send(
      new ec2.ModifyVpcPeeringConnectionOptionsCommand({
        VpcPeeringConnectionId,
        AccepterPeeringConnectionOptions: options,
      }),
    );
    expect(changed.AccepterPeeringConnectionOptions).toMatchObject(options);
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId }));
    await client.send(
      new ec2.CreateRouteCommand({
        RouteTableId: RouteTable?.RouteTableId,
        DestinationCidrBlock: "10.60.0.0/16",
        VpcPeeringConnectionId,
      }),
    );
    await client.send(new ec2.DeleteVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
    expect(await stateOf(VpcPeeringConnectionId)).toBe("deleted");
  });

  it("is rejected, and refused where blocks overlap", async () => {
    const VpcPeeringConnectionId = await connect(await vpc("10.61.0.0/16"));
    await client.send(new ec2.RejectVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
    await expect(
      client.send(new ec2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId })),
    ).rejects.toMatchObject({ name: "InvalidStateTransition" });
    await expect(connect(await vpc("10.0.0.0/20"))).rejects.toThrow("overlap");
  });
});

describe("flow logs", () => {
  it("are created for a resource, described and deleted", async () => {
    const input = {
      ResourceIds: [VpcId],
      ResourceType: "VPC" as const,
      TrafficType: "REJECT" as const,
      LogDestinationType: "s3" as const,
      LogDestination: "arn:aws:s3:::flows/a/",
      LogFormat: "${srcaddr} ${action}",
      MaxAggregationInterval: 60,
    };
    const missing = await client.send(new ec2.CreateFlowLogsCommand(input));
    expect(missing.Unsuccessful).toMatchObject([
      { ResourceId: VpcId, Error: { Code: "400", Message: "LogDestination: flows does not exist" } },
    ]);
    await s3.send(new CreateBucketCommand({ Bucket: "flows" }));
    const { FlowLogIds } = await client.send(new ec2.CreateFlowLogsCommand(input));
    const { Policy } = await s3.send(new GetBucketPolicyCommand({ Bucket: "flows" }));
    expect(Policy).toContain("delivery.logs.amazonaws.com");
    const again = client.send(new ec2.CreateFlowLogsCommand(input));
    await expect(again).rejects.toMatchObject({ name: "FlowLogAlreadyExists" });
    const unknown = { ...input, LogFormat: "${nonsense}" };
    await expect(client.send(new ec2.CreateFlowLogsCommand(unknown))).rejects.toThrow("Unknown fields");
    const list = async () => (await client.send(new ec2.DescribeFlowLogsCommand({}))).FlowLogs;
    expect(await list()).toMatchObject([
      { ResourceId: VpcId, LogFormat: input.LogFormat, DeliverLogsStatus: "SUCCESS" },
    ]);
    await client.send(new ec2.DeleteFlowLogsCommand({ FlowLogIds }));
    expect(await list()).toEqual([]);
  });
});
