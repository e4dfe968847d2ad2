import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { newTarget, targetKeyOf } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QUOTAS } from "./quotas.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const fixed = { Type: "fixed-response" as const, FixedResponseConfig: { StatusCode: "200" } };
const conditions = [{ Field: "path-pattern", Values: ["/x"] }];
let vpcId = "";
let subnets: string[] = [];
let LoadBalancerArn = "";
let ListenerArn = "";

const newBalancer = (Name: string, Type: elb.LoadBalancerTypeEnum = "application") =>
  client.send(new elb.CreateLoadBalancerCommand({ Name, Type, Subnets: subnets }));
const newGroup = async (Name: string, more: Partial<elb.CreateTargetGroupCommandInput> = {}) => {
  const input = { Name, Protocol: "HTTP" as const, Port: 80, TargetType: "ip" as const, VpcId: vpcId };
  const { TargetGroups } = await client.send(new elb.CreateTargetGroupCommand({ ...input, ...more }));
  return TargetGroups?.[0]?.TargetGroupArn ?? "";
};
const forwardTo = (arns: readonly string[]) => ({
  Type: "forward" as const,
  ForwardConfig: { TargetGroups: arns.map((TargetGroupArn) => ({ TargetGroupArn, Weight: 1 })) },
});
const newRule = (Priority: number, action: elb.Action = fixed) =>
  client.send(
    new elb.CreateRuleCommand({ ListenerArn, Priority, Conditions: conditions, Actions: [action] }),
  );
/** Copies of a record under other keys, as many as fill a quota. */
const fill = (count: number, put: (index: number) => void) => {
  for (let index = 0; index < count; index++) put(index);
};

beforeAll(async () => {
  const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  vpcId = Subnets[0]?.VpcId ?? "";
  subnets = Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? "");
  const { LoadBalancers } = await newBalancer("web");
  LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  const { Listeners } = await client.send(
    new elb.CreateListenerCommand({ LoadBalancerArn, Protocol: "HTTP", Port: 80, DefaultActions: [fixed] }),
  );
  ListenerArn = Listeners?.[0]?.ListenerArn ?? "";
});

