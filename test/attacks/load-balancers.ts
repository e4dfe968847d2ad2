import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import { startApi } from "@gantry/testkit";

/** The API with a load balancer and a target group in the default VPC. */
export async function openLoadBalancer() {
  const api = await startApi();
  const elb = new elbv2.ElasticLoadBalancingV2Client(api.client());
  const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  const [first, second] = Subnets;
  const newBalancer = async (Name: string) => {
    const { LoadBalancers = [] } = await elb.send(
      new elbv2.CreateLoadBalancerCommand({
        Name,
        Subnets: [first?.SubnetId ?? "", second?.SubnetId ?? ""],
      }),
    );
    return LoadBalancers[0]?.LoadBalancerArn ?? "";
  };
  const newGroup = async (Name: string) => {
    const { TargetGroups = [] } = await elb.send(
      new elbv2.CreateTargetGroupCommand({
        Name,
        Protocol: "HTTP",
        Port: 80,
        TargetType: "ip",
        VpcId: first?.VpcId,
      }),
    );
    return TargetGroups[0]?.TargetGroupArn ?? "";
  };
  const newListener = async (balancer: string, more: Partial<elbv2.CreateListenerCommandInput> = {}) => {
    const { Listeners = [] } = await elb.send(
      new elbv2.CreateListenerCommand({
        LoadBalancerArn: balancer,
        Protocol: "HTTP",
        Port: 80,
        DefaultActions: [fixed("hello")],
        ...more,
      }),
    );
    return Listeners[0]?.ListenerArn ?? "";
  };
  const subnetCidr = first?.CidrBlock ?? "";
  return { api, elb, newBalancer, newGroup, newListener, vpcId: first?.VpcId ?? "", subnetCidr };
}

export const fixed = (MessageBody: string): elbv2.Action => ({
  Type: "fixed-response",
  FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody },
});
