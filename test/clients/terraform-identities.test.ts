import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSshKey } from "@gantry/api/iam/ssh-keys";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

/** Resources that the provider cannot import whole: what they were made with is shown once. Source: each one's page. */
const NOT_IMPORTED: ReadonlySet<string> = new Set([
  "aws_iam_access_key",
  "aws_iam_security_token_service_preferences",
  "aws_iam_user_login_profile",
  "aws_iam_virtual_mfa_device",
  "aws_iam_user_group_membership",
]);
const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/identities");
const METADATA =
  "<EntityDescriptor " +
  `entityID="https://idp.example"><IDPSSODescriptor><X509Certificate>${"A".repeat(1_000)}</X509Certificate></IDPSSODescriptor></EntityDescriptor>`;

describe.skipIf(!canRunTerraform())("Terraform, with identities", async () => {
  const api = await startApi();
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const terraform = openTerraform(api.environment, {}, CONFIGURATION);
  const assets = join(terraform.folder, "assets");
  mkdirSync(assets);
  writeFileSync(join(assets, "metadata.xml"), METADATA);
  writeFileSync(join(assets, "key.pub"), openSshKey(publicKey.export({ type: "spki", format: "pem" })));
  const issued = await openAuthority(await newAuthority(Date.now())).issue(["shop.example"], Date.now());
  writeFileSync(join(assets, "server.crt"), issued.certificatePem);
  writeFileSync(join(assets, "server.key"), issued.keyPem);
  let resources: readonly StateResource[] = [];
  const change = { marker: "two", session_hours: "2" };
  beforeAll(() => terraform.init());
  afterAll(() => {
    terraform.remove();
    api.close();
  });

  it("applies, and the next plan is empty", async () => {
    await terraform.apply();
    expect(await terraform.plan()).toContain("No changes");
    resources = await terraform.resources();
    expect(resources.length).toBeGreaterThan(20);
  });

  it("updates in place", async () => {
    await terraform.apply(change);
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("imports existing resources", async () => {
    const imported = resources.filter(({ type }) => !NOT_IMPORTED.has(type) && type.startsWith("aws_"));
    await terraform.reimport(imported, change);
    expect(await terraform.plan(change)).toContain("No changes");
  });

  it("destroys", async () => {
    await terraform.destroy();
    const kinds = [
      "user",
      "role",
      "group",
      "policy",
      "instanceProfile",
      "accessKey",
      "mfaDevice",
      "oidcProvider",
      "samlProvider",
      "serverCertificate",
    ] as const;
    for (const kind of kinds)
      expect(
        api.store.list(kind).filter((each) => !("accessKeyId" in each) || each.userArn !== undefined),
      ).toEqual([]);
    const { alias, passwordPolicy } = api.store.get("iamAccount", "000000000000") ?? {};
    expect([alias, passwordPolicy]).toEqual([undefined, undefined]);
  });
});
