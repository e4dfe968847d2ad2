import * as ssm from "@aws-sdk/client-ssm";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ssm.SSMClient(api.client());
const put = (Name: string, Value: string, more: object = {}) =>
  client.send(new ssm.PutParameterCommand({ Name, Value, Type: "String", ...more }));
const get = async (Name: string, WithDecryption = true) =>
  (await client.send(new ssm.GetParameterCommand({ Name, WithDecryption }))).Parameter;

beforeAll(async () => {
  await put("/app/url", "http://a", { Tags: [{ Key: "team", Value: "a" }] });
  await put("/app/db/password", "hidden", { Type: "SecureString", Description: "of the database" });
  await put("/app/db/hosts", "a,b", { Type: "StringList" });
  await put("plain", "1");
});

it("keeps versions and their history", async () => {
  await expect(put("plain", "2")).rejects.toMatchObject({ name: "ParameterAlreadyExists" });
  expect(await put("plain", "2", { Overwrite: true })).toMatchObject({ Version: 2, Tier: "Standard" });
  expect(await get("plain")).toMatchObject({
    Value: "2",
    Version: 2,
    ARN: "arn:aws:ssm:eu-south-1:000000000000:parameter/plain",
    DataType: "text",
  });
  expect(await get("plain:1")).toMatchObject({ Value: "1", Selector: ":1" });
  expect(await get("arn:aws:ssm:eu-south-1:000000000000:parameter/plain:1")).toMatchObject({ Value: "1" });
  await expect(get("plain:9")).rejects.toMatchObject({ name: "ParameterVersionNotFound" });
  await client.send(
    new ssm.LabelParameterVersionCommand({ Name: "plain", ParameterVersion: 1, Labels: ["good", "aws-no"] }),
  );
  expect(await get("plain:good")).toMatchObject({ Value: "1" });
  await client.send(new ssm.LabelParameterVersionCommand({ Name: "plain", Labels: ["good"] }));
  expect(await get("plain:good")).toMatchObject({ Value: "2" });
  const unlabelled = await client.send(
    new ssm.UnlabelParameterVersionCommand({ Name: "plain", ParameterVersion: 2, Labels: ["good", "bad"] }),
  );
  expect(unlabelled).toMatchObject({ RemovedLabels: ["good"], InvalidLabels: ["bad"] });
  const { Parameters } = await client.send(new ssm.GetParameterHistoryCommand({ Name: "plain" }));
  expect(Parameters).toMatchObject([
    { Version: 1, Value: "1" },
    { Version: 2, Value: "2" },
  ]);
});

it("decrypts a SecureString where it is asked to, and stores no plain text of it", async () => {
  expect(await get("/app/db/password")).toMatchObject({ Value: "hidden", Type: "SecureString" });
  expect((await get("/app/db/password", false))?.Value).not.toContain("hidden");
  expect(JSON.stringify(api.store.list("parameterVersion"))).not.toContain("hidden");
});

it("reads many, by name and by path", async () => {
  const many = await client.send(new ssm.GetParametersCommand({ Names: ["plain", "absent", "/app/url"] }));
  expect(many.Parameters?.map((each) => each.Name)).toEqual(["plain", "/app/url"]);
  expect(many.InvalidParameters).toEqual(["absent"]);
  const under = async (Path: string, Recursive: boolean) => {
    const { Parameters = [] } = await client.send(new ssm.GetParametersByPathCommand({ Path, Recursive }));
    return Parameters.map((each) => each.Name);
  };
  expect(await under("/app", false)).toEqual(["/app/url"]);
  expect(await under("/app/", true)).toEqual(["/app/db/hosts", "/app/db/password", "/app/url"]);
});

it("describes by filters", async () => {
  const found = async (...ParameterFilters: ssm.ParameterStringFilter[]) => {
    const { Parameters = [] } = await client.send(new ssm.DescribeParametersCommand({ ParameterFilters }));
    return Parameters.map((each) => each.Name);
  };
  expect(await found({ Key: "Type", Values: ["SecureString"] })).toEqual(["/app/db/password"]);
  expect(await found({ Key: "Name", Option: "BeginsWith", Values: ["/app/d"] })).toHaveLength(2);
  expect(await found({ Key: "Path", Values: ["/app/db"] })).toHaveLength(2);
  expect(await found({ Key: "tag:team", Values: ["a"] })).toEqual(["/app/url"]);
  await expect(found({ Key: "Type", Option: "Contains", Values: ["S"] })).rejects.toMatchObject({
    name: "InvalidFilterOption",
  });
});

