import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import * as sdk from "@aws-sdk/client-route-53";
import { subjectsOf } from "@gantry/controllers/node/assignments-for";
import { allZones } from "@gantry/state/transactions/zones";
import type { Change, TargetState } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const [route53, balancers, ec2] = [
  new sdk.Route53Client(api.client()),
  new elb.ElasticLoadBalancingV2Client(api.client()),
  new EC2Client(api.client()),
];
const [ZONE, SPARE] = ["failover.example", "192.0.2.2"];

/** A load balancer whose listener leads to one target group, and its rule to another. */
async function newBalancer() {
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.7.0.0/16" }));
  const VpcId = Vpc?.VpcId;
  const Subnets: string[] = [];
  for (const zone of ["a", "b"]) {
    const CidrBlock = `10.7.${Subnets.length}.0/24`;
    const AvailabilityZone = `eu-south-1${zone}`;
    const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone }));
    Subnets.push(Subnet?.SubnetId ?? "");
  }
  const { LoadBalancers } = await balancers.send(
    new elb.CreateLoadBalancerCommand({ Name: "evaluated", Subnets, Scheme: "internal" }),
  );
  const groups: string[] = [];
  for (const Name of ["one", "two"]) {
    const group = { Name, Protocol: "HTTP", Port: 80, VpcId, TargetType: "ip" } as const;
    const { TargetGroups } = await balancers.send(new elb.CreateTargetGroupCommand(group));
    groups.push(TargetGroups?.[0]?.TargetGroupArn ?? "");
  }
  const [balancer] = LoadBalancers ?? [];
  const forward = (TargetGroupArn = "") => [{ Type: "forward", TargetGroupArn } as const];
  const { Listeners } = await balancers.send(
    new elb.CreateListenerCommand({
      ...{ LoadBalancerArn: balancer?.LoadBalancerArn, Protocol: "HTTP", Port: 80 },
      DefaultActions: forward(groups[0]),
    }),
  );
  const addRule = () =>
    balancers.send(
      new elb.CreateRuleCommand({
        ...{ ListenerArn: Listeners?.[0]?.ListenerArn, Priority: 1, Actions: forward(groups[1]) },
        Conditions: [{ Field: "path-pattern", Values: ["/two"] }],
      }),
    );
  return { balancer, groups, addRule };
}

it("an alias of a load balancer that evaluates it follows the health of its target groups", async () => {
  const { balancer, groups, addRule } = await newBalancer();
  const { HostedZone } = await route53.send(
    new sdk.CreateHostedZoneCommand({ Name: ZONE, CallerReference: ZONE }),
  );
  const setOf = (Name: string, EvaluateTargetHealth: boolean): sdk.ResourceRecordSet[] => [
    {
      ...{ Name, Type: "A", SetIdentifier: "first", Failover: "PRIMARY" },
      AliasTarget: {
        ...{
          DNSName: balancer?.DNSName,
          HostedZoneId: balancer?.CanonicalHostedZoneId,
          EvaluateTargetHealth,
        },
      },
    },
    {
      ...{ Name, Type: "A", SetIdentifier: "second", Failover: "SECONDARY", TTL: 5 },
      ResourceRecords: [{ Value: SPARE }],
    },
  ];
  await route53.send(
    new sdk.ChangeResourceRecordSetsCommand({
      HostedZoneId: HostedZone?.Id,
      ChangeBatch: {
        Changes: [...setOf(`a.${ZONE}`, true), ...setOf(`b.${ZONE}`, false)].map((ResourceRecordSet) => ({
          ...{ Action: "CREATE", ResourceRecordSet },
        })),
      },
    }),
  );
  const isSpare = (label: string) => {
    const view = { vpcId: undefined, region: undefined, random: () => 0 };
    const answer = allZones(api.store).answer(`${label}.${ZONE}`, "A", view);
    return answer?.records.some(({ value }) => value === SPARE);
  };
  /** Every change of a record: that of a target makes the control plane send the zone to the nodes again. */
  const changes: Change[] = [];
  const stop = api.store.watch((each) => void changes.push(each));
  const put = (group: string | undefined, address: string, state: TargetState, drainingSince?: number) =>
    api.store.transact((tx) =>
      tx.put("target", `${group}|${address}|80`, {
        ...{ targetGroupArn: group ?? "", address, port: 80, taskArn: undefined, drainingSince, state },
        ...{ reason: undefined, description: undefined, registeredAt: 0 },
      }),
    );
  // A group without targets has no healthy one.
  expect(isSpare("a")).toBe(true);
  put(groups[0], "10.7.0.9", "initial");
  expect(isSpare("a")).toBe(true);
  put(groups[0], "10.7.0.9", "healthy");
  expect(isSpare("a")).toBe(false);
  const target = changes.find(({ kind }) => kind === "target") ?? expect.fail("A target changed.");
  expect(subjectsOf(api.store, target).filter((key) => key.startsWith("zone/"))).toHaveLength(1);
  // One of two is enough, and one that drains does not count.
  put(groups[0], "10.7.0.8", "unhealthy");
  expect(isSpare("a")).toBe(false);
  put(groups[0], "10.7.0.9", "healthy", 1);
  expect(isSpare("a")).toBe(true);
  put(groups[0], "10.7.0.9", "healthy");
  // Each group counts that the load balancer leads to.
  put(groups[1], "10.7.0.7", "unhealthy");
  expect(isSpare("a")).toBe(false);
  await addRule();
  expect(isSpare("a")).toBe(true);
  put(groups[1], "10.7.0.7", "healthy");
  expect(isSpare("a")).toBe(false);
  put(groups[1], "10.7.0.7", "unhealthy");
  expect([isSpare("a"), isSpare("b")]).toEqual([true, false]);
  stop();
});
