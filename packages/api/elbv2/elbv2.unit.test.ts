import * as acm from "@aws-sdk/client-acm";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const network = new ec2.EC2Client(api.client());
const certificates = new acm.ACMClient(api.client());
const FIXED: elb.Action = { Type: "fixed-response", FixedResponseConfig: { StatusCode: "404" } };
let vpcId = "";
let balancerArn = "";
let groupArn = "";

beforeAll(async () => {
  vpcId = (await network.send(new ec2.DescribeVpcsCommand({}))).Vpcs?.[0]?.VpcId ?? "";
  balancerArn = await newBalancer("first");
  groupArn = await newGroup("first");
});

async function newBalancer(Name: string): Promise<string> {
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const { LoadBalancers } = await client.send(
    new elb.CreateLoadBalancerCommand({
      Name,
      Subnets: Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? ""),
    }),
  );
  return LoadBalancers?.[0]?.LoadBalancerArn ?? "";
}

async function newGroup(Name: string): Promise<string> {
  const { TargetGroups } = await client.send(
    new elb.CreateTargetGroupCommand({ Name, Protocol: "HTTP", Port: 80, TargetType: "ip", VpcId: vpcId }),
  );
  return TargetGroups?.[0]?.TargetGroupArn ?? "";
}

async function newListener(Port: number, action: elb.Action = FIXED): Promise<string> {
  const { Listeners } = await client.send(
    new elb.CreateListenerCommand({
      LoadBalancerArn: balancerArn,
      Protocol: "HTTP",
      Port,
      DefaultActions: [action],
    }),
  );
  return Listeners?.[0]?.ListenerArn ?? "";
}

const certificate = async (DomainName: string) =>
  (await certificates.send(new acm.RequestCertificateCommand({ DomainName }))).CertificateArn ?? "";

describe("load balancers", () => {
  it("describes the attributes and sets the security groups of its interfaces", async () => {
    const arn = await newBalancer("groups");
    const { Attributes = [] } = await client.send(
      new elb.DescribeLoadBalancerAttributesCommand({ LoadBalancerArn: arn }),
    );
    expect(Attributes).toContainEqual({ Key: "idle_timeout.timeout_seconds", Value: "60" });
    const { GroupId = "" } = await network.send(
      new ec2.CreateSecurityGroupCommand({ GroupName: "web", Description: "web", VpcId: vpcId }),
    );
    await client.send(new elb.SetSecurityGroupsCommand({ LoadBalancerArn: arn, SecurityGroups: [GroupId] }));
    const record = api.store.get("loadBalancer", arn);
    expect(record?.securityGroups).toEqual([GroupId]);
    for (const id of record?.networkInterfaceIds ?? [])
      expect(api.store.get("networkInterface", id)?.securityGroups).toEqual([GroupId]);
    await expect(
      client.send(new elb.SetSecurityGroupsCommand({ LoadBalancerArn: arn, SecurityGroups: ["sg-0"] })),
    ).rejects.toMatchObject({ name: "InvalidSecurityGroupException" });
  });

  it("is deleted with its listeners and interfaces", async () => {
    const arn = await newBalancer("deleted");
    const enis = api.store.get("loadBalancer", arn)?.networkInterfaceIds ?? [];
    await client.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: arn }));
    expect(api.store.get("loadBalancer", arn)).toBeUndefined();
    expect(enis.map((id) => api.store.get("networkInterface", id))).toEqual([undefined, undefined]);
  });

  it("lists the limits", async () => {
    const { Limits = [] } = await client.send(new elb.DescribeAccountLimitsCommand({}));
    expect(Limits).toContainEqual({ Name: "listeners-per-application-load-balancer", Max: "50" });
  });

  it("adds and removes tags", async () => {
    const ResourceArns = [balancerArn];
    await client.send(new elb.AddTagsCommand({ ResourceArns, Tags: [{ Key: "a", Value: "b" }] }));
    const tags = async () =>
      (await client.send(new elb.DescribeTagsCommand({ ResourceArns }))).TagDescriptions?.[0]?.Tags;
    expect(await tags()).toEqual([{ Key: "a", Value: "b" }]);
    await client.send(new elb.RemoveTagsCommand({ ResourceArns, TagKeys: ["a"] }));
    expect(await tags()).toEqual([]);
  });
});

