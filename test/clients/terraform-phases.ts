import { resolve } from "node:path";
import type { Api } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

interface Phases {
  /** The folder of `tools/terraform`. */
  readonly configuration: string;
  /** Types of the resources that are imported and counted. */
  readonly types: RegExp;
  /** Addresses of resources that are not imported. */
  readonly notImported?: RegExp;
  /** How many resources of these types there are. */
  readonly count: number;
  /** Variables that change all resources that can change in place, and how many these are. */
  readonly change: Readonly<Record<string, string>>;
  readonly changed: number;
  /** Variables that do not change. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Kinds of records that have none left in the end. */
  readonly kinds: readonly Parameters<Api["store"]["keys"]>[0][];
}

/**
 * Declares the tests of a configuration: apply, an empty plan, an update in place, import, destroy. Returns the
 * configuration's folder and state.
 */
export function terraformPhases(api: Api, phases: Phases) {
  const { types, change, variables = {} } = phases;
  const folder = resolve(import.meta.dirname, "../../tools/terraform", phases.configuration);
  const terraform = openTerraform(api.environment, variables, folder);
  let resources: readonly StateResource[] = [];
  beforeAll(() => terraform.init());
  afterAll(() => terraform.remove());

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    resources = (await terraform.resources()).filter(({ type }) => types.test(type));
    expect(resources).toHaveLength(phases.count);
  });

  it("updates in place", async () => {
    expect(await terraform.apply(change)).toContain(`0 added, ${phases.changed} changed, 0 destroyed`);
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("imports existing resources", async () => {
    await terraform.reimport(
      resources.filter(({ address }) => phases.notImported?.test(address) !== true),
      change,
    );
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy(change);
    for (const kind of phases.kinds) expect(api.store.keys(kind), kind).toEqual([]);
  });
  return terraform;
}
