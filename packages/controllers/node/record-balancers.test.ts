import { seededIds, VirtualClock } from "@gantry/kernel";
import { MemoryStore, newTarget, serviceEventsOf, targetKeyOf, type LoadBalancerRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { recordBalancers } from "./record-balancers.ts";

const ARN = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/web/1";
const place = { account: "000000000000", region: "eu-south-1", tags: {} };
const balancer: LoadBalancerRecord = {
  ...place,
  arn: ARN,
  nodeId: "n",
  name: "web",
  dnsName: "web-1.eu-south-1.elb.localhost",
  scheme: "internet-facing",
  vpcId: "vpc-1",
  subnetIds: [],
  securityGroups: [],
  networkInterfaceIds: [],
  attributes: {},
  state: "active",
  hostPorts: { "80": 80 },
  createdAt: 0,
};

// Before: the load balancer stayed `active` while the proxy served an old configuration.
it("reports an omitted part in the load balancer's state and in the events of its services", () => {
  const store = new MemoryStore();
  store.transact((tx) => {
    tx.put("loadBalancer", ARN, balancer);
    tx.put("listener", "listener", {
      ...place,
      arn: "listener",
      loadBalancerArn: ARN,
      port: 80,
      protocol: "HTTP",
      certificates: [],
      sslPolicy: undefined,
      defaultActions: [
        { type: "forward", targets: [{ targetGroupArn: "tg", weight: 1 }], stickySeconds: undefined },
      ],
    });
    const target = { targetGroupArn: "tg", address: "10.0.0.4", port: 80 };
    tx.put("target", targetKeyOf(target), newTarget(target, "task", 0));
    tx.put("task", "task", { arn: "task", serviceArn: "service" } as never); // What is read of a task.
    tx.put("service", "service", { ...place, arn: "service", name: "web" } as never); // What is read of a service.
  });
  const report = (reason: string | undefined) =>
    store.transact((tx) =>
      recordBalancers(
        tx,
        {
          targets: [],
          hostPorts: { [ARN]: { "80": 80 } },
          leftOut:
            reason === undefined
              ? []
              : [
                  {
                    balancerArn: ARN,
                    part: "rule 3 of the listener on port 80 (source-ip condition)",
                    reason,
                  },
                ],
        },
        { nodeId: "n", ids: seededIds(1), clock: new VirtualClock(1_000) },
      ),
    );
  const reason =
    "Left out, and answered with 503: rule 3 of the listener on port 80 (source-ip condition): no valid address";
  report("no valid address");
  report("no valid address");
  expect(store.get("loadBalancer", ARN)).toMatchObject({ state: "active_impaired", stateReason: reason });
  expect(serviceEventsOf(store, "service").map((event) => event.message)).toEqual([
    `(service web) load balancer web is impaired. ${reason}`,
  ]);
  report(undefined);
  expect(store.get("loadBalancer", ARN)).toMatchObject({ state: "active", stateReason: undefined });
});
