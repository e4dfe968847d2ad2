import type { ListenerRecord, Transaction } from "@gantry/state";
import { PLACE } from "./place.ts";

export const BALANCER = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/b/1";
const LISTENER = `${BALANCER}/l`;
/** The role with which ECS changes rules and calls hooks in a world. */
export const INFRASTRUCTURE_ROLE = "arn:aws:iam::000000000000:role/ecs-infrastructure";

/**
 * What a service has for each entry of its `loadBalancers`: a port of its container, and for a strategy that
 * shifts traffic two target groups and the rules that are modified.
 */
export interface Pair {
  readonly group: string;
  readonly alternate: string;
  readonly production: string;
  readonly test: string;
  readonly port: number;
}

/** A world has two of them; most services have the first. */
export const PAIRS: readonly [Pair, Pair] = [pairOf("", 80), pairOf("2", 81)];
export const ALTERNATE_GROUP = PAIRS[0].alternate;

function pairOf(suffix: string, port: number): Pair {
  const group = (name: string): string =>
    `arn:aws:elasticloadbalancing:eu-south-1:000000000000:targetgroup/${name}${suffix}/1`;
  const rule = (name: string): string => `${LISTENER}/${name}${suffix}`;
  return {
    group: group("g"),
    alternate: group("h"),
    production: rule("production"),
    test: rule("test"),
    port,
  };
}

/** The action of a listener or rule until traffic is shifted. */
function forwardTo(targetGroupArn: string): ListenerRecord["defaultActions"] {
  return [{ type: "forward", targets: [{ targetGroupArn, weight: 1 }], stickySeconds: undefined }];
}

/**
 * Writes the load balancer with its listener, rules and target groups, and the role with which ECS changes
 * its rules.
 */
export function putBalancer(tx: Transaction): void {
  putLoadBalancerOnly(tx);
  tx.put("listener", LISTENER, {
    ...PLACE,
    arn: LISTENER,
    loadBalancerArn: BALANCER,
    port: 80,
    protocol: "HTTP",
    certificates: [],
    sslPolicy: undefined,
    defaultActions: forwardTo(PAIRS[0].group),
    tags: {},
  });
  putInfrastructureRole(tx);
  for (const [index, { group, alternate, production, test, port }] of PAIRS.entries()) {
    for (const [priority, arn] of [production, test].entries())
      tx.put("rule", arn, {
        ...PLACE,
        arn,
        listenerArn: LISTENER,
        priority: 2 * index + priority + 1,
        conditions: [{ field: "path-pattern", values: ["*"] }],
        actions: forwardTo(group),
        tags: {},
      });
    for (const arn of [group, alternate]) putGroup(tx, { arn, name: nameOfGroup(arn), port });
  }
}

function nameOfGroup(arn: string): string {
  return arn.split("/")[1] ?? "";
}

function putLoadBalancerOnly(tx: Transaction): void {
  const eni = "eni-00000000000000001";
  tx.put("networkInterface", eni, {
    ...PLACE,
    id: eni,
    vpcId: "vpc-1",
    subnetId: "subnet-1",
    privateIp: "10.0.127.250",
    mac: "02:00:00:00:00:01",
    securityGroups: [],
    publicIp: undefined,
    type: "interface",
    description: "ELB app/b/1",
    owner: { type: "loadBalancer", key: BALANCER },
    nodeId: undefined,
    ready: true,
    createdAt: 0,
    tags: {},
  });
  tx.put("loadBalancer", BALANCER, {
    ...PLACE,
    arn: BALANCER,
    name: "b",
    dnsName: "b.elb.localhost",
    scheme: "internet-facing",
    vpcId: "vpc-1",
    subnetIds: ["subnet-1"],
    securityGroups: [],
    networkInterfaceIds: [eni],
    attributes: {},
    state: "active",
    hostPorts: {},
    createdAt: 0,
    tags: {},
  });
}

function putInfrastructureRole(tx: Transaction): void {
  tx.put("role", INFRASTRUCTURE_ROLE, {
    type: "role",
    account: PLACE.account,
    arn: INFRASTRUCTURE_ROLE,
    id: "AROA1",
    name: "ecs-infrastructure",
    path: "/",
    description: undefined,
    permissionsBoundary: undefined,
    maxSessionSeconds: 3_600,
    trustPolicy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" }],
    }),
    inlinePolicies: {},
    attachedPolicies: [],
    createdAt: 0,
    tags: {},
  });
}

function putGroup(tx: Transaction, { arn, name, port }: { arn: string; name: string; port: number }): void {
  tx.put("targetGroup", arn, {
    ...PLACE,
    arn,
    name,
    protocol: "HTTP",
    port,
    vpcId: "vpc-1",
    targetType: "ip",
    healthCheck: {
      enabled: true,
      protocol: "HTTP",
      port: "traffic-port",
      path: "/",
      intervalSeconds: 5,
      timeoutSeconds: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
      matcher: "200",
    },
    attributes: {},
    createdAt: 0,
    tags: {},
  });
}
