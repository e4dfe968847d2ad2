import type { Balancer, BalancerAction, BalancerListener, BalancerTargetGroup } from "@gantry/agent-protocol";
import { BALANCER_ADDRESS, TARGET_ADDRESS } from "./real-proxy.ts";

export const GROUP = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:targetgroup/g/1";

export const says = (body: string): BalancerAction => ({
  type: "fixed-response",
  statusCode: 200,
  contentType: "text/plain",
  body,
});
export const listenerOn = (port: number, more: Partial<BalancerListener> = {}): BalancerListener => ({
  port,
  tls: false,
  certificates: [],
  rules: [],
  defaultAction: says("public"),
  ...more,
});
export const balancer = (name: string, listener: BalancerListener): Balancer => ({
  arn: `arn:${name}`,
  dnsName: `${name}.elb.localhost`,
  vpcId: "vpc-1",
  addresses: [BALANCER_ADDRESS],
  internetFacing: true,
  idleTimeoutSeconds: 60,
  listeners: [listener],
});
export const group = (more: Partial<BalancerTargetGroup> = {}): BalancerTargetGroup => ({
  arn: GROUP,
  vpcId: "vpc-1",
  protocol: "HTTP",
  healthCheck: {
    enabled: false,
    protocol: "HTTP",
    port: "traffic-port",
    path: "/health",
    intervalSeconds: 5,
    timeoutSeconds: 2,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
    matcher: "200",
  },
  algorithm: "round_robin",
  stickySeconds: undefined,
  slowStartSeconds: 0,
  sourceAddress: BALANCER_ADDRESS,
  targets: [{ address: TARGET_ADDRESS, port: 8_080, isNew: false, draining: false }],
  ...more,
});
export const forward: BalancerAction = {
  type: "forward",
  targets: [{ targetGroupArn: GROUP, weight: 1 }],
  stickySeconds: undefined,
};
