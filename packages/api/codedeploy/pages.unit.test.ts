import * as sdk from "@aws-sdk/client-codedeploy";
import type { CodeDeployGroupRecord, CodeDeploymentRecord } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

// A list has a hundred items at a time; the next page begins where the last one ended.
const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CodeDeployClient(api.client());
const COUNT = 101;
const applicationName = "known-app";
const names = Array.from({ length: COUNT }, (_, index) => `n${String(index).padStart(3, "0")}`);

beforeAll(async () => {
  await client.send(new sdk.CreateApplicationCommand({ applicationName, computePlatform: "ECS" }));
  const revision: sdk.RevisionLocation = { revisionType: "String", string: { content: "x" } };
  await client.send(new sdk.RegisterApplicationRevisionCommand({ applicationName, revision }));
  const trafficRoutingConfig = { type: "AllAtOnce" } as const;
  const config = { deploymentConfigName: "known-config", computePlatform: "ECS" } as const;
  await client.send(new sdk.CreateDeploymentConfigCommand({ ...config, trafficRoutingConfig }));
  api.store.transact((tx) => {
    const [app = none()] = tx.list("codeDeployApplication");
    const [known = none()] = tx.list("codeDeployRevision");
    const [own = none()] = tx.list("codeDeployConfig");
    const { account, region, arn: applicationArn } = app;
    for (const [index, name] of names.entries()) {
      const arn = app.arn.replace(app.name, name);
      tx.put("codeDeployApplication", arn, { ...app, arn, name });
      const key = `${known.key}-${name}`;
      tx.put("codeDeployRevision", key, {
        ...known,
        key,
        registeredAt: index,
        revision: { ...known.revision, content: name },
      });
      const configArn = own.arn.replace(own.name, name);
      tx.put("codeDeployConfig", configArn, { ...own, arn: configArn, name });
      // The members that the lists and the indexes read.
      const group = { account, region, arn: `${applicationArn}/${name}`, applicationArn, name };
      const settings = { serviceArn: name };
      tx.put("codeDeployGroup", group.arn, { ...group, settings } as CodeDeployGroupRecord);
      const deployment = { account, region, id: name, key: name, groupArn: group.arn, createdAt: index };
      tx.put("codeDeployment", name, { ...deployment, applicationName } as CodeDeploymentRecord);
    }
  });
});

function none(): never {
  return expect.fail("It was just made.");
}

interface Page {
  readonly items: readonly string[] | undefined;
  readonly nextToken: string | undefined;
}

it.each<[string, readonly string[], (nextToken?: string) => Promise<Page>]>([
  [
    "applications",
    [...names, applicationName].toSorted(),
    async (nextToken) => {
      const answer = await client.send(new sdk.ListApplicationsCommand({ nextToken }));
      return { items: answer.applications, nextToken: answer.nextToken };
    },
  ],
  [
    "revisions, the newest first",
    ["x", ...names.toReversed()],
    async (nextToken) => {
      const answer = await client.send(
        new sdk.ListApplicationRevisionsCommand({ applicationName, nextToken }),
      );
      const items = answer.revisions?.map((each) => each.string?.content ?? "");
      return { items, nextToken: answer.nextToken };
    },
  ],
  [
    "groups",
    names,
    async (nextToken) => {
      const answer = await client.send(new sdk.ListDeploymentGroupsCommand({ applicationName, nextToken }));
      return { items: answer.deploymentGroups, nextToken: answer.nextToken };
    },
  ],
  [
    "deployments, the newest first",
    names.toReversed(),
    async (nextToken) => {
      const answer = await client.send(new sdk.ListDeploymentsCommand({ applicationName, nextToken }));
      return { items: answer.deployments, nextToken: answer.nextToken };
    },
  ],
  [
    "configurations, besides the predefined ones",
    ["known-config", ...names],
    async (nextToken) => {
      const answer = await client.send(new sdk.ListDeploymentConfigsCommand({ nextToken }));
      return { items: answer.deploymentConfigsList, nextToken: answer.nextToken };
    },
  ],
])("lists %s", async (_, wanted, list) => {
  const first = await list();
  expect(first.items).toHaveLength(100);
  const second = await list(first.nextToken);
  expect(second.nextToken).toBeUndefined();
  const items = [...(first.items ?? []), ...(second.items ?? [])];
  expect(items.filter((each) => !each.startsWith("CodeDeployDefault."))).toEqual(wanted);
});
