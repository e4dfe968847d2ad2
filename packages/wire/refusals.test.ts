import { ACMClient, ListCertificatesCommand } from "@aws-sdk/client-acm";
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DescribeRepositoriesCommand, ECRClient } from "@aws-sdk/client-ecr";
import {
  CreateClusterCommand,
  DescribeClustersCommand,
  ECSClient,
  ListClustersCommand,
  DiscoverPollEndpointCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { DescribeFileSystemsCommand, EFSClient } from "@aws-sdk/client-efs";
import {
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  GetRoleCommand,
  IAMClient,
  GenerateOrganizationsAccessReportCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { jsonLogger, SystemClock } from "@gantry/kernel";
import { startApi, type Api } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe("who may call", () => {
  const calls = {
    acm: (client: Client) => new ACMClient(client).send(new ListCertificatesCommand({})),
    logs: (client: Client) => new CloudWatchLogsClient(client).send(new DescribeLogGroupsCommand({})),
    ec2: (client: Client) => new EC2Client(client).send(new DescribeVpcsCommand({})),
    ecr: (client: Client) => new ECRClient(client).send(new DescribeRepositoriesCommand({})),
    ecs: (client: Client) => new ECSClient(client).send(new DescribeClustersCommand({})),
    efs: (client: Client) => new EFSClient(client).send(new DescribeFileSystemsCommand({})),
    elbv2: (client: Client) =>
      new ElasticLoadBalancingV2Client(client).send(new DescribeLoadBalancersCommand({})),
    iam: (client: Client) => new IAMClient(client).send(new GetRoleCommand({ RoleName: "r" })),
    rds: (client: Client) => new RDSClient(client).send(new DescribeDBInstancesCommand({})),
    s3: (client: Client) =>
      new S3Client({ ...client, forcePathStyle: true }).send(new ListObjectsV2Command({ Bucket: "bytes" })),
    sts: (client: Client) => new STSClient(client).send(new GetCallerIdentityCommand({})),
  };
  type Client = ReturnType<Api["client"]>;

  it.each(Object.keys(calls) as (keyof typeof calls)[])(
    "%s refuses an unknown key and a wrong secret",
    async (name) => {
      const unknown = api.client({ accessKeyId: "AKIANOBODYNOBODYNOBO", secretAccessKey: "x" });
      await expect(calls[name](unknown)).rejects.toMatchObject({
        name: expect.stringMatching(
          /UnrecognizedClientException|InvalidClientTokenId|AuthFailure|InvalidAccessKeyId/,
        ),
      });
      const wrong = api.client({ accessKeyId: "AKIAROOTROOTROOTROOT", secretAccessKey: "wrong" });
      await expect(calls[name](wrong)).rejects.toMatchObject({
        name: expect.stringMatching(/InvalidSignatureException|SignatureDoesNotMatch/),
      });
    },
  );

  it.each(["ecs", "s3", "ec2"])("refuses an unsigned request to %s", async (service) => {
    const response = await fetch(`${api.endpoint}/${service === "s3" ? "bytes/x" : ""}`, {
      method: service === "s3" ? "GET" : "POST",
      headers:
        service === "ecs"
          ? {
              "x-amz-target": "AmazonEC2ContainerServiceV20141113.ListClusters",
              "content-type": "application/x-amz-json-1.1",
            }
          : service === "ec2"
            ? { "content-type": "application/x-www-form-urlencoded" }
            : {},
      ...(service === "ec2"
        ? { body: "Action=DescribeVpcs&Version=2016-11-15" }
        : service === "ecs"
          ? { body: "{}" }
          : {}),
    });
    expect(response.ok).toBe(false);
    expect(await response.text()).toMatch(/MissingAuthenticationToken|AccessDenied/);
  });

  it("lets a user do what their policy allows, and says what it does not", async () => {
    const iam = new IAMClient(api.client());
    await iam.send(new CreateUserCommand({ UserName: "ann" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "ann" }));
    const ann = api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    });
    await expect(new ECSClient(ann).send(new CreateClusterCommand({ clusterName: "x" }))).rejects.toThrow(
      "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: ecs:CreateCluster on " +
        "resource: arn:aws:ecs:eu-south-1:000000000000:cluster/x because no identity-based policy allows " +
        "the ecs:CreateCluster action",
    );
    await iam.send(
      new PutUserPolicyCommand({
        UserName: "ann",
        PolicyName: "p",
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "ecs:*", Resource: "*" }],
        }),
      }),
    );
    await new ECSClient(ann).send(new CreateClusterCommand({ clusterName: "x" }));
    await expect(
      new ECSClient(ann).send(
        new RegisterTaskDefinitionCommand({
          family: "f",
          networkMode: "awsvpc",
          taskRoleArn: "arn:aws:iam::000000000000:role/r",
          containerDefinitions: [{ name: "a", image: "a", memory: 64 }],
        }),
      ),
    ).rejects.toThrow(/iam:PassRole/);
  });

  it("gives credentials of a role only to principals that it trusts, and they expire", async () => {
    const iam = new IAMClient(api.client());
    const trust = {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { AWS: "arn:aws:iam::000000000000:root" }, Action: "sts:AssumeRole" },
      ],
    };
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName: "assumed", AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    const { Credentials } = await new STSClient(api.client()).send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "session" }),
    );
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    const { Arn } = await new STSClient(api.client(session)).send(new GetCallerIdentityCommand({}));
    expect(Arn).toBe("arn:aws:sts::000000000000:assumed-role/assumed/session");
    await expect(
      new STSClient(api.client({ ...session, sessionToken: "other" })).send(new GetCallerIdentityCommand({})),
    ).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
    const record = api.store.get("session", session.accessKeyId);
    api.store.transact(
      (tx) => record !== undefined && tx.put("session", session.accessKeyId, { ...record, expiresAt: 1 }),
    );
    await expect(
      new STSClient(api.client(session)).send(new GetCallerIdentityCommand({})),
    ).rejects.toMatchObject({ name: "ExpiredToken" });
  });
});

