import * as eb from "@aws-sdk/client-eventbridge";
import * as ecs from "@aws-sdk/client-ecs";
import { serviceController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, expect, it } from "vitest";
import { interrupt } from "./interruption.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const deps = { store: api.store, ids: randomIds(), clock: new SystemClock(), log: silentLogger };
const services = serviceController({ ...deps, permissions: { deniedBecause: () => undefined } });

/** The events of tasks that a rule has a target for. */
const taskEvents = () => api.store.list("eventDelivery").map(({ payload }): unknown => JSON.parse(payload));

it("interrupts only tasks of FARGATE_SPOT, and the service replaces them on FARGATE_SPOT", async () => {
  await client.send(new ecs.CreateClusterCommand({ capacityProviders: ["FARGATE", "FARGATE_SPOT"] }));
  await registerTask(client, "app");
  const { service } = await client.send(
    new ecs.CreateServiceCommand({
      serviceName: "web",
      taskDefinition: "app",
      desiredCount: 2,
      networkConfiguration: await defaultNetwork(api),
      capacityProviderStrategy: [
        { capacityProvider: "FARGATE", base: 1, weight: 0 },
        { capacityProvider: "FARGATE_SPOT", weight: 1 },
      ],
    }),
  );
  const tasks = (desired: string) =>
    api.store.list("task").filter(({ desiredStatus }) => desiredStatus === desired);
  await services.reconcile(service?.serviceArn ?? "");
  const idOn = (provider: string) =>
    tasks("RUNNING")
      .find(({ capacityProvider }) => capacityProvider === provider)
      ?.arn.split("/")
      .at(-1) ?? "";
  expect(await interrupt(deps, idOn("FARGATE"))).toMatchObject([
    400,
    { reason: expect.stringContaining("FARGATE_SPOT") },
  ]);
  expect(await interrupt(deps, "none")).toMatchObject([404, {}]);
  const events = new eb.EventBridgeClient(api.client());
  const EventPattern = JSON.stringify({ source: ["aws.ecs"], detail: { stopCode: ["SpotInterruption"] } });
  await events.send(new eb.PutRuleCommand({ Name: "warnings", EventPattern }));
  const Arn = "arn:aws:logs:eu-south-1:000000000000:log-group:/warnings";
  await events.send(new eb.PutTargetsCommand({ Rule: "warnings", Targets: [{ Id: "log", Arn }] }));
  const spot = idOn("FARGATE_SPOT");
  expect(await interrupt(deps, spot)).toMatchObject([200, {}]);
  expect(await interrupt(deps, spot)).toMatchObject([
    400,
    { reason: expect.stringContaining("stopping already") },
  ]);
  expect(tasks("STOPPED")).toMatchObject([
    { stopCode: "SpotInterruption", stoppedReason: "Your Spot Task was interrupted." },
  ]);
  // The warning: the task's containers have their stop timeout, two minutes at most, after it.
  expect(taskEvents()).toMatchObject([
    {
      "detail-type": "ECS Task State Change",
      detail: {
        ...{ desiredStatus: "STOPPED", lastStatus: "PROVISIONING", stopCode: "SpotInterruption" },
        stoppedReason: "Your Spot Task was interrupted.",
      },
    },
  ]);
  await services.reconcile(service?.serviceArn ?? "");
  expect(
    tasks("RUNNING")
      .map(({ capacityProvider }) => capacityProvider)
      .toSorted(),
  ).toEqual(["FARGATE", "FARGATE_SPOT"]);
  const described = await client.send(new ecs.DescribeServicesCommand({ services: ["web"] }));
  expect(
    described.services?.[0]?.events?.some(({ message }) => message?.includes("termination notice")),
  ).toBe(true);
});
