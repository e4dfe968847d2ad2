import { CreateKeyCommand, DisableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import * as sm from "@aws-sdk/client-secrets-manager";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it answers or narrows.
const api = await startApi();
afterAll(() => api.close());
const client = new sm.SecretsManagerClient(api.client());
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = async (SecretId: string) =>
  Buffer.from((await client.send(new sm.GetSecretValueCommand({ SecretId }))).SecretBinary ?? []).toString();

beforeAll(async () => {
  const Tags = [{ Key: "team", Value: "a" }];
  await client.send(
    new sm.CreateSecretCommand({ Name: "first", SecretString: "1", Description: "the one", Tags }),
  );
  await client.send(new sm.CreateSecretCommand({ Name: "second", SecretBinary: bytes("two") }));
});

it("values that are bytes", async () => {
  expect(await textOf("second")).toBe("two");
  await client.send(new sm.UpdateSecretCommand({ SecretId: "second", SecretBinary: bytes("three") }));
  expect(await textOf("second")).toBe("three");
});

it("filters and orders of lists", async () => {
  const names = async (input: sm.ListSecretsRequest) =>
    (await client.send(new sm.ListSecretsCommand(input))).SecretList?.map(({ Name }) => Name);
  const batch = async (Filters: sm.Filter[]) =>
    (await client.send(new sm.BatchGetSecretValueCommand({ Filters }))).SecretValues?.map(({ Name }) => Name);
  for (const [Key, value] of [
    ["tag-key", "team"],
    ["tag-value", "a"],
    ["description", "the"],
    ["all", "the"],
  ] as const) {
    const Filters = [{ Key, Values: [value] }];
    expect([await names({ Filters }), await batch(Filters)]).toEqual([["first"], ["first"]]);
  }
  expect(await names({ SortBy: "name", SortOrder: "asc" })).toEqual(["first", "second"]);
  expect(await names({ SortBy: "name", SortOrder: "desc" })).toEqual(["second", "first"]);
  const Filters: sm.Filter[] = [{ Key: "primary-region", Values: ["eu-south-1"] }];
  expect([await names({ Filters }), await batch(Filters)]).toEqual([
    ["first", "second"],
    ["first", "second"],
  ]);
  const owned: sm.Filter[] = [{ Key: "owning-service", Values: ["rds"] }];
  expect([await names({ Filters: owned }), await batch(owned)]).toEqual([[], []]);
  await client.send(new sm.CreateSecretCommand({ Name: "firstly", SecretString: "3" }));
  const descending = ["second", "firstly", "first"];
  expect(await names({ SortBy: "name", SortOrder: "desc" })).toEqual(descending);
  await client.send(new sm.CreateSecretCommand({ Name: "third", SecretString: "3" }));
  await client.send(new sm.DeleteSecretCommand({ SecretId: "third" }));
  expect(await names({})).not.toContain("third");
  expect(await names({ IncludePlannedDeletion: true })).toContain("third");
});

it("orders of lists", async () => {
  const names = async (input: sm.ListSecretsRequest) => {
    const Filters: sm.Filter[] = [{ Key: "tag-key", Values: ["ordered"] }];
    const { SecretList } = await client.send(new sm.ListSecretsCommand({ Filters, ...input }));
    return SecretList?.map(({ Name }) => Name);
  };
  const Tags = [{ Key: "ordered", Value: "1" }];
  for (const [index, Name] of ["b", "a", "ab"].entries()) {
    const { ARN = "" } = await client.send(new sm.CreateSecretCommand({ Name, SecretString: "1", Tags }));
    api.store.transact((tx) => {
      const secret = tx.get("secret", ARN) ?? expect.fail("It has been created.");
      tx.put("secret", ARN, { ...secret, createdAt: index, lastChangedAt: 10 - index });
    });
  }
  expect(await names({ SortBy: "created-date", SortOrder: "asc" })).toEqual(["b", "a", "ab"]);
  expect(await names({ SortBy: "last-changed-date", SortOrder: "asc" })).toEqual(["ab", "a", "b"]);
  // Before: names that descend were in the order of their creation.
  expect(await names({ SortBy: "name", SortOrder: "desc" })).toEqual(["b", "ab", "a"]);
  // Before: it was the order of creation too. No access is recorded.
  await expect(names({ SortBy: "last-accessed-date" })).rejects.toThrow("SortBy");
});

it("values are sealed with the key that an update gives", async () => {
  const keys = new KMSClient(api.client());
  const { KeyMetadata } = await keys.send(new CreateKeyCommand({}));
  const KmsKeyId = KeyMetadata?.Arn ?? "";
  await client.send(new sm.CreateSecretCommand({ Name: "keyed", SecretString: "1" }));
  await client.send(new sm.UpdateSecretCommand({ SecretId: "keyed", KmsKeyId, SecretString: "2" }));
  const shown = await client.send(new sm.DescribeSecretCommand({ SecretId: "keyed" }));
  expect(shown.KmsKeyId).toBe(KmsKeyId);
  const read = () => client.send(new sm.GetSecretValueCommand({ SecretId: "keyed" }));
  expect((await read()).SecretString).toBe("2");
  await keys.send(new DisableKeyCommand({ KeyId: KmsKeyId }));
  await expect(read()).rejects.toMatchObject({ name: "DecryptionFailure" });
});

it("random passwords of the characters that are left", async () => {
  const password = async (input: sm.GetRandomPasswordRequest) =>
    (await client.send(new sm.GetRandomPasswordCommand({ PasswordLength: 200, ...input }))).RandomPassword ??
    "";
  const no = { ExcludeNumbers: true, ExcludeUppercase: true, ExcludePunctuation: true };
  expect(await password(no)).toMatch(/^[a-z]{200}$/);
  const digits = { ExcludeLowercase: true, ExcludeUppercase: true, ExcludePunctuation: true };
  expect(await password({ ...digits, RequireEachIncludedType: true })).toMatch(/^[0-9]{200}$/);
  expect(
    await password({ ...digits, IncludeSpace: true, ExcludeCharacters: "0123456789" }).catch(String),
  ).toMatch(/^ +$|Exception/);
});

it("a policy that everybody could use is blocked where that is asked for", async () => {
  const policyOf = (Principal: unknown) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal, Action: "secretsmanager:GetSecretValue", Resource: "*" },
    });
  const put = (ResourcePolicy: string, BlockPublicPolicy: boolean) =>
    client.send(new sm.PutResourcePolicyCommand({ SecretId: "first", ResourcePolicy, BlockPublicPolicy }));
  await expect(put(policyOf("*"), true)).rejects.toMatchObject({ name: "PublicPolicyException" });
  await put(policyOf("*"), false);
  await put(policyOf({ AWS: "arn:aws:iam::000000000000:root" }), true);
});
