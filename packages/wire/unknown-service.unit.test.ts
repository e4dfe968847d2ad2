import type { AddressInfo } from "node:net";
import { EC2Client, DescribeVpcsCommand } from "@aws-sdk/client-ec2";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { DescribeFileSystemsCommand, EFSClient } from "@aws-sdk/client-efs";
import { IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import { ListBucketsCommand, PutBucketTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import { SmithyRpcV2CborProtocol } from "@smithy/core/cbor";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { sendRaw } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Dispatcher } from "./dispatch.ts";
import { newHttpServer } from "./http-server.ts";

// A dispatcher without services: every SDK client's service is unknown to it.
const dispatcher = new Dispatcher({
  clock: new SystemClock(),
  ids: randomIds(),
  log: silentLogger,
  credentials: { find: () => undefined },
  policy: {
    deniedBecause: () => undefined,
    endpointDeniedBecause: () => undefined,
    neverBecause: () => undefined,
    requestKeys: () => ({}),
  },
  settled: () => Promise.resolve(),
});
const server = newHttpServer((request, response, continueWith) =>
  dispatcher.handle(request, response, continueWith),
);
let config = { region: "eu-south-1", endpoint: "", credentials: { accessKeyId: "A", secretAccessKey: "S" } };
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // A listening TCP server has an address.
  config = { ...config, endpoint: `http://127.0.0.1:${port}` };
});
afterAll(() => server.close());

const cbor = () =>
  new SmithyRpcV2CborProtocol({ defaultNamespace: "com.amazonaws.ecs", errorTypeRegistries: [] });
const CALLS: Readonly<Record<string, readonly [string, () => Promise<unknown>]>> = {
  "AWS JSON": ["ecs", () => new ECSClient(config).send(new ListClustersCommand({}))],
  CBOR: ["ecs", () => new ECSClient({ ...config, protocol: cbor() }).send(new ListClustersCommand({}))],
  Query: ["iam", () => new IAMClient(config).send(new ListUsersCommand({}))],
  "EC2 Query": ["ec2", () => new EC2Client(config).send(new DescribeVpcsCommand({}))],
  "REST JSON": ["elasticfilesystem", () => new EFSClient(config).send(new DescribeFileSystemsCommand({}))],
};

// The CBOR client gives an error that its model lacks no name of its own, so the name is not compared.
// Before: clients of the Query protocols got JSON, which they could not parse and tried again.
it.each(Object.entries(CALLS))(
  "an unknown service is named to a client of %s, once",
  async (_, [name, call]) => {
    await expect(call()).rejects.toMatchObject({
      message: `Gantry does not have the service "${name}".`,
      $metadata: { httpStatusCode: 404, attempts: 1 },
    });
  },
);

// Before: a request that S3's protocol signs got JSON, and so did one of REST-XML whose service no list
// named. Clients could not parse it: "not well-formed".
it("an unknown service is named to a client of REST-XML, once", async () => {
  const client = new S3Client({ ...config, forcePathStyle: true });
  const expected = {
    name: "UnknownServiceException",
    message: 'Gantry does not have the service "s3".',
    $metadata: { httpStatusCode: 404, attempts: 1 },
  };
  await expect(client.send(new ListBucketsCommand({}))).rejects.toMatchObject(expected);
  const tagging = new PutBucketTaggingCommand({ Bucket: "prod", Tagging: { TagSet: [] } });
  await expect(client.send(tagging)).rejects.toMatchObject(expected);
});

it.each(["route53", "cloudfront", "an-xml-service"])(
  "an unknown service of REST-XML, %s, is refused in its form",
  async (service) => {
    const isListed = service !== "an-xml-service";
    const request = {
      service,
      method: isListed ? "GET" : "POST",
      path: "/2013-04-01/hostedzone",
      ...(isListed ? {} : { headers: { "content-type": "application/xml" }, body: "<a/>" }),
    };
    const { status, headers, text } = await sendRaw(config.endpoint, request, Date.now());
    expect(status).toBe(404);
    expect(headers.get("content-type")).toBe("text/xml");
    expect(text).toMatch(
      new RegExp(
        `^<ErrorResponse><Error><Type>Sender</Type><Code>UnknownServiceException</Code><Message>.*&quot;${service}&quot;`,
      ),
    );
  },
);
