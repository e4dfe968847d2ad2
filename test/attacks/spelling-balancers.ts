import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Calls, Clients, Target } from "./spelling-targets.ts";

const Tags = [{ Key: "a", Value: "b" }];
const answer = (body: string): elb.Action[] => [
  { Type: "fixed-response", FixedResponseConfig: { StatusCode: "200", MessageBody: body } },
];
const path = (value: string): elb.RuleCondition[] => [{ Field: "path-pattern", Values: [value] }];
const TAGGING: Calls = {
  AddTags: ({ elb: client }, arn) => client.send(new elb.AddTagsCommand({ ResourceArns: [arn], Tags })),
  RemoveTags: ({ elb: client }, arn) =>
    client.send(new elb.RemoveTagsCommand({ ResourceArns: [arn], TagKeys: ["a"] })),
};
const TAGS_READ: Calls = {
  DescribeTags: ({ elb: client }, arn) => client.send(new elb.DescribeTagsCommand({ ResourceArns: [arn] })),
};

/** A load balancer, its listener, its rule and a target group, with every operation that takes the ARN of one. */
export async function elbTargets(root: Clients): Promise<readonly Target[]> {
  const { Vpcs = [] } = await root.ec2.send(new ec2.DescribeVpcsCommand({}));
  const { Subnets = [] } = await root.ec2.send(new ec2.DescribeSubnetsCommand({}));
  const balancers = await root.elb.send(
    new elb.CreateLoadBalancerCommand({
      Name: "prod",
      Subnets: Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? ""),
    }),
  );
  const LoadBalancerArn = balancers.LoadBalancers?.[0]?.LoadBalancerArn ?? "";
  const DefaultActions = answer("default");
  const listeners = await root.elb.send(
    new elb.CreateListenerCommand({ LoadBalancerArn, Protocol: "HTTP", Port: 80, DefaultActions }),
  );
  const ListenerArn = listeners.Listeners?.[0]?.ListenerArn ?? "";
  const groups = await root.elb.send(
    new elb.CreateTargetGroupCommand({
      Name: "prod",
      Protocol: "HTTP",
      Port: 80,
      TargetType: "ip",
      VpcId: Vpcs[0]?.VpcId,
    }),
  );
  const TargetGroupArn = groups.TargetGroups?.[0]?.TargetGroupArn ?? "";
  const rules = await root.elb.send(
    new elb.CreateRuleCommand({
      ListenerArn,
      Priority: 1,
      Conditions: path("/a"),
      Actions: [{ Type: "forward", TargetGroupArn }],
    }),
  );
  return [
    balancerTarget(LoadBalancerArn),
    listenerTarget(ListenerArn),
    ruleTarget(rules.Rules?.[0]?.RuleArn ?? ""),
    groupTarget(TargetGroupArn),
  ];
}

function balancerTarget(arn: string): Target {
  return {
    arn,
    names: [arn],
    calls: {
      ...TAGGING,
      ModifyLoadBalancerAttributes: ({ elb: client }, LoadBalancerArn) =>
        client.send(
          new elb.ModifyLoadBalancerAttributesCommand({
            LoadBalancerArn,
            Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "61" }],
          }),
        ),
      SetSecurityGroups: ({ elb: client }, LoadBalancerArn) =>
        client.send(new elb.SetSecurityGroupsCommand({ LoadBalancerArn, SecurityGroups: [] })),
      CreateListener: ({ elb: client }, LoadBalancerArn) =>
        client.send(
          new elb.CreateListenerCommand({
            LoadBalancerArn,
            Protocol: "HTTP",
            Port: 81,
            DefaultActions: answer("x"),
          }),
        ),
      DeleteLoadBalancer: ({ elb: client }, LoadBalancerArn) =>
        client.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn })),
    },
    reads: {
      ...TAGS_READ,
      DescribeLoadBalancers: ({ elb: client }, each) =>
        client.send(new elb.DescribeLoadBalancersCommand({ LoadBalancerArns: [each] })),
      DescribeLoadBalancerAttributes: ({ elb: client }, LoadBalancerArn) =>
        client.send(new elb.DescribeLoadBalancerAttributesCommand({ LoadBalancerArn })),
      DescribeListeners: ({ elb: client }, LoadBalancerArn) =>
        client.send(new elb.DescribeListenersCommand({ LoadBalancerArn })),
      DescribeTargetGroups: ({ elb: client }, LoadBalancerArn) =>
        client.send(new elb.DescribeTargetGroupsCommand({ LoadBalancerArn })),
    },
  };
}

