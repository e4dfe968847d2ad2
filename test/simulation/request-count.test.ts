import { setTimeout as sleep } from "node:timers/promises";
import {
  ApplicationAutoScalingClient,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
} from "@aws-sdk/client-application-auto-scaling";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { alarmController, autoScalingController, scalingPolicyAction } from "@gantry/controllers";
import { Controller, seededIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { createBalancer, startApi } from "@gantry/testkit";
import { expect, it } from "vitest";

const MINUTE = 60_000;

// The API, the metric store, the alarm controller and the auto-scaling controller together; minutes pass on
// virtual time.
it("scales a service from two tasks to four on requests per target, and back when they end", async () => {
  const clock = new VirtualClock(Math.ceil(Date.now() / MINUTE) * MINUTE);
  const api = await startApi({ clock });
  const deps = { store: api.store, clock, ids: seededIds(1), log: silentLogger, metrics: api.metrics };
  const controllers = [
    alarmController({ ...deps, actionOf: (arn) => scalingPolicyAction(api.store, arn) }),
    autoScalingController(deps),
  ].map((each) => new Controller(each, { clock, log: silentLogger }));
  for (const controller of controllers) controller.start();
  const target = {
    ServiceNamespace: "ecs",
    ResourceId: "service/shop/web",
    ScalableDimension: "ecs:service:DesiredCount",
  } as const;
  try {
    const ecs = new ECSClient(api.client());
    const { balancer, group, targetGroupArn, subnets } = await createBalancer(api.client(), "shop");
    await ecs.send(new CreateClusterCommand({ clusterName: "shop" }));
    const containerDefinitions = [{ name: "web", image: "busybox", portMappings: [{ containerPort: 80 }] }];
    const definition = { family: "web", networkMode: "awsvpc", cpu: "256", memory: "512" } as const;
    await ecs.send(new RegisterTaskDefinitionCommand({ ...definition, containerDefinitions }));
    const { service } = await ecs.send(
      new CreateServiceCommand({
        cluster: "shop",
        serviceName: "web",
        taskDefinition: "web",
        desiredCount: 2,
        loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
        networkConfiguration: { awsvpcConfiguration: { subnets } },
      }),
    );
    // No node runs the tasks here: the first deployment counts as complete.
    api.store.transact((tx) => {
      for (const deployment of tx.list("serviceDeployment"))
        tx.put("serviceDeployment", deployment.arn, { ...deployment, status: "SUCCESSFUL" });
    });
    const scaling = new ApplicationAutoScalingClient(api.client());
    await scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 2, MaxCapacity: 10 }));
    await scaling.send(
      new PutScalingPolicyCommand({
        ...target,
        PolicyName: "requests",
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 100,
          ScaleInCooldown: 60,
          PredefinedMetricSpecification: {
            PredefinedMetricType: "ALBRequestCountPerTarget",
            ResourceLabel: `${balancer}/${group}`,
          },
        },
      }),
    );
    const desired = () => api.store.get("service", service?.serviceArn)?.spec.desiredCount ?? 0;
    const metric = {
      account: "000000000000",
      region: "eu-south-1",
      namespace: "AWS/ApplicationELB",
      name: "RequestCountPerTarget",
      dimensions: { LoadBalancer: balancer, TargetGroup: group },
    };
    /** A minute in which the targets together get so many requests. */
    const pass = async (requests: number): Promise<void> => {
      const value = requests / desired();
      const sample = { count: 1, sum: value, min: value, max: value, values: new Map([[value, 1]]) };
      await api.metrics.add([{ metric, unit: "Count", at: clock.now(), highResolution: false, sample }]);
      for (let seconds = 0; seconds < 60; seconds += 5) {
        await clock.advance(5_000);
        await sleep(5); // The metric store is in a thread of its own.
      }
    };
    for (let minute = 0; minute < 6; minute += 1) await pass(400);
    expect(desired()).toBe(4);
    for (let minute = 0; minute < 20; minute += 1) await pass(0);
    expect(desired()).toBe(2);
    expect(api.store.list("scalingActivity").map(({ description }) => description)).toEqual([
      "Setting desired count to 4.",
      "Setting desired count to 2.",
    ]);
  } finally {
    for (const controller of controllers) await controller.stop();
    api.close();
  }
});
