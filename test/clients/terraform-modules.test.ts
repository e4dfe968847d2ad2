import { resolve } from "node:path";
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from "@aws-sdk/client-resource-groups-tagging-api";
import { startNamedHostsProxy } from "@gantry/cli/named-hosts-proxy";
import type { Kind } from "@gantry/state";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";
import { startApiWithoutNodes } from "./api-without-nodes.ts";

const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/modules");
/** Resources that the provider cannot import. Source: their pages in the provider's documentation. */
const NOT_IMPORTED: ReadonlySet<string> = new Set([
  "aws_kms_ciphertext",
  "aws_kms_external_key", // Its material is not read back.
  "aws_ec2_instance_metadata_defaults",
  "aws_ec2_image_block_public_access",
]);
const SECOND = { generation: "2" };
/** Kinds of what the configuration makes, of which a region has none by itself. */
const KINDS: readonly Kind[] = [
  ...(["bucket", "queue", "topic", "topicSubscription", "secret", "parameter", "user", "role"] as const),
  ...(["networkInterface", "loadBalancer", "targetGroup", "fileSystem", "databaseSubnetGroup"] as const),
  ...(["databaseParameterGroup", "databaseOptionGroup"] as const),
  "accountPublicAccess",
];

describe.skipIf(!canRunTerraform())("Terraform, with the data sources that modules read", async () => {
  const { api, environment, close } = await startApiWithoutNodes({ allowHostAccess: true });
  // As `gantry terraform`: the host of S3 Control begins with the account.
  const proxy = await startNamedHostsProxy();
  const control = `http://s3-control.localhost:${api.port}`;
  const named = { AWS_ENDPOINT_URL_S3_CONTROL: control, HTTP_PROXY: proxy.url };
  const terraform = openTerraform({ ...environment, ...named }, {}, CONFIGURATION);
  let resources: readonly StateResource[] = [];
  beforeAll(() => terraform.init());
  afterAll(() => {
    terraform.remove();
    proxy.close();
    close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
  });

  it("updates in place, and the next plan is empty", async () => {
    expect(await terraform.apply(SECOND)).toMatch(/ 0 added, \d+ changed, 0 destroyed/);
    expect(await terraform.plan(SECOND)).toContain("No changes");
    resources = await terraform.resources();
  });

  it("imports what exists, and the next plan is empty", async () => {
    const imported = resources.filter(({ type }) => !NOT_IMPORTED.has(type));
    await terraform.reimport(imported, SECOND);
    expect(await terraform.plan(SECOND)).toContain("No changes");
  });

  it("destroys, and leaves nothing", async () => {
    await terraform.destroy(SECOND);
    const tagging = new ResourceGroupsTaggingAPIClient(api.client());
    const { ResourceTagMappingList: tagged = [] } = await tagging.send(
      new GetResourcesCommand({ TagFilters: [{ Key: "Repository", Values: ["modules"] }] }),
    );
    // As on AWS, a key waits for its deletion for a week.
    expect(tagged.filter(({ ResourceARN }) => !/:key\//.test(ResourceARN ?? ""))).toEqual([]);
    const isLinked = (key: string) => key.includes(":role/aws-service-role/");
    for (const kind of KINDS)
      expect(
        api.store.keys(kind).filter((key) => !isLinked(key)),
        kind,
      ).toEqual([]);
  });
});
