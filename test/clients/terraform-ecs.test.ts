import { resolve } from "node:path";
import * as ecs from "@aws-sdk/client-ecs";
import { serviceController, taskController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ROOT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/ecs");
/** How often services and tasks are looked at, in ms: the API alone brings nothing about. */
const LOOK_MS = 200;

describe.skipIf(!canRunTerraform())("Terraform, with every resource type of ECS", async () => {
  const api = await startApi();
  const client = new ecs.ECSClient(api.client());
  const clock = new SystemClock();
  const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
  const controllers = [
    serviceController({ ...deps, permissions: { deniedBecause: () => undefined } }),
    taskController({ ...deps, vault: api.vault }),
  ];
  const looking = setInterval(() => {
    for (const controller of controllers) for (const key of controller.keys()) void controller.reconcile(key);
  }, LOOK_MS);
  const terraform = openTerraform(
    {
      AWS_ENDPOINT_URL: api.endpoint,
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    },
    {},
    CONFIGURATION,
  );
  beforeAll(() => terraform.init());
  afterAll(() => {
    clearInterval(looking);
    terraform.remove();
    api.close();
  });

  it("applies, and then plans nothing", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    expect(await terraform.resources()).toHaveLength(11);
    const { services: shown = [] } = await client.send(
      new ecs.DescribeServicesCommand({ cluster: "stack", services: ["spot"] }),
    );
    expect(shown[0]?.capacityProviderStrategy).toMatchObject([
      { capacityProvider: "FARGATE_SPOT", weight: 1 },
    ]);
  });

  it("plans every change as an update in place", async () =>
    expect(await terraform.plan({ generation: "2" })).toContain("0 to add, 7 to change, 0 to destroy"));
});
