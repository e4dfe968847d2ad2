import { resolve } from "node:path";
import type { Kind } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/vpc");
/**
 * Resources that the provider cannot import, or adopts instead.
 * Source: their pages in the provider's documentation.
 */
const NOT_IMPORTED: ReadonlySet<string> = new Set(["aws_main_route_table_association", "aws_s3_bucket"]);
/** Kinds of what the configuration makes, and how many records a region has of them by itself. */
const KINDS = {
  vpc: 1,
  subnet: 3,
  networkAcl: 1,
  routeTable: 1,
  securityGroup: 1,
  internetGateway: 1,
  dhcpOptions: 1,
  networkInterface: 0,
  elasticAddress: 0,
  vpcEndpoint: 0,
  prefixList: 0,
  publicAccessExclusion: 0,
  flowLog: 0,
  bucket: 0,
  logGroup: 0,
} satisfies Partial<Record<Kind, number>>;

describe.skipIf(!canRunTerraform())(
  "Terraform, with a VPC in the manner of the popular modules",
  async () => {
    const api = await startApi();
    const terraform = openTerraform(api.environment, {}, CONFIGURATION);
    const change = { stage: "prod" };
    let resources: readonly StateResource[] = [];
    beforeAll(() => terraform.init());
    afterAll(() => {
      terraform.remove();
      api.close();
    });

    it("applies, and the next plan is empty", async () => {
      await terraform.apply();
      expect(await terraform.plan()).toContain("No changes");
      resources = await terraform.resources();
      expect(new Set(resources.map(({ type }) => type)).size).toBe(40);
    });

    it("updates in place", async () => {
      expect(await terraform.apply(change)).toMatch(/: 0 added, \d+ changed, 0 destroyed/);
      expect(await terraform.plan(change)).toContain("No changes");
    });

    it("imports existing resources", async () => {
      const imported = resources.filter(
        ({ type }) => !NOT_IMPORTED.has(type) && !type.startsWith("aws_default"),
      );
      await terraform.reimport(imported, change);
      expect(await terraform.plan(change)).toContain("No changes");
    });

    it("destroys, and leaves only the defaults of a region", async () => {
      await terraform.destroy(change);
      const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[]; // The object's own keys.
      expect(Object.fromEntries(kinds.map((kind) => [kind, api.store.keys(kind).length]))).toEqual(KINDS);
      expect(api.store.list("natGateway").every((gateway) => gateway.state === "deleted")).toBe(true);
      expect(api.store.list("vpcPeering").every((peering) => peering.state === "deleted")).toBe(true);
    });
  },
);
