import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as s3 from "@aws-sdk/client-s3";
import { newAuthority, openAuthority } from "@gantry/tls";
import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import { startApi } from "@gantry/testkit";
import { createBalancer } from "@gantry/testkit/balancer";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made or changed.
const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const network = new ec2.EC2Client(api.client());
const { listenerArn: ListenerArn, targetGroupArn, subnets } = await createBalancer(api.client(), "members");
const { LoadBalancers } = await client.send(new elb.DescribeLoadBalancersCommand({ Names: ["members"] }));
const LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn;
const VpcId = LoadBalancers?.[0]?.VpcId;
const Tags = [{ Key: "a", Value: "b" }];
const TAGGED = { TagDescriptions: [{ Tags }] };

const tagsOf = (arn: string | undefined) =>
  client.send(new elb.DescribeTagsCommand({ ResourceArns: [arn ?? ""] }));
const groupNamed = async (Name: string) => {
  const { TargetGroups } = await client.send(
    new elb.CreateTargetGroupCommand({ Name, Protocol: "HTTP", Port: 80, VpcId, TargetType: "ip" }),
  );
  return TargetGroups?.[0]?.TargetGroupArn ?? "";
};

const redirect = (StatusCode: elb.RedirectActionStatusCodeEnum): elb.Action => ({
  Type: "redirect",
  Order: 1,
  RedirectConfig: { StatusCode, Protocol: "HTTPS", Port: "443", Host: "b.example", Path: "/p", Query: "q=1" },
});
const fixed: elb.Action = {
  Type: "fixed-response",
  Order: 2,
  FixedResponseConfig: { StatusCode: "418", MessageBody: "tea", ContentType: "text/plain" },
};
const forward = (TargetGroupArn: string): elb.Action => ({
  Type: "forward",
  Order: 3,
  ForwardConfig: {
    TargetGroups: [
      { TargetGroupArn: targetGroupArn, Weight: 3 },
      { TargetGroupArn, Weight: 1 },
    ],
    TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
  },
});

describe.each(["authenticate-cognito", "jwt-validation"] as const)("the action %s", (Type) => {
  const actions: elb.Action[] = [{ Type, Order: 1 }, fixed];

  it("is refused of listeners", async () => {
    const create = new elb.CreateListenerCommand({
      ...{ LoadBalancerArn, Protocol: "HTTP", Port: 999 },
      DefaultActions: actions,
    });
    await expect(client.send(create)).rejects.toThrow(Type);
    const modify = new elb.ModifyListenerCommand({ ListenerArn, DefaultActions: actions });
    await expect(client.send(modify)).rejects.toThrow(Type);
  });

  it("is refused of rules", async () => {
    const Conditions = [{ Field: "path-pattern", Values: ["/refused"] }];
    const rule = { ListenerArn, Priority: 999, Conditions };
    await expect(client.send(new elb.CreateRuleCommand({ ...rule, Actions: actions }))).rejects.toThrow(Type);
    const { Rules } = await client.send(new elb.CreateRuleCommand({ ...rule, Actions: [fixed] }));
    const RuleArn = Rules?.[0]?.RuleArn;
    await expect(client.send(new elb.ModifyRuleCommand({ RuleArn, Actions: actions }))).rejects.toThrow(Type);
    await client.send(new elb.DeleteRuleCommand({ RuleArn }));
  });
});

