import * as ssm from "@aws-sdk/client-ssm";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it answers or narrows.
const api = await startApi();
afterAll(() => api.close());
const client = new ssm.SSMClient(api.client());
const put = (Name: string, Value: string, more: Partial<ssm.PutParameterRequest> = {}) =>
  client.send(new ssm.PutParameterCommand({ Name, Value, Type: "String", ...more }));

beforeAll(async () => {
  await put("/a/plain", "1", { Tier: "Standard" });
  await put("/a/hidden", "secret", { Type: "SecureString" });
});

it("values of secure strings come decrypted where that is asked for", async () => {
  const many = async (WithDecryption: boolean) =>
    (await client.send(new ssm.GetParametersCommand({ Names: ["/a/hidden"], WithDecryption }))).Parameters;
  const below = async (WithDecryption: boolean) => {
    const ParameterFilters = [{ Key: "Type", Option: "Equals", Values: ["SecureString"] }];
    const command = new ssm.GetParametersByPathCommand({ Path: "/a", WithDecryption, ParameterFilters });
    return (await client.send(command)).Parameters;
  };
  const history = async (WithDecryption: boolean) =>
    (await client.send(new ssm.GetParameterHistoryCommand({ Name: "/a/hidden", WithDecryption }))).Parameters;
  for (const read of [many, below, history]) {
    expect((await read(true))?.map(({ Value }) => Value)).toEqual(["secret"]);
    expect((await read(false))?.map(({ Value }) => Value)).not.toEqual(["secret"]);
  }
});

it("parameters are described by the older filters, and none is shared", async () => {
  const names = async (input: ssm.DescribeParametersRequest) =>
    (await client.send(new ssm.DescribeParametersCommand(input))).Parameters?.map(({ Name }) => Name);
  expect(await names({ Filters: [{ Key: "Name", Values: ["/a/plain"] }] })).toEqual(["/a/plain"]);
  expect(await names({ Filters: [{ Key: "Type", Values: ["SecureString"] }] })).toEqual(["/a/hidden"]);
  expect(await names({ Filters: [{ Key: "KeyId", Values: ["alias/aws/ssm"] }] })).toEqual(["/a/hidden"]);
  expect(await names({ Shared: true })).toEqual([]);
});

it("a parameter becomes advanced by its size where the tier is to follow it", async () => {
  const tierOf = async (Name: string, size: number) =>
    (await put(Name, "x".repeat(size), { Tier: "Intelligent-Tiering" })).Tier;
  expect([await tierOf("/b/small", 4_096), await tierOf("/b/large", 4_097)]).toEqual([
    "Standard",
    "Advanced",
  ]);
});

it("a value that does not match the pattern is refused", async () => {
  await expect(put("/a/number", "x", { AllowedPattern: "^\\d+$" })).rejects.toMatchObject({
    name: "ParameterPatternMismatchException",
  });
  await put("/a/number", "1", { AllowedPattern: "^\\d+$" });
});
