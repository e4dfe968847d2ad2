import * as ec2 from "@aws-sdk/client-ec2";
import { ListClustersCommand, ECSClient } from "@aws-sdk/client-ecs";
import * as s3 from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createInterface } from "@gantry/state";
import { seededIds } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import type { RelayOrigin } from "@gantry/wire";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Requests of tasks reach the API through the relay of their VPC, which says where they come from. Here the
// test says it. Before: endpoint policies were recorded alone, every VPC reached every service, and
// aws:SourceVpce was never known.
const SERVICES = "169.254.170.10";
const REGION = "eu-south-1";
const ids = seededIds(3);
let origin: RelayOrigin | undefined;
const api = await startApi({ originOf: () => origin });
afterAll(() => api.close());
const [vpcs, buckets, ecs, sts] = [
  new ec2.EC2Client(api.client()),
  new s3.S3Client({ ...api.client(), forcePathStyle: true }),
  new ECSClient(api.client()),
  new STSClient(api.client()),
];

/** A VPC with a subnet and a task in it. */
async function newVpc(CidrBlock: string) {
  const { Vpc } = await vpcs.send(new ec2.CreateVpcCommand({ CidrBlock }));
  const VpcId = Vpc?.VpcId ?? "";
  const { Subnet } = await vpcs.send(
    new ec2.CreateSubnetCommand({ VpcId, CidrBlock: CidrBlock.replace("/16", "/24") }),
  );
  const SubnetId = Subnet?.SubnetId ?? "";
  const sourceIp = api.store.transact((tx) => {
    const subnet = tx.get("subnet", SubnetId);
    if (subnet === undefined) throw new Error("The subnet exists.");
    return createInterface(tx, ids, {
      ...{
        subnet,
        securityGroups: [],
        type: "interface",
        description: "",
        owner: { type: "task", key: "task" },
      },
      ...{ nodeId: undefined, publicIp: undefined, now: 0 },
    }).privateIp;
  });
  const { RouteTables = [] } = await vpcs.send(
    new ec2.DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [VpcId] }] }),
  );
  const from = (destinationIp: string, hasExit = false): RelayOrigin => ({
    vpcId: VpcId,
    sourceIp,
    destinationIp,
    hasExit,
  });
  return { VpcId, SubnetId, tableId: RouteTables[0]?.RouteTableId ?? "", from };
}

const endpoint = async (input: Omit<ec2.CreateVpcEndpointCommandInput, "ServiceName">, service: string) =>
  (
    await vpcs.send(
      new ec2.CreateVpcEndpointCommand({ ...input, ServiceName: `com.amazonaws.${REGION}.${service}` }),
    )
  ).VpcEndpoint?.VpcEndpointId ?? "";

/** Runs a call as a task at this place, and says how it ended. */
async function as(place: RelayOrigin | undefined, call: () => Promise<unknown>): Promise<string> {
  origin = place;
  try {
    await call();
    return "answered";
  } catch (thrown) {
    const { name, message } = thrown as Error; // The SDK throws errors.
    return /ECONNRESET|hang up|socket|closed/i.test(
      `${message} ${String((thrown as { code?: string }).code)}`,
    )
      ? "no way"
      : `${name}: ${message}`;
  } finally {
    origin = undefined;
  }
}