describe("a listener", () => {
  let port = 1_000;
  it.each([
    ["redirects", redirect("HTTP_301")],
    ["redirects for a while", redirect("HTTP_302")],
    ["answers by itself", fixed],
  ])("that %s", async (_, action) => {
    const DefaultActions = [action];
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn,
        Protocol: "HTTP",
        Port: (port += 1),
        DefaultActions,
        Tags,
      }),
    );
    const arn = Listeners?.[0]?.ListenerArn;
    const shown = async () =>
      (await client.send(new elb.DescribeListenersCommand({ ListenerArns: [arn ?? ""] }))).Listeners?.[0];
    expect(await shown()).toMatchObject({ DefaultActions });
    expect(await tagsOf(arn)).toMatchObject(TAGGED);
    for (const next of [
      fixed,
      redirect("HTTP_302"),
      redirect("HTTP_301"),
      forward(await groupNamed(`l-${port}`)),
    ]) {
      await client.send(new elb.ModifyListenerCommand({ ListenerArn: arn, DefaultActions: [next] }));
      expect(await shown()).toMatchObject({ DefaultActions: [next] });
    }
  });

  it("that forwards to several groups", async () => {
    const DefaultActions = [forward(await groupNamed("weighted"))];
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({ LoadBalancerArn, Protocol: "HTTP", Port: 1_100, DefaultActions }),
    );
    expect(Listeners?.[0]).toMatchObject({ DefaultActions });
  });

  it("of TLS, with its policy and clients' certificates", async () => {
    const bundle = await trustBundle();
    const { TrustStores } = await client.send(
      new elb.CreateTrustStoreCommand({ Name: "mutual", ...bundle, Tags }),
    );
    const TrustStoreArn = TrustStores?.[0]?.TrustStoreArn;
    expect(await tagsOf(TrustStoreArn)).toMatchObject(TAGGED);
    await client.send(new elb.ModifyTrustStoreCommand({ TrustStoreArn, ...bundle }));
    const { CertificateArn } = await new ACMClient(api.client()).send(
      new RequestCertificateCommand({ DomainName: "a.example" }),
    );
    const mutual = (isLenient: boolean): elb.MutualAuthenticationAttributes => ({
      Mode: "verify",
      TrustStoreArn,
      IgnoreClientCertificateExpiry: isLenient,
      AdvertiseTrustStoreCaNames: isLenient ? "on" : "off",
    });
    const given = { SslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06", MutualAuthentication: mutual(false) };
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn,
        Protocol: "HTTPS",
        Port: 1_443,
        Certificates: [{ CertificateArn }],
        DefaultActions: [fixed],
        ...given,
      }),
    );
    expect(Listeners?.[0]).toMatchObject(given);
    const named = await client.send(
      new elb.CreateListenerCommand({
        ...{ LoadBalancerArn, Protocol: "HTTPS", Port: 1_444, Certificates: [{ CertificateArn }] },
        ...{ DefaultActions: [fixed], MutualAuthentication: mutual(true) },
      }),
    );
    expect(named.Listeners?.[0]?.MutualAuthentication).toMatchObject(mutual(true));
    const arn = Listeners?.[0]?.ListenerArn;
    const next = { SslPolicy: "ELBSecurityPolicy-TLS13-1-3-2021-06", MutualAuthentication: mutual(true) };
    const changed = await client.send(new elb.ModifyListenerCommand({ ListenerArn: arn, ...next }));
    expect(changed.Listeners?.[0]).toMatchObject(next);
    const strict = { MutualAuthentication: mutual(false) };
    const again = await client.send(new elb.ModifyListenerCommand({ ListenerArn: arn, ...strict }));
    expect(again.Listeners?.[0]).toMatchObject(strict);
    const plain = await client.send(
      new elb.ModifyListenerCommand({
        ListenerArn: arn,
        Protocol: "HTTP",
        MutualAuthentication: { Mode: "off" },
      }),
    );
    expect(plain.Listeners?.[0]?.Protocol).toBe("HTTP");
  });
});

/** A version of a bundle of certificates in a bucket. */
async function trustBundle() {
  const storage = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  const [Bucket, Key] = ["trust", "ca.pem"];
  await storage.send(new s3.CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: s3.BucketVersioningStatus.Enabled };
  await storage.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  const { caPem } = openAuthority(await newAuthority(Date.now()));
  const { VersionId } = await storage.send(new s3.PutObjectCommand({ Bucket, Key, Body: caPem }));
  await storage.send(new s3.PutObjectCommand({ Bucket, Key, Body: "no certificate" }));
  return {
    CaCertificatesBundleS3Bucket: Bucket,
    CaCertificatesBundleS3Key: Key,
    CaCertificatesBundleS3ObjectVersion: VersionId,
  };
}