describe("listeners and rules", () => {
  it("creates, changes and deletes a listener; a port has one", async () => {
    const ListenerArn = await newListener(81);
    await expect(newListener(81)).rejects.toMatchObject({ name: "DuplicateListenerException" });
    const { Listeners: listed } = await client.send(
      new elb.DescribeListenersCommand({ LoadBalancerArn: balancerArn }),
    );
    expect(listed?.map((each) => each.ListenerArn)).toContain(ListenerArn);
    const forward: elb.Action = { Type: "forward", TargetGroupArn: groupArn };
    await client.send(new elb.ModifyListenerCommand({ ListenerArn, Port: 82, DefaultActions: [forward] }));
    expect(api.store.get("listener", ListenerArn)).toMatchObject({
      port: 82,
      defaultActions: [{ type: "forward", targets: [{ targetGroupArn: groupArn, weight: 1 }] }],
    });
    const { Attributes } = await client.send(new elb.DescribeListenerAttributesCommand({ ListenerArn }));
    expect(Attributes).toContainEqual({ Key: "routing.http.response.server.enabled", Value: "true" });
    await client.send(new elb.DeleteListenerCommand({ ListenerArn }));
    expect(api.store.get("listener", ListenerArn)).toBeUndefined();
  });

  it("refuses a condition value that is too long, in ELB's words", async () => {
    const ListenerArn = await newListener(83);
    const rule = (condition: elb.RuleCondition) =>
      client.send(
        new elb.CreateRuleCommand({ ListenerArn, Priority: 1, Conditions: [condition], Actions: [FIXED] }),
      );
    await expect(rule({ Field: "host-header", Values: ["a".repeat(129)] })).rejects.toMatchObject({
      name: "ValidationError",
      message: "The 'host-header' value is too long; the limit is '128'",
    });
    const HttpRequestMethodConfig = { Values: ["A".repeat(41)] };
    await expect(rule({ Field: "http-request-method", HttpRequestMethodConfig })).rejects.toThrow(
      "The 'http-request-method' value is too long; the limit is '40'",
    );
    await client.send(new elb.DeleteListenerCommand({ ListenerArn }));
  });

  it("adds and removes certificates, but not the default one", async () => {
    const [own, more] = [await certificate("a.example.com"), await certificate("b.example.com")];
    const { Listeners } = await client.send(
      new elb.CreateListenerCommand({
        LoadBalancerArn: balancerArn,
        Protocol: "HTTPS",
        Port: 443,
        Certificates: [{ CertificateArn: own }],
        DefaultActions: [FIXED],
      }),
    );
    const ListenerArn = Listeners?.[0]?.ListenerArn ?? "";
    const both = { ListenerArn, Certificates: [{ CertificateArn: own }, { CertificateArn: more }] };
    await client.send(new elb.AddListenerCertificatesCommand(both));
    const { Certificates } = await client.send(new elb.DescribeListenerCertificatesCommand({ ListenerArn }));
    expect(Certificates).toEqual([
      { CertificateArn: own, IsDefault: true },
      { CertificateArn: own, IsDefault: false },
      { CertificateArn: more, IsDefault: false },
    ]);
    await client.send(new elb.RemoveListenerCertificatesCommand(both));
    expect(api.store.get("listener", ListenerArn)?.certificates).toEqual([own]);
  });

  it("changes, reorders and deletes rules, and keeps the weights of an action", async () => {
    const ListenerArn = await newListener(83);
    const Conditions = [{ Field: "path-pattern", Values: ["/a"] }];
    const rule = async (Priority: number) =>
      (await client.send(new elb.CreateRuleCommand({ ListenerArn, Priority, Conditions, Actions: [FIXED] })))
        .Rules?.[0]?.RuleArn ?? "";
    const [first, second] = [await rule(1), await rule(2)];
    const other = await newGroup("weighted");
    const TargetGroups = [
      { TargetGroupArn: groupArn, Weight: 90 },
      { TargetGroupArn: other, Weight: 10 },
    ];
    const Actions: elb.Action[] = [{ Type: "forward", ForwardConfig: { TargetGroups } }];
    await client.send(new elb.ModifyRuleCommand({ RuleArn: first, Actions }));
    await client.send(
      new elb.SetRulePrioritiesCommand({ RulePriorities: [{ RuleArn: first, Priority: 3 }] }),
    );
    expect(api.store.get("rule", first)).toMatchObject({
      priority: 3,
      actions: [{ targets: [{ weight: 90 }, { weight: 10 }] }],
    });
    await expect(
      client.send(new elb.SetRulePrioritiesCommand({ RulePriorities: [{ RuleArn: first, Priority: 2 }] })),
    ).rejects.toMatchObject({ name: "PriorityInUseException" });
    const { Rules } = await client.send(new elb.DescribeRulesCommand({ ListenerArn }));
    expect(Rules?.map((each) => each.Priority)).toEqual(["2", "3", "default"]);
    const paged = await client.send(new elb.DescribeRulesCommand({ ListenerArn, PageSize: 2 }));
    const last = await client.send(new elb.DescribeRulesCommand({ ListenerArn, Marker: paged.NextMarker }));
    expect(last.Rules?.map((each) => each.Priority)).toEqual(["default"]);
    await client.send(new elb.DeleteRuleCommand({ RuleArn: second }));
    expect(api.store.get("rule", second)).toBeUndefined();
  });
});

describe("target groups", () => {
  it("changes the health check, and refuses an invalid one", async () => {
    await client.send(
      new elb.ModifyTargetGroupCommand({ TargetGroupArn: groupArn, HealthCheckPath: "/health" }),
    );
    expect(api.store.get("targetGroup", groupArn)?.healthCheck.path).toBe("/health");
    await expect(
      client.send(
        new elb.ModifyTargetGroupCommand({ TargetGroupArn: groupArn, HealthCheckTimeoutSeconds: 60 }),
      ),
    ).rejects.toThrow("must be smaller than the interval");
    const { Attributes } = await client.send(
      new elb.DescribeTargetGroupAttributesCommand({ TargetGroupArn: groupArn }),
    );
    expect(Attributes).toContainEqual({ Key: "deregistration_delay.timeout_seconds", Value: "300" });
  });

  it("registers a target, drains it, and is deleted with it", async () => {
    const TargetGroupArn = await newGroup("targets");
    const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
    const Targets = [{ Id: Subnets[0]?.CidrBlock?.replace(/\d+\/\d+$/, "77") ?? "" }];
    await client.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets }));
    const health = async () =>
      (await client.send(new elb.DescribeTargetHealthCommand({ TargetGroupArn })))
        .TargetHealthDescriptions?.[0]?.TargetHealth?.State;
    expect(await health()).toBe("initial");
    await client.send(new elb.DeregisterTargetsCommand({ TargetGroupArn, Targets }));
    expect(await health()).toBe("draining");
    await client.send(new elb.DeleteTargetGroupCommand({ TargetGroupArn }));
    expect(api.store.get("targetGroup", TargetGroupArn)).toBeUndefined();
    expect(api.store.listBy("target", "group", TargetGroupArn)).toEqual([]);
  });
});
