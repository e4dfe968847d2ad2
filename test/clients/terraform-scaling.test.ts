import { resolve } from "node:path";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

/** Resources that the provider cannot import. Source: its page on aws_appautoscaling_scheduled_action. */
const NOT_IMPORTED: ReadonlySet<string> = new Set(["aws_appautoscaling_scheduled_action"]);
const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/scaling");

describe.skipIf(!canRunTerraform())("Terraform, with scaling, alarms and a dashboard", async () => {
  const api = await startApi();
  const terraform = openTerraform(api.environment, {}, CONFIGURATION);
  let resources: readonly StateResource[] = [];
  beforeAll(async () => {
    const ecs = new ECSClient(api.client());
    const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
    const subnets = [Subnets[0]?.SubnetId ?? ""];
    await ecs.send(new CreateClusterCommand({ clusterName: "shop" }));
    const definition = { family: "web", networkMode: "awsvpc" as const, cpu: "256", memory: "512" };
    const containerDefinitions = [{ name: "web", image: "busybox" }];
    await ecs.send(new RegisterTaskDefinitionCommand({ ...definition, containerDefinitions }));
    await ecs.send(
      new CreateServiceCommand({
        cluster: "shop",
        serviceName: "web",
        taskDefinition: "web",
        desiredCount: 2,
        networkConfiguration: { awsvpcConfiguration: { subnets } },
      }),
    );
    await terraform.init();
  });
  afterAll(() => {
    terraform.remove();
    api.close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    resources = await terraform.resources();
    expect(resources).toHaveLength(8);
  });

  it("updates in place", async () => {
    const change = { maximum: "6" };
    expect(await terraform.apply(change)).toContain("0 added, 8 changed, 0 destroyed");
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("imports existing resources", async () => {
    const imported = resources.filter(({ type }) => !NOT_IMPORTED.has(type));
    await terraform.reimport(imported, { maximum: "6" });
    expect(await terraform.plan({ maximum: "6" })).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy();
    expect(api.store.keys("scalableTarget")).toEqual([]);
    expect(api.store.keys("alarm")).toEqual([]);
    expect(api.store.keys("dashboard")).toEqual([]);
  });
});