describe("bad bytes", () => {
  it.each([
    ["{", "application/x-amz-json-1.1"],
    ["[]", "application/x-amz-json-1.1"],
    ["null", "application/x-amz-json-1.1"],
  ])("answers %j in AWS's form", async (body, type) => {
    const response = await fetch(api.endpoint, {
      method: "POST",
      body,
      headers: { "content-type": type, "x-amz-target": "AmazonEC2ContainerServiceV20141113.ListClusters" },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toHaveProperty("__type");
  });

  it("names the unknown service", async () => {
    const response = await fetch(api.endpoint, {
      method: "POST",
      body: "{}",
      headers: { "x-amz-target": "Nobody.Nothing" },
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
  });

  it("answers unknown and missing operations as AWS does, and logs each once", async () => {
    const lines: { message: string; operation?: string }[] = [];
    // Our own log line.
    const write = (line: string) => lines.push(JSON.parse(line) as { message: string; operation?: string });
    const own = await startApi({ log: jsonLogger({ clock: new SystemClock(), write, level: "warn" }) });
    try {
      const ecs = new ECSClient(own.client());
      ecs.middlewareStack.add(
        (next) => (call) => {
          const { headers } = call.request as { headers: Record<string, string> }; // What the SDK is about to sign.
          if (headers["x-amz-target"]?.endsWith(".ListClusters"))
            headers["x-amz-target"] = headers["x-amz-target"].replace("ListClusters", "Invented");
          return next(call);
        },
        { step: "build", priority: "low" },
      );
      for (let time = 0; time < 3; time += 1) {
        await expect(ecs.send(new ListClustersCommand({}))).rejects.toMatchObject({
          name: "UnknownOperationException",
          $metadata: { httpStatusCode: 404 },
        });
        await expect(ecs.send(new DiscoverPollEndpointCommand({}))).rejects.toThrow(
          "DiscoverPollEndpoint is not supported by Gantry yet: see packages/api/ecs/SUPPORT.md.",
        );
        await expect(
          new IAMClient(own.client()).send(
            new GenerateOrganizationsAccessReportCommand({ EntityPath: "o-1/r-1" }),
          ),
        ).rejects.toThrow("GenerateOrganizationsAccessReport is not supported by Gantry yet");
      }
      expect(lines.map(({ message, operation }) => `${message}: ${operation}`)).toEqual([
        "Operation is not supported: ecs:Invented",
        "Operation is not supported: ecs:DiscoverPollEndpoint",
        "Operation is not supported: iam:GenerateOrganizationsAccessReport",
      ]);
    } finally {
      own.close();
    }
  });
});
