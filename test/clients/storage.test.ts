import { join } from "node:path";
import { startApi } from "@gantry/testkit/api-server";
import { afterAll, expect, it } from "vitest";
import { canRunTerraform, openTerraform } from "../../tools/terraform/terraform.ts";

// Plain HTTP over loopback counts as secure, as on an instance: the bucket's policy demands TLS.
const api = await startApi({ countsAsSecure: () => true });
afterAll(() => api.close());

// The provider reads back every argument that it sends: an empty plan shows that none was lost or changed.
it.runIf(canRunTerraform())(
  "carries out buckets and file systems with every setting by Terraform, without a difference afterwards",
  async () => {
    const stack = openTerraform(
      { ...api.environment, AWS_REGION: "eu-south-1" },
      {},
      join(import.meta.dirname, "storage"),
    );
    afterAll(() => stack.remove());
    const two = { description: "two" };
    await stack.init();
    await stack.apply();
    expect(await stack.plan()).toContain("No changes.");
    expect(await stack.apply(two)).toContain("0 added, 12 changed, 0 destroyed");
    expect(await stack.plan(two)).toContain("No changes.");
    const resources = await stack.resources();
    expect(await stack.reimport(resources, two)).toContain(`${resources.length} imported, 0 added, `);
    expect(await stack.plan(two)).toContain("No changes.");
    expect(await stack.destroy(two)).toContain(`${resources.length} destroyed`);
    expect([
      ...api.store.list("bucket"),
      ...api.store.list("fileSystem"),
      ...api.store.list("accessPoint"),
    ]).toEqual([]);
  },
);
