import { resolve } from "node:path";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/events");
/** Resources of EventBridge and its Scheduler: the others of the configuration are tested elsewhere. */
const OF_EVENTS = /^aws_(?:cloudwatch_event|scheduler)_/;

describe.skipIf(!canRunTerraform())("Terraform, with rules and schedules", async () => {
  const api = await startApi();
  const terraform = openTerraform(api.environment, {}, CONFIGURATION);
  let resources: readonly StateResource[] = [];
  beforeAll(() => terraform.init());
  afterAll(() => {
    terraform.remove();
    api.close();
  });

  it("applies, and then plans nothing", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    resources = (await terraform.resources()).filter(({ type }) => OF_EVENTS.test(type));
    expect(resources).toHaveLength(7);
  });

  it("updates in place", async () => {
    const change = { minutes: "7" };
    expect(await terraform.plan(change)).toContain("0 to add, 7 to change, 0 to destroy");
    await terraform.apply(change);
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("imports what is there", async () => {
    await terraform.reimport(resources, { minutes: "7" });
    expect(await terraform.plan({ minutes: "7" })).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy();
    for (const kind of ["eventRule", "eventBus", "schedule", "scheduleGroup"] as const)
      expect(api.store.keys(kind)).toEqual([]);
  });
});
