import { DescribeSubnetsCommand, EC2Client, type EC2ClientConfig } from "@aws-sdk/client-ec2";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";

/** Creates a load balancer with a listener that forwards to a target group, by the API. */
export async function createBalancer(client: EC2ClientConfig, Name: string) {
  const elb = new ElasticLoadBalancingV2Client(client);
  const { Subnets = [] } = await new EC2Client(client).send(new DescribeSubnetsCommand({}));
  const subnets = Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId);
  const { LoadBalancers } = await elb.send(new CreateLoadBalancerCommand({ Name, Subnets: subnets }));
  const { TargetGroups } = await elb.send(
    new CreateTargetGroupCommand({
      ...{ Name, TargetType: "ip", Protocol: "HTTP", Port: 80, VpcId: Subnets[0]?.VpcId },
    }),
  );
  const [LoadBalancerArn = "", targetGroupArn = ""] = [
    LoadBalancers?.[0]?.LoadBalancerArn,
    TargetGroups?.[0]?.TargetGroupArn,
  ];
  const { Listeners } = await elb.send(
    new CreateListenerCommand({
      ...{ LoadBalancerArn, Protocol: "HTTP", Port: 80 },
      DefaultActions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    }),
  );
  return {
    subnets,
    targetGroupArn,
    listenerArn: Listeners?.[0]?.ListenerArn ?? "",
    /** The dimensions of their metrics. */
    balancer: LoadBalancerArn.split(":loadbalancer/")[1] ?? "",
    group: targetGroupArn.split(":").at(-1) ?? "",
  };
}
