import { createHash } from "node:crypto";
import * as sdk from "@aws-sdk/client-codedeploy";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member of a revision is shown by the revision that it names, or by its refusal.
const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CodeDeployClient(api.client());
const applicationName = "app";
const sha256Of = (content: string) => createHash("sha256").update(content).digest("hex");

beforeAll(() => client.send(new sdk.CreateApplicationCommand({ applicationName, computePlatform: "ECS" })));

const register = (revision: sdk.RevisionLocation) =>
  client.send(new sdk.RegisterApplicationRevisionCommand({ applicationName, revision }));
const get = async (revision: sdk.RevisionLocation) =>
  (await client.send(new sdk.GetApplicationRevisionCommand({ applicationName, revision }))).revision;
const batch = async (revisions: sdk.RevisionLocation[]) =>
  (
    await client.send(new sdk.BatchGetApplicationRevisionsCommand({ applicationName, revisions }))
  ).revisions?.map(({ revisionLocation }) => revisionLocation);

describe.each(["String", "AppSpecContent"] as const)("a revision of the type %s", (revisionType) => {
  const revisionOf = (content: string, sha256: string): sdk.RevisionLocation => ({
    revisionType,
    [revisionType === "String" ? "string" : "appSpecContent"]: { content, sha256 },
  });

  it("is found by its content, whose digest is verified", async () => {
    const content = `of ${revisionType}`;
    const revision = revisionOf(content, sha256Of(content));
    await register(revision);
    expect(await get(revision)).toEqual(revision);
    expect(await batch([revision])).toEqual([revision]);
    const wrong = revisionOf(content, sha256Of("other"));
    for (const call of [register, get, (each: sdk.RevisionLocation) => batch([each])])
      await expect(call(wrong)).rejects.toThrow("SHA-256");
  });
});

describe("a revision in S3", () => {
  const s3Location = { bucket: "b", key: "k", version: "1", eTag: "e" };

  it.each(["JSON", "YAML", "tar", "tgz", "zip"] as const)("of the bundle type %s", async (bundleType) => {
    const location = { ...s3Location, key: bundleType, bundleType };
    const revision: sdk.RevisionLocation = { revisionType: "S3", s3Location: location };
    await register(revision);
    expect(await get(revision)).toEqual(revision);
    expect(await batch([revision])).toEqual([revision]);
    for (const other of [{ version: "2" }, { eTag: "f" }])
      await expect(get({ ...revision, s3Location: { ...location, ...other } })).rejects.toMatchObject({
        name: "RevisionDoesNotExistException",
      });
  });

  it("of GitHub is refused", async () => {
    const revision: sdk.RevisionLocation = { revisionType: "GitHub" };
    for (const call of [register, get, (each: sdk.RevisionLocation) => batch([each])])
      await expect(call(revision)).rejects.toThrow("GitHub");
  });
});

it("revisions in the order of their use", async () => {
  api.store.transact((tx) => {
    for (const [index, each] of tx.list("codeDeployRevision").entries()) {
      const used = { registeredAt: index, firstUsedAt: 100 - index, lastUsedAt: (index * 7) % 10 };
      tx.put("codeDeployRevision", each.key, { ...each, ...used });
    }
  });
  const records = api.store.list("codeDeployRevision");
  const shown = (each: sdk.RevisionLocation) => JSON.stringify(each.s3Location?.key ?? each.revisionType);
  const listed = async (sortBy: sdk.ApplicationRevisionSortBy, sortOrder: sdk.SortOrder) => {
    const command = new sdk.ListApplicationRevisionsCommand({ applicationName, sortBy, sortOrder });
    return (await client.send(command)).revisions?.map(shown);
  };
  for (const [sortBy, field] of [
    ["registerTime", "registeredAt"],
    ["firstUsedTime", "firstUsedAt"],
    ["lastUsedTime", "lastUsedAt"],
  ] as const) {
    const ascending = records
      .toSorted((a, b) => (a[field] ?? 0) - (b[field] ?? 0))
      .map(({ revision: { type, s3 } }) => JSON.stringify(s3?.key ?? type));
    expect(await listed(sortBy, "ascending")).toEqual(ascending);
    expect(await listed(sortBy, "descending")).toEqual(ascending.toReversed());
  }
});

it.each(["Lambda", "Server"] as const)(
  "an application of the platform %s deploys nothing",
  async (platform) => {
    const name = `of-${platform}`;
    await client.send(new sdk.CreateApplicationCommand({ applicationName: name, computePlatform: platform }));
    const { application } = await client.send(new sdk.GetApplicationCommand({ applicationName: name }));
    expect(application?.computePlatform).toBe(platform);
    const group = {
      applicationName: name,
      deploymentGroupName: "g",
      serviceRoleArn: "arn:aws:iam::0:role/r",
    };
    await expect(client.send(new sdk.CreateDeploymentGroupCommand(group))).rejects.toThrow(platform);
    const config = { deploymentConfigName: name, computePlatform: platform };
    await expect(client.send(new sdk.CreateDeploymentConfigCommand(config))).rejects.toMatchObject({
      name: "InvalidComputePlatformException",
    });
  },
);