describe("a quota that is reached is refused in ELB's words", () => {
  it("for load balancers, of each type on its own", async () => {
    const [balancer] = api.store.list("loadBalancer");
    if (balancer === undefined) throw new Error("The load balancer is there.");
    const copies = Array.from({ length: QUOTAS.loadBalancers - 1 }, (_, index) => ({
      ...balancer,
      arn: `${balancer.arn}${index}`,
      name: `copy-${index}`,
    }));
    api.store.transact((tx) => copies.forEach((copy) => tx.put("loadBalancer", copy.arn, copy)));
    await expect(newBalancer("one-more")).rejects.toMatchObject({
      name: "TooManyLoadBalancersException",
      message: "The maximum number of load balancers has been reached",
    });
    await newBalancer("flows", "network");
    api.store.transact((tx) => copies.forEach((copy) => tx.delete("loadBalancer", copy.arn)));
  });

  it("for listeners and rules of a load balancer", async () => {
    const [listener] = api.store.listBy("listener", "loadBalancer", LoadBalancerArn);
    if (listener === undefined) throw new Error("The listener is there.");
    const arnOf = (index: number) => `${listener.arn}${index}`;
    api.store.transact((tx) =>
      fill(QUOTAS.listeners - 1, (index) =>
        tx.put("listener", arnOf(index), { ...listener, arn: arnOf(index), port: 1_000 + index }),
      ),
    );
    const create = new elb.CreateListenerCommand({
      ...{ LoadBalancerArn, Protocol: "HTTP", Port: 81, DefaultActions: [fixed] },
    });
    await expect(client.send(create)).rejects.toMatchObject({
      name: "TooManyListenersException",
      message: `The maximum number of listeners on load balancer ${LoadBalancerArn} has been reached`,
    });
    api.store.transact((tx) => fill(QUOTAS.listeners - 1, (index) => tx.delete("listener", arnOf(index))));

    for (let priority = 1; priority <= QUOTAS.rules; priority++) await newRule(priority);
    await expect(newRule(QUOTAS.rules + 1)).rejects.toMatchObject({
      name: "TooManyRulesException",
      message: `The maximum number of rules on load balancer ${LoadBalancerArn} has been reached`,
    });
  });

  it("for target groups that one application load balancer leads to, each counted once", async () => {
    const arns: string[] = [];
    for (let index = 0; index <= QUOTAS.groupsPerLoadBalancer; index++)
      arns.push(await newGroup(`group-${index}`));
    const rules = api.store.listBy("rule", "listener", ListenerArn);
    const point = (rule: number, groups: readonly string[]) =>
      client.send(new elb.ModifyRuleCommand({ RuleArn: rules[rule]?.arn, Actions: [forwardTo(groups)] }));
    for (let rule = 0; rule < QUOTAS.groupsPerLoadBalancer / 5; rule++)
      await point(rule, arns.slice(rule * 5, rule * 5 + 5));
    await point(50, arns.slice(0, 5));
    const refusal = {
      name: "TooManyUniqueTargetGroupsPerLoadBalancerException",
      message:
        "You have reached the maximum number of unique target groups that you can associate with a load balancer " +
        "of type 'application': [100]",
    };
    const extra = forwardTo(arns.slice(QUOTAS.groupsPerLoadBalancer));
    await expect(point(51, arns.slice(QUOTAS.groupsPerLoadBalancer))).rejects.toMatchObject(refusal);
    await expect(
      client.send(new elb.ModifyListenerCommand({ ListenerArn, DefaultActions: [extra] })),
    ).rejects.toMatchObject(refusal);
    // The refused change left nothing behind.
    expect(api.store.get("listener", ListenerArn)?.defaultActions).toMatchObject([
      { type: "fixed-response" },
    ]);
    await expect(point(52, arns.slice(0, 6))).rejects.toMatchObject({ name: "TooManyTargetGroupsException" });
  });

  it("for targets of a target group", async () => {
    const targetGroupArn = await newGroup("full");
    api.store.transact((tx) =>
      fill(QUOTAS.targetsPerGroup, (index) => {
        const place = { targetGroupArn, address: `10.1.${index >> 8}.${index & 255}`, port: 80 };
        tx.put("target", targetKeyOf(place), newTarget(place, undefined, 0));
      }),
    );
    const more = { Id: "10.2.0.1", AvailabilityZone: "all" };
    await expect(
      client.send(new elb.RegisterTargetsCommand({ TargetGroupArn: targetGroupArn, Targets: [more] })),
    ).rejects.toMatchObject({
      name: "TooManyTargetsException",
      message:
        "The maximum number of targets per target group '1000' has been reached on target group " +
        `'${targetGroupArn}'`,
    });
    expect(api.store.listBy("target", "group", targetGroupArn)).toHaveLength(QUOTAS.targetsPerGroup);
  });

  it("for target groups of a region", async () => {
    const [group] = api.store.list("targetGroup");
    if (group === undefined) throw new Error("A target group is there.");
    const missing = QUOTAS.targetGroups - api.store.list("targetGroup").length;
    const arnOf = (index: number) => `${group.arn}x${index}`;
    api.store.transact((tx) =>
      fill(missing, (index) =>
        tx.put("targetGroup", arnOf(index), { ...group, arn: arnOf(index), name: `copy-${index}` }),
      ),
    );
    await expect(newGroup("one-more")).rejects.toMatchObject({
      name: "TooManyTargetGroupsException",
      message: "The maximum number of target groups has been reached",
    });
    api.store.transact((tx) => fill(missing, (index) => tx.delete("targetGroup", arnOf(index))));
  });

  it("for certificates of a listener", async () => {
    const two = [{ CertificateArn: "arn:one" }, { CertificateArn: "arn:two" }];
    const refusal = {
      name: "TooManyCertificatesException",
      message: "Up to '1' certificate ARNs can be specified, but '2' were specified",
    };
    await expect(
      client.send(
        new elb.CreateListenerCommand({
          ...{ LoadBalancerArn, Protocol: "HTTPS", Port: 443, DefaultActions: [fixed], Certificates: two },
        }),
      ),
    ).rejects.toMatchObject(refusal);
    await expect(
      client.send(new elb.ModifyListenerCommand({ ListenerArn, Protocol: "HTTPS", Certificates: two })),
    ).rejects.toMatchObject(refusal);
  });

  it("for tags, at creation and afterwards", async () => {
    const tags = Array.from({ length: QUOTAS.tags }, (_, index) => ({ Key: `key-${index}`, Value: "x" }));
    const arn = await newGroup("tagged", { Tags: tags });
    const add = (...Tags: elb.Tag[]) => client.send(new elb.AddTagsCommand({ ResourceArns: [arn], Tags }));
    await add({ Key: "key-0", Value: "another" });
    const refusal = {
      name: "TooManyTagsException",
      message: "You've reached the limit on the number of tags for this resource.",
    };
    await expect(add({ Key: "more", Value: "" })).rejects.toMatchObject(refusal);
    await expect(newGroup("tags", { Tags: [...tags, { Key: "more" }] })).rejects.toMatchObject(refusal);
    const twice = [
      { Key: "a", Value: "1" },
      { Key: "a", Value: "2" },
    ];
    await expect(newGroup("twice", { Tags: twice })).rejects.toMatchObject({
      name: "DuplicateTagKeysException",
      message: "A tag key was specified more than once.",
    });
  });
});

it("names the limits that it holds", async () => {
  const { Limits = [] } = await client.send(new elb.DescribeAccountLimitsCommand({}));
  expect(Object.fromEntries(Limits.map((limit) => [limit.Name, limit.Max]))).toMatchObject({
    "application-load-balancers": "50",
    "network-load-balancers": "50",
    "target-groups-per-application-load-balancer": "100",
    "condition-values-per-alb-rule": "5",
  });
});
