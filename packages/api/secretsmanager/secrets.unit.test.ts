import * as iam from "@aws-sdk/client-iam";
import * as sm from "@aws-sdk/client-secrets-manager";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sm.SecretsManagerClient(api.client());
const users = new iam.IAMClient(api.client());
const token = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;
const valueOf = (SecretId: string, more: object = {}) =>
  client.send(new sm.GetSecretValueCommand({ SecretId, ...more }));

it("keeps versions and moves their stages", async () => {
  const created = await client.send(
    new sm.CreateSecretCommand({
      Name: "db/main",
      SecretString: "one",
      Description: "the main database",
      ClientRequestToken: token(1),
      Tags: [{ Key: "team", Value: "a" }],
    }),
  );
  expect(created.ARN).toMatch(
    /^arn:aws:secretsmanager:eu-south-1:000000000000:secret:db\/main-[A-Za-z0-9]{6}$/,
  );
  const again = { Name: "db/main", SecretString: "one", ClientRequestToken: token(1) };
  await expect(client.send(new sm.CreateSecretCommand(again))).resolves.toMatchObject({ ARN: created.ARN });
  await expect(
    client.send(new sm.CreateSecretCommand({ Name: "db/main", SecretString: "other" })),
  ).rejects.toMatchObject({ name: "ResourceExistsException" });
  await client.send(
    new sm.PutSecretValueCommand({ SecretId: "db/main", SecretString: "two", ClientRequestToken: token(2) }),
  );
  expect(await valueOf("db/main")).toMatchObject({ SecretString: "two", VersionStages: ["AWSCURRENT"] });
  expect(await valueOf("db/main", { VersionStage: "AWSPREVIOUS" })).toMatchObject({ SecretString: "one" });
  expect(await valueOf(created.ARN ?? "", { VersionId: token(1) })).toMatchObject({ SecretString: "one" });
  expect(await valueOf(created.ARN?.slice(0, -7) ?? "")).toMatchObject({ SecretString: "two" });
  await client.send(
    new sm.PutSecretValueCommand({
      SecretId: "db/main",
      SecretBinary: Buffer.from([1, 2]),
      ClientRequestToken: token(3),
      VersionStages: ["AWSPENDING"],
    }),
  );
  const pending = await valueOf("db/main", { VersionStage: "AWSPENDING" });
  expect([...(pending.SecretBinary ?? [])]).toEqual([1, 2]);
  await expect(
    client.send(
      new sm.UpdateSecretVersionStageCommand({
        SecretId: "db/main",
        VersionStage: "AWSCURRENT",
        MoveToVersionId: token(3),
      }),
    ),
  ).rejects.toThrow(/RemoveFromVersionId/);
  await client.send(
    new sm.UpdateSecretVersionStageCommand({
      SecretId: "db/main",
      VersionStage: "AWSCURRENT",
      MoveToVersionId: token(3),
      RemoveFromVersionId: token(2),
    }),
  );
  const { Versions = [] } = await client.send(
    new sm.ListSecretVersionIdsCommand({ SecretId: "db/main", IncludeDeprecated: true }),
  );
  expect(Object.fromEntries(Versions.map((each) => [each.VersionId, each.VersionStages]))).toEqual({
    [token(1)]: [],
    [token(2)]: ["AWSPREVIOUS"],
    [token(3)]: ["AWSPENDING", "AWSCURRENT"],
  });
  await expect(valueOf("db/main", { VersionStage: "none" })).rejects.toThrow(
    "Secrets Manager can't find the specified secret value for staging label: none",
  );
});

