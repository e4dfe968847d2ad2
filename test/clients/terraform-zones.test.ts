import { resolve } from "node:path";
import { certificateValidationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/zones");

describe.skipIf(!canRunTerraform())(
  "Terraform, with zones and a certificate that they validate",
  async () => {
    const api = await startApi();
    const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
    const controller = certificateValidationController(deps);
    // A test's API counts what runs within a call as the call's own work.
    const timer = setInterval(() => {
      for (const key of controller.keys()) void controller.reconcile(key);
    }, 200);
    const terraform = openTerraform(api.environment, {}, CONFIGURATION);
    beforeAll(() => terraform.init());
    afterAll(() => {
      clearInterval(timer);
      terraform.remove();
      api.close();
    });

    it("applies, and the next plan is empty", async () => {
      await terraform.apply();
      expect(await terraform.plan()).toContain("No changes");
      expect(api.store.list("certificate")[0]).toMatchObject({ issuedAt: expect.any(Number) as number });
      expect(await terraform.resources()).toHaveLength(20);
    });

    it("destroys", async () => {
      await terraform.destroy();
      for (const kind of ["hostedZone", "dnsRecordSet", "certificate", "healthCheck", "alarm"] as const)
        expect(api.store.keys(kind)).toEqual([]);
    });
  },
);
