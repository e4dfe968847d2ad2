import { resolve } from "node:path";
import { IAMClient, ListOpenIDConnectProvidersCommand, ListPoliciesCommand } from "@aws-sdk/client-iam";
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from "@aws-sdk/client-resource-groups-tagging-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";
import { startApiWithoutNodes } from "./api-without-nodes.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/stack");
/** Resources that the provider cannot import. Source: their pages in the provider's documentation. */
const NOT_IMPORTED: ReadonlySet<string> = new Set(["aws_acm_certificate_validation"]);
/**
 * The provider imports a rule's only target group as a `forward` block, and plans a change where the configuration
 * has it as `target_group_arn`. Source: flattenForwardAction of the provider.
 */
const isForwardedByArn = ({ address }: StateResource): boolean =>
  address.includes("aws_lb_listener_rule.paths");
const CHANGE = { stage: "prod" };
/** Record kinds of the configuration that have no tags, or whose tags GetResources does not return. */
const UNTAGGED = [
  ...["role", "bucket", "queue", "target", "rule", "taskSet", "networkInterface"],
  ...["parameter", "parameterVersion", "secret", "secretVersion", "scalingPolicy", "dashboard", "schedule"],
] as const;

describe.skipIf(!canRunTerraform())("Terraform, with a stack of more than 200 resources", async () => {
  const { api, environment, close } = await startApiWithoutNodes();
  const terraform = openTerraform(environment, { database: "false", name: "big" }, CONFIGURATION);
  let resources: readonly StateResource[] = [];
  beforeAll(() => terraform.init());
  afterAll(() => {
    terraform.remove();
    close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    expect((await terraform.resources()).length).toBeGreaterThanOrEqual(200);
  });

  it("updates in place", async () => {
    expect(await terraform.apply(CHANGE)).toMatch(/0 added, 1\d\d changed, 0 destroyed/);
    expect(await terraform.plan(CHANGE)).toContain("No changes");
    resources = await terraform.resources();
  });

  it("imports what exists, and the next plan is empty", async () => {
    const imported = resources.filter((each) => !NOT_IMPORTED.has(each.type) && !isForwardedByArn(each));
    expect(imported.length).toBeGreaterThanOrEqual(200);
    await terraform.reimport(imported, CHANGE);
    expect(await terraform.plan(CHANGE)).toContain("No changes");
  });

  it("destroys, and leaves nothing", async () => {
    await terraform.destroy(CHANGE);
    const tagging = new ResourceGroupsTaggingAPIClient(api.client());
    const { ResourceTagMappingList: tagged = [] } = await tagging.send(
      new GetResourcesCommand({ TagFilters: [{ Key: "Repository", Values: ["stack"] }] }),
    );
    // As on AWS, keys wait for their deletion for a week, and deleted NAT gateways are shown for an hour.
    const left = tagged.filter(({ ResourceARN }) => !/:key\/|:natgateway\//.test(ResourceARN ?? ""));
    expect(left).toEqual([]);
    expect(api.store.list("natGateway").every(({ state }) => state === "deleted")).toBe(true);
    const iam = new IAMClient(api.client());
    expect((await iam.send(new ListPoliciesCommand({ Scope: "Local" }))).Policies).toEqual([]);
    const { OpenIDConnectProviderList } = await iam.send(new ListOpenIDConnectProvidersCommand({}));
    expect(OpenIDConnectProviderList).toEqual([]);
    // Roles that services made for themselves stay, as on AWS.
    for (const kind of UNTAGGED)
      expect(
        api.store.keys(kind).filter((key) => !key.includes(":role/aws-service-role/")),
        kind,
      ).toEqual([]);
  });
});
