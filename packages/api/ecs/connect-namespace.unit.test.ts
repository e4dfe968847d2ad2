import * as ecs from "@aws-sdk/client-ecs";
import * as maps from "@aws-sdk/client-servicediscovery";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const cloudMap = new maps.ServiceDiscoveryClient(api.client());
const create = async (clusterName: string, namespace: string) => {
  const command = new ecs.CreateClusterCommand({ clusterName, serviceConnectDefaults: { namespace } });
  return (await client.send(command)).cluster?.serviceConnectDefaults?.namespace;
};
const namespaces = async () => (await cloudMap.send(new maps.ListNamespacesCommand({}))).Namespaces ?? [];

it("a cluster's namespace is one of Cloud Map, which is created where its name is new", async () => {
  const arn = (await create("a", "shop")) ?? "";
  expect(await namespaces()).toMatchObject([{ Arn: arn, Name: "shop", Type: "HTTP" }]);
  const { Tags } = await cloudMap.send(new maps.ListTagsForResourceCommand({ ResourceARN: arn }));
  expect(Tags).toEqual([{ Key: "AmazonECSManaged", Value: "true" }]);
  expect(await create("b", "shop")).toBe(arn);
  expect(await create("c", arn)).toBe(arn);
  expect(await namespaces()).toHaveLength(1);
  const update = { cluster: "c", serviceConnectDefaults: { namespace: "other" } };
  const { cluster } = await client.send(new ecs.UpdateClusterCommand(update));
  expect(cluster?.serviceConnectDefaults?.namespace).toBe(
    (await namespaces()).find(({ Name }) => Name === "other")?.Arn,
  );
});

it("a namespace that does not exist, or is another account's, is not found", async () => {
  const [known] = await namespaces();
  const foreign = known?.Arn?.replace("000000000000", "111111111111") ?? "";
  for (const arn of [foreign, `${known?.Arn}0`])
    await expect(create("d", arn)).rejects.toMatchObject({ name: "NamespaceNotFoundException" });
});
