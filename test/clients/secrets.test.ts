import { join } from "node:path";
import { startApi } from "@gantry/testkit/api-server";
import { afterAll, expect, it } from "vitest";
import { canRunTerraform, openTerraform } from "../../tools/terraform/terraform.ts";

const api = await startApi();
afterAll(() => api.close());

// The provider reads back every argument that it sends: an empty plan shows that none was lost or changed.
it.runIf(canRunTerraform())(
  "carries out keys, secrets and parameters by Terraform, without a difference afterwards",
  async () => {
    const stack = openTerraform(
      { ...api.environment, AWS_REGION: "eu-south-1" },
      {},
      join(import.meta.dirname, "secrets"),
    );
    afterAll(() => stack.remove());
    const two = { description: "two" };
    await stack.init();
    await stack.apply();
    expect(await stack.plan()).toContain("No changes.");
    expect(await stack.apply(two)).toContain("4 changed");
    expect(await stack.plan(two)).toContain("No changes.");
    const resources = await stack.resources();
    expect(resources).toHaveLength(11);
    // The provider reads no deletion window and no bypass of the lockout check back: it fills them in.
    expect(await stack.reimport(resources, two)).toContain("11 imported, 0 added, 1 changed, 0 destroyed");
    expect(await stack.plan(two)).toContain("No changes.");
    expect(await stack.destroy(two)).toContain("11 destroyed");
    const left = [
      ...api.store.list("secret"),
      ...api.store.list("parameter"),
      ...api.store.list("kmsGrant"),
      ...api.store.list("kmsAlias").filter(({ name }) => !name.startsWith("alias/aws/")),
      // A key is removed when its waiting period is over.
      ...api.store.list("kmsKey").filter((key) => key.manager === "CUSTOMER" && key.removeAt === undefined),
    ];
    expect(left).toEqual([]);
  },
);
