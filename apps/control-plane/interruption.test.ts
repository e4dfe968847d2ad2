import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import { serviceController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { interrupt } from "./interruption.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const deps = { store: api.store, ids: randomIds(), clock: new SystemClock(), log: silentLogger };
const services = serviceController({ ...deps, permissions: { deniedBecause: () => undefined } });

it("interrupts a task of FARGATE_SPOT alone, and the service replaces it on FARGATE_SPOT", async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  await client.send(new ecs.CreateClusterCommand({ capacityProviders: ["FARGATE", "FARGATE_SPOT"] }));
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "app",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "c", image: "busybox" }],
    }),
  );
  const { service } = await client.send(
    new ecs.CreateServiceCommand({
      serviceName: "web",
      taskDefinition: "app",
      desiredCount: 2,
      networkConfiguration: { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } },
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
  const spot = idOn("FARGATE_SPOT");
  expect(await interrupt(deps, spot)).toMatchObject([200, {}]);
  expect(await interrupt(deps, spot)).toMatchObject([
    400,
    { reason: expect.stringContaining("stopping already") },
  ]);
  expect(tasks("STOPPED")).toMatchObject([
    { stopCode: "SpotInterruption", stoppedReason: "Your Spot Task was interrupted." },
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