it("describes, filters, updates and tags", async () => {
  await client.send(new sm.CreateSecretCommand({ Name: "app/key", Description: "Signs cookies" }));
  await expect(valueOf("app/key")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  await client.send(
    new sm.UpdateSecretCommand({ SecretId: "app/key", Description: "Signs sessions", SecretString: "v" }),
  );
  await client.send(
    new sm.TagResourceCommand({
      SecretId: "app/key",
      Tags: [
        { Key: "a", Value: "b" },
        { Key: "c", Value: "d" },
      ],
    }),
  );
  await client.send(new sm.UntagResourceCommand({ SecretId: "app/key", TagKeys: ["c"] }));
  expect(await client.send(new sm.DescribeSecretCommand({ SecretId: "app/key" }))).toMatchObject({
    Description: "Signs sessions",
    Tags: [{ Key: "a", Value: "b" }],
  });
  const listed = async (Filters: sm.Filter[]) =>
    (await client.send(new sm.ListSecretsCommand({ Filters }))).SecretList?.map((each) => each.Name);
  expect(await listed([{ Key: "name", Values: ["app/"] }])).toEqual(["app/key"]);
  expect(await listed([{ Key: "description", Values: ["SESS"] }])).toEqual(["app/key"]);
  expect(await listed([{ Key: "name", Values: ["!app/"] }])).toEqual(["db/main"]);
  const batch = await client.send(new sm.BatchGetSecretValueCommand({ SecretIdList: ["app/key", "absent"] }));
  expect(batch.SecretValues).toMatchObject([{ Name: "app/key", SecretString: "v" }]);
  expect(batch.Errors).toMatchObject([{ SecretId: "absent", ErrorCode: "ResourceNotFoundException" }]);
});

it("generates random passwords of the requested characters", async () => {
  const { RandomPassword = "" } = await client.send(
    new sm.GetRandomPasswordCommand({
      PasswordLength: 64,
      ExcludePunctuation: true,
      ExcludeCharacters: "aB1",
    }),
  );
  expect(RandomPassword).toMatch(/^[A-Za-z0-9]{64}$/);
  expect(RandomPassword).not.toMatch(/[aB1]/);
  expect(RandomPassword).toMatch(/[a-z].*|.*[A-Z]|.*[0-9]/);
});

it("keeps a deleted secret for its recovery window", async () => {
  await client.send(new sm.CreateSecretCommand({ Name: "old", SecretString: "v" }));
  await client.send(new sm.DeleteSecretCommand({ SecretId: "old", RecoveryWindowInDays: 7 }));
  await expect(valueOf("old")).rejects.toMatchObject({ name: "InvalidRequestException" });
  await expect(client.send(new sm.CreateSecretCommand({ Name: "old" }))).rejects.toThrow(
    "You can't create this secret because a secret with this name is already scheduled for deletion.",
  );
  await client.send(new sm.RestoreSecretCommand({ SecretId: "old" }));
  expect(await valueOf("old")).toMatchObject({ SecretString: "v" });
  await client.send(new sm.DeleteSecretCommand({ SecretId: "old", ForceDeleteWithoutRecovery: true }));
  await expect(valueOf("old")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  expect(api.store.list("secretVersion").some((version) => version.secretArn.includes(":old-"))).toBe(false);
});

it("evaluates a secret's own policy", async () => {
  const created = await client.send(new sm.CreateSecretCommand({ Name: "guarded", SecretString: "v" }));
  const { User } = await users.send(new iam.CreateUserCommand({ UserName: "reader" }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "reader" }));
  const reader = new sm.SecretsManagerClient(
    api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    }),
  );
  const read = () => reader.send(new sm.GetSecretValueCommand({ SecretId: "guarded" }));
  await expect(read()).rejects.toMatchObject({ name: "AccessDeniedException" });
  const statement = (Effect: string) => ({
    Effect,
    Principal: { AWS: User?.Arn },
    Action: "secretsmanager:GetSecretValue",
    Resource: "*",
  });
  const put = (...Statement: object[]) =>
    client.send(
      new sm.PutResourcePolicyCommand({
        SecretId: "guarded",
        ResourcePolicy: JSON.stringify({ Version: "2012-10-17", Statement }),
      }),
    );
  await put(statement("Allow"));
  expect(await read()).toMatchObject({ SecretString: "v" });
  await put(statement("Allow"), statement("Deny"));
  await expect(read()).rejects.toThrow(/explicit deny/);
  const { ResourcePolicy = "" } = await client.send(new sm.GetResourcePolicyCommand({ SecretId: "guarded" }));
  expect(JSON.parse(ResourcePolicy)).toMatchObject({ Statement: [{}, { Effect: "Deny" }] });
  await client.send(new sm.DeleteResourcePolicyCommand({ SecretId: "guarded" }));
  await expect(put({ Effect: "Allow" })).rejects.toMatchObject({ name: "MalformedPolicyDocumentException" });
  const check = await client.send(
    new sm.ValidateResourcePolicyCommand({
      ResourcePolicy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ ...statement("Allow"), Principal: "*" }],
      }),
    }),
  );
  expect(check).toMatchObject({ PolicyValidationPassed: false });
  expect(created.ARN).toBeDefined();
});

it("stores no value in plain text", () => {
  const text = JSON.stringify([...api.store.list("secret"), ...api.store.list("secretVersion")]);
  for (const value of ["one", "two"]) expect(text).not.toContain(`"${value}"`);
});