function listenerTarget(arn: string): Target {
  return {
    arn,
    names: [arn],
    calls: {
      ...TAGGING,
      ModifyListener: ({ elb: client }, ListenerArn) =>
        client.send(new elb.ModifyListenerCommand({ ListenerArn, Port: 82 })),
      CreateRule: ({ elb: client }, ListenerArn) =>
        client.send(
          new elb.CreateRuleCommand({
            ListenerArn,
            Priority: 2,
            Conditions: path("/b"),
            Actions: answer("b"),
          }),
        ),
      DeleteListener: ({ elb: client }, ListenerArn) =>
        client.send(new elb.DeleteListenerCommand({ ListenerArn })),
    },
    reads: {
      ...TAGS_READ,
      DescribeListeners: ({ elb: client }, each) =>
        client.send(new elb.DescribeListenersCommand({ ListenerArns: [each] })),
      DescribeListenerAttributes: ({ elb: client }, ListenerArn) =>
        client.send(new elb.DescribeListenerAttributesCommand({ ListenerArn })),
      DescribeListenerCertificates: ({ elb: client }, ListenerArn) =>
        client.send(new elb.DescribeListenerCertificatesCommand({ ListenerArn })),
      DescribeRules: ({ elb: client }, ListenerArn) =>
        client.send(new elb.DescribeRulesCommand({ ListenerArn })),
    },
  };
}

function ruleTarget(arn: string): Target {
  return {
    arn,
    names: [arn],
    calls: {
      ...TAGGING,
      ModifyRule: ({ elb: client }, RuleArn) =>
        client.send(new elb.ModifyRuleCommand({ RuleArn, Conditions: path("/c") })),
      SetRulePriorities: ({ elb: client }, RuleArn) =>
        client.send(new elb.SetRulePrioritiesCommand({ RulePriorities: [{ RuleArn, Priority: 9 }] })),
      DeleteRule: ({ elb: client }, RuleArn) => client.send(new elb.DeleteRuleCommand({ RuleArn })),
    },
    reads: {
      ...TAGS_READ,
      DescribeRules: ({ elb: client }, each) =>
        client.send(new elb.DescribeRulesCommand({ RuleArns: [each] })),
    },
  };
}

function groupTarget(arn: string): Target {
  return {
    arn,
    names: [arn],
    calls: {
      ...TAGGING,
      ModifyTargetGroup: ({ elb: client }, TargetGroupArn) =>
        client.send(new elb.ModifyTargetGroupCommand({ TargetGroupArn, HealthCheckPath: "/x" })),
      ModifyTargetGroupAttributes: ({ elb: client }, TargetGroupArn) =>
        client.send(
          new elb.ModifyTargetGroupAttributesCommand({
            TargetGroupArn,
            Attributes: [{ Key: "stickiness.enabled", Value: "true" }],
          }),
        ),
      RegisterTargets: ({ elb: client }, TargetGroupArn) =>
        client.send(
          new elb.RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: "172.31.0.9", Port: 80 }] }),
        ),
      DeregisterTargets: ({ elb: client }, TargetGroupArn) =>
        client.send(new elb.DeregisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: "172.31.0.9" }] })),
      DeleteTargetGroup: ({ elb: client }, TargetGroupArn) =>
        client.send(new elb.DeleteTargetGroupCommand({ TargetGroupArn })),
    },
    reads: {
      ...TAGS_READ,
      DescribeTargetGroups: ({ elb: client }, each) =>
        client.send(new elb.DescribeTargetGroupsCommand({ TargetGroupArns: [each] })),
      DescribeTargetGroupAttributes: ({ elb: client }, TargetGroupArn) =>
        client.send(new elb.DescribeTargetGroupAttributesCommand({ TargetGroupArn })),
      DescribeTargetHealth: ({ elb: client }, TargetGroupArn) =>
        client.send(new elb.DescribeTargetHealthCommand({ TargetGroupArn })),
    },
  };
}