const policy = (...Statement: readonly object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const Bucket = "endpoint-bucket";
const get = () => buckets.send(new s3.GetObjectCommand({ Bucket, Key: "a" }));
let home: Awaited<ReturnType<typeof newVpc>>;
let other: Awaited<ReturnType<typeof newVpc>>;
let gateway = "";
beforeAll(async () => {
  [home, other] = [await newVpc("10.10.0.0/16"), await newVpc("10.11.0.0/16")];
  await buckets.send(new s3.CreateBucketCommand({ Bucket }));
  await buckets.send(new s3.PutObjectCommand({ Bucket, Key: "a", Body: "x" }));
  gateway = await endpoint({ VpcId: home.VpcId, RouteTableIds: [home.tableId] }, "s3");
});

describe("a bucket policy that names a VPC endpoint", () => {
  beforeAll(async () => {
    const only = {
      ...{ Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
      Condition: { StringNotEquals: { "aws:SourceVpce": gateway } },
    };
    await buckets.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: policy(only) }));
  });
  afterAll(() => buckets.send(new s3.DeleteBucketPolicyCommand({ Bucket })));

  it("lets through what comes through the endpoint, by the route table of the task's subnet", async () => {
    expect(await as(home.from(SERVICES), get)).toBe("answered");
  });

  it("denies another VPC, the host, and a client that claims the endpoint in headers", async () => {
    expect(await as(other.from(SERVICES, true), get)).toContain("explicit deny in a resource-based policy");
    expect(await as(undefined, get)).toContain("AccessDenied");
    const claiming = new s3.S3Client({ ...api.client(), forcePathStyle: true });
    claiming.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> }; // An HTTP request.
        Object.assign(headers, {
          "x-amz-source-vpce": gateway,
          "aws-sourcevpce": gateway,
          "x-forwarded-for": "10.10.0.4",
        });
        return next(args);
      },
      { step: "build" },
    );
    const claimed = () => claiming.send(new s3.GetObjectCommand({ Bucket, Key: "a" }));
    expect(await as(undefined, claimed)).toContain("AccessDenied");
  });

  it("denies a subnet whose route table does not lead to the endpoint", async () => {
    await vpcs.send(
      new ec2.ModifyVpcEndpointCommand({ VpcEndpointId: gateway, RemoveRouteTableIds: [home.tableId] }),
    );
    expect(await as(home.from(SERVICES, true), get)).toContain("AccessDenied");
    expect(await as(home.from(SERVICES), get)).toBe("no way");
    await vpcs.send(
      new ec2.ModifyVpcEndpointCommand({ VpcEndpointId: gateway, AddRouteTableIds: [home.tableId] }),
    );
  });
});

describe("the policy of an endpoint", () => {
  const setPolicy = (PolicyDocument: string | undefined) =>
    vpcs.send(
      new ec2.ModifyVpcEndpointCommand({
        VpcEndpointId: gateway,
        ...(PolicyDocument === undefined ? { ResetPolicy: true } : { PolicyDocument }),
      }),
    );
  afterAll(() => setPolicy(undefined));
  const put = () => buckets.send(new s3.PutObjectCommand({ Bucket, Key: "b", Body: "x" }));

  it("limits what comes through it, whoever calls, and nothing else", async () => {
    await setPolicy(policy({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "*" }));
    expect(await as(home.from(SERVICES), get)).toBe("answered");
    expect(await as(home.from(SERVICES), put)).toContain(
      "because no VPC endpoint policy allows the s3:PutObject action",
    );
    expect([await as(undefined, put), await as(other.from(SERVICES), put)]).toEqual(["answered", "answered"]);
  });

  it("denies with a Deny, and sees conditions of the request", async () => {
    const everything = { Effect: "Allow", Principal: "*", Action: "*", Resource: "*" };
    const Condition = { IpAddress: { "aws:VpcSourceIp": "10.10.0.0/24" } };
    await setPolicy(policy(everything, { ...everything, Effect: "Deny", Action: "s3:PutObject", Condition }));
    expect(await as(home.from(SERVICES), put)).toContain("explicit deny in a VPC endpoint policy");
    // Through an endpoint there is no public source address.
    const byAddress = { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } };
    await setPolicy(policy({ ...everything, Condition: byAddress }));
    expect(await as(home.from(SERVICES), get)).toContain("AccessDenied");
  });
});

describe("a VPC with endpoints", () => {
  it("reaches other services where it has a route out alone, without the endpoint's keys", async () => {
    const identify = () => sts.send(new GetCallerIdentityCommand({}));
    expect(await as(home.from(SERVICES), identify)).toBe("no way");
    expect(await as(home.from(SERVICES, true), identify)).toBe("answered");
    // Without any endpoint, a VPC reaches the services without a route out: SUPPORT.md.
    expect(await as(other.from(SERVICES), identify)).toBe("answered");
  });

  it("reaches one service at an interface endpoint, until the endpoint is deleted", async () => {
    const input = { VpcId: home.VpcId, SubnetIds: [home.SubnetId], VpcEndpointType: "Interface" as const };
    const id = await endpoint({ ...input, PrivateDnsEnabled: false }, "ecs");
    const { VpcEndpoints = [] } = await vpcs.send(
      new ec2.DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] }),
    );
    const { NetworkInterfaces = [] } = await vpcs.send(
      new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: VpcEndpoints[0]?.NetworkInterfaceIds }),
    );
    const at = home.from(NetworkInterfaces[0]?.PrivateIpAddress ?? "");
    const list = () => ecs.send(new ListClustersCommand({}));
    expect([await as(at, list), await as(at, get)]).toEqual(["answered", "no way"]);
    // The same address in another VPC is not the endpoint.
    expect(await as({ ...at, vpcId: other.VpcId }, list)).toBe("no way");
    await vpcs.send(new ec2.DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    expect(await as(at, list)).toBe("no way");
  });
});