describe("a rule", () => {
  let Priority = 0;
  const conditions: readonly elb.RuleCondition[] = [
    { Field: "host-header", HostHeaderConfig: { Values: ["a.example"] } },
    { Field: "host-header", HostHeaderConfig: { RegexValues: ["^a\\.example$"] } },
    { Field: "host-header", RegexValues: ["^b\\.example$"] },
    { Field: "path-pattern", PathPatternConfig: { Values: ["/a"] } },
    { Field: "path-pattern", PathPatternConfig: { RegexValues: ["^/b"] } },
    { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-a", Values: ["1"] } },
    { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-a", RegexValues: ["^1"] } },
    { Field: "query-string", QueryStringConfig: { Values: [{ Key: "a", Value: "1" }] } },
    { Field: "http-request-method", HttpRequestMethodConfig: { Values: ["GET"] } },
    { Field: "source-ip", SourceIpConfig: { Values: ["10.0.0.0/8"] } },
  ];
  const created = async (input: Partial<elb.CreateRuleCommandInput>) => {
    const all = { Conditions: [{ Field: "path-pattern", Values: ["/x"] }], Actions: [fixed], ...input };
    const { Rules } = await client.send(
      new elb.CreateRuleCommand({ ListenerArn, Priority: (Priority += 1), Tags, ...all }),
    );
    expect(await tagsOf(Rules?.[0]?.RuleArn)).toMatchObject(TAGGED);
    return Rules?.[0];
  };

  it.each(conditions.map((each) => [JSON.stringify(each), each] as const))(
    "with %s",
    async (_, condition) => {
      const made = await created({ Conditions: [condition] });
      expect(made).toMatchObject({ Conditions: [condition] });
      const other = await created({});
      const { Rules } = await client.send(
        new elb.ModifyRuleCommand({ RuleArn: other?.RuleArn, Conditions: [condition] }),
      );
      expect(Rules?.[0]).toMatchObject({ Conditions: [condition] });
    },
  );

  it("with each action", async () => {
    const group = await groupNamed("of-rules");
    const other = await created({});
    for (const action of [redirect("HTTP_301"), redirect("HTTP_302"), fixed, forward(group)]) {
      expect(await created({ Actions: [action] })).toMatchObject({ Actions: [action] });
      const change = new elb.ModifyRuleCommand({ RuleArn: other?.RuleArn, Actions: [action] });
      expect((await client.send(change)).Rules?.[0]).toMatchObject({ Actions: [action] });
    }
    const plain: elb.Action = { Type: "forward", TargetGroupArn: group };
    const change = new elb.ModifyRuleCommand({ RuleArn: other?.RuleArn, Actions: [plain] });
    expect((await client.send(change)).Rules?.[0]).toMatchObject({ Actions: [plain] });
  });

  it("with a path that is rewritten", async () => {
    const other = await created({});
    const rewrite = { Rewrites: [{ Regex: "^/a", Replace: "/b" }] };
    const Transforms: elb.RuleTransform[] = [{ Type: "url-rewrite", UrlRewriteConfig: rewrite }];
    const change = (input: Partial<elb.ModifyRuleCommandInput>) =>
      client.send(new elb.ModifyRuleCommand({ RuleArn: other?.RuleArn, ...input }));
    expect((await change({ Transforms, ResetTransforms: false })).Rules?.[0]).toMatchObject({ Transforms });
    expect((await change({ ResetTransforms: true })).Rules?.[0]?.Transforms ?? []).toEqual([]);
  });
});

describe("a target group", () => {
  const check = (HttpCode: string, HealthCheckPort: string, seconds: number) => ({
    HealthCheckProtocol: elb.ProtocolEnum.HTTP,
    HealthCheckPort,
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: seconds,
    HealthCheckTimeoutSeconds: seconds - 2,
    HealthyThresholdCount: 3,
    UnhealthyThresholdCount: 4,
    Matcher: { HttpCode },
  });

  it("with its health checks", async () => {
    const Name = "checked";
    const given = check("200-299", "8080", 20);
    const { TargetGroups } = await client.send(
      new elb.CreateTargetGroupCommand({
        Name,
        Protocol: "HTTP",
        Port: 80,
        VpcId,
        TargetType: "ip",
        Tags,
        ...given,
      }),
    );
    const shown = async () =>
      (await client.send(new elb.DescribeTargetGroupsCommand({ Names: [Name] }))).TargetGroups?.[0];
    expect(await shown()).toMatchObject(given);
    const TargetGroupArn = TargetGroups?.[0]?.TargetGroupArn;
    expect(await tagsOf(TargetGroupArn)).toMatchObject(TAGGED);
    const next = check("204", "traffic-port", 30);
    await client.send(new elb.ModifyTargetGroupCommand({ TargetGroupArn, ...next }));
    expect(await shown()).toMatchObject(next);
  });

  it("of gRPC", async () => {
    const Matcher = { GrpcCode: "0-5" };
    const { TargetGroups } = await client.send(
      new elb.CreateTargetGroupCommand({
        Name: "grpc",
        Protocol: "HTTP",
        ProtocolVersion: "GRPC",
        Port: 80,
        VpcId,
        TargetType: "ip",
        Matcher,
      }),
    );
    expect(TargetGroups?.[0]).toMatchObject({ Matcher });
  });

  it("whose targets are named by their ports", async () => {
    const TargetGroupArn = await groupNamed("ports");
    const { Subnets } = await network.send(
      new ec2.DescribeSubnetsCommand({ SubnetIds: subnets.slice(0, 1) }),
    );
    const Id = (Subnets?.[0]?.CidrBlock ?? "").replace(/\.0\/\d+$/, ".77");
    const Targets = [81, 82].map((Port) => ({ Id, Port }));
    await client.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets }));
    const one = { TargetGroupArn, Targets: Targets.slice(0, 1) };
    const shown = await client.send(new elb.DescribeTargetHealthCommand(one));
    expect(shown.TargetHealthDescriptions?.map(({ Target }) => Target)).toMatchObject(one.Targets);
    await client.send(new elb.DeregisterTargetsCommand(one));
    const { TargetHealthDescriptions = [] } = await client.send(
      new elb.DescribeTargetHealthCommand({ TargetGroupArn }),
    );
    const left = TargetHealthDescriptions.filter(({ TargetHealth }) => TargetHealth?.State !== "draining");
    expect(left.map(({ Target }) => Target?.Port)).toEqual([82]);
  });
});

it("a target group of instances takes instances alone", async () => {
  const command = new elb.CreateTargetGroupCommand({
    ...{ Name: "instances", Protocol: "HTTP", Port: 80, VpcId, TargetType: "instance" },
  });
  const created = client.send(command).then(
    ({ TargetGroups }) => TargetGroups?.[0]?.TargetType,
    (thrown: Error) => thrown.message,
  );
  expect(await created).toMatch(/instance/);
});