it("tags and deletes", async () => {
  const named = { ResourceType: "Parameter", ResourceId: "/app/url" } as const;
  await client.send(new ssm.AddTagsToResourceCommand({ ...named, Tags: [{ Key: "x", Value: "y" }] }));
  await client.send(new ssm.RemoveTagsFromResourceCommand({ ...named, TagKeys: ["team"] }));
  const { TagList } = await client.send(new ssm.ListTagsForResourceCommand(named));
  expect(TagList).toEqual([{ Key: "x", Value: "y" }]);
  await client.send(new ssm.DeleteParameterCommand({ Name: "/app/url" }));
  await expect(get("/app/url")).rejects.toMatchObject({ name: "ParameterNotFound" });
  const deleted = await client.send(new ssm.DeleteParametersCommand({ Names: ["plain", "absent"] }));
  expect(deleted).toMatchObject({ DeletedParameters: ["plain"], InvalidParameters: ["absent"] });
  expect(api.store.list("parameterVersion")).toHaveLength(2);
});

it("refuses names that Parameter Store refuses", async () => {
  await expect(put("aws-mine", "v")).rejects.toThrow(/can't be prefixed/);
  await expect(put("/aws/mine", "v")).rejects.toMatchObject({ name: "AccessDeniedException" });
  await expect(put("a/b", "v")).rejects.toThrow("Parameter name must be a fully qualified name.");
  await expect(put("/x", "v".repeat(4097))).rejects.toThrow(/Standard tier parameters/);
  await expect(put("/x", "abc", { AllowedPattern: "\\d+" })).rejects.toMatchObject({
    name: "ParameterPatternMismatchException",
  });
  expect(await put("/x", "v".repeat(4097), { Tier: "Advanced" })).toMatchObject({ Tier: "Advanced" });
});

// Two parameters of one ARN could not be told apart by a policy: who may read one could read the other, whose
// tags differ.
it("has one parameter for each ARN", async () => {
  await put("/only", "v");
  await expect(put("only", "other")).rejects.toMatchObject({ name: "ParameterAlreadyExists" });
  await expect(put("only", "other", { Overwrite: true })).rejects.toMatchObject({
    name: "ParameterAlreadyExists",
  });
  await expect(get("only")).rejects.toMatchObject({ name: "ParameterNotFound" });
});

describe("the parameters that AWS publishes", () => {
  const value = async (Name: string): Promise<string> =>
    (await client.send(new ssm.GetParameterCommand({ Name }))).Parameter?.Value ?? "";

  it("name images, which stay the same", async () => {
    const recommended = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended";
    const facts = JSON.parse(await value(recommended)) as { image_id: string }; // As AWS writes it.
    expect(facts.image_id).toMatch(/^ami-[0-9a-f]{17}$/);
    expect(await value(`${recommended}/image_id`)).toBe(facts.image_id);
    expect(await value("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")).toMatch(
      /^ami-/,
    );
    expect(await value("/aws/service/aws-for-fluent-bit/stable")).toMatch(/\/aws-for-fluent-bit:stable$/);
  });

  it("name regions, zones and services, and have ARNs without an account", async () => {
    const root = "/aws/service/global-infrastructure";
    expect(await value(`${root}/regions/eu-south-1/longName`)).toBe("Europe (Milan)");
    const Path = `${root}/availability-zones`;
    const { Parameters = [] } = await client.send(new ssm.GetParametersByPathCommand({ Path }));
    expect(Parameters.map(({ Value }) => Value)).toEqual(["eu-south-1a", "eu-south-1b", "eu-south-1c"]);
    expect(Parameters[0]?.ARN).toBe(`arn:aws:ssm:eu-south-1::parameter${Path}/eu-south-1a`);
    const { Parameter } = await client.send(new ssm.GetParameterCommand({ Name: Parameters[0]?.ARN ?? "" }));
    expect(Parameter?.Value).toBe("eu-south-1a");
    await expect(value(`${root}/regions/nowhere-1`)).rejects.toMatchObject({ name: "ParameterNotFound" });
  });

  it("cannot be written", async () => {
    const put = { Name: "/aws/service/mine", Value: "x", Type: ssm.ParameterType.STRING };
    await expect(client.send(new ssm.PutParameterCommand(put))).rejects.toThrow();
  });
});
