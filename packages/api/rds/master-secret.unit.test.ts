import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as rds from "@aws-sdk/client-rds";
import * as sm from "@aws-sdk/client-secrets-manager";
import { rotationController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
const secrets = new sm.SecretsManagerClient(api.client());
const keys = new kms.KMSClient(api.client());
const users = new iam.IAMClient(api.client());

const BASIC = {
  Engine: "mysql",
  DBInstanceClass: "db.t3.micro",
  AllocatedStorage: 20,
  MasterUsername: "admin",
};
const create = async (DBInstanceIdentifier: string, more: Partial<rds.CreateDBInstanceCommandInput> = {}) => {
  const input = { ...BASIC, DBInstanceIdentifier, ManageMasterUserPassword: true, ...more };
  const { DBInstance } = await client.send(new rds.CreateDBInstanceCommand(input));
  return DBInstance ?? expect.fail();
};
const modify = async (input: rds.ModifyDBInstanceCommandInput) =>
  (await client.send(new rds.ModifyDBInstanceCommand(input))).DBInstance ?? expect.fail();
const describeInstance = async (DBInstanceIdentifier: string) =>
  (await client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0] ??
  expect.fail();
const recordOf = (name: string) =>
  api.store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
/** What the node's report does once the server answers. */
const makeAvailable = (name: string) =>
  api.store.transact((tx) =>
    tx.put("databaseInstance", recordOf(name).arn, { ...recordOf(name), status: "available" }),
  );
const valueOf = async (SecretId = "") => {
  const { SecretString } = await secrets.send(new sm.GetSecretValueCommand({ SecretId }));
  return JSON.parse(SecretString ?? "") as { username: string; password: string };
};
const newKey = async () => (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn ?? expect.fail();

/** A user who may do what the statements say. */
async function user(UserName: string, ...Statement: object[]) {
  await users.send(new iam.CreateUserCommand({ UserName }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await users.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument }));
  return api.client({
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  });
}

describe("a master password that RDS manages", () => {
  let arn = "";
  beforeAll(async () => {
    arn = (await create("managed")).MasterUserSecret?.SecretArn ?? "";
  });

  it("is in a secret that RDS owns, with the user's name", async () => {
    const shown = (await describeInstance("managed")).MasterUserSecret;
    const { Aliases = [] } = await keys.send(new kms.ListAliasesCommand({}));
    const own = Aliases.find(({ AliasName }) => AliasName === "alias/aws/secretsmanager");
    expect(shown).toMatchObject({ SecretArn: arn, SecretStatus: "creating" });
    expect(shown?.KmsKeyId).toContain(`key/${own?.TargetKeyId}`);
    expect(arn).toMatch(/:secret:rds!db-[0-9a-f-]{36}-[0-9a-f]{6}$/);
    const described = await secrets.send(new sm.DescribeSecretCommand({ SecretId: arn }));
    expect(described).toMatchObject({
      ...{ OwningService: "rds", RotationEnabled: true, RotationRules: { AutomaticallyAfterDays: 7 } },
      Tags: expect.arrayContaining([{ Key: "aws:secretsmanager:owningService", Value: "rds" }]),
    });
    const { username, password } = await valueOf(arn);
    expect(username).toBe("admin");
    expect(password).toMatch(/^[A-Za-z0-9]{28}$/);
    expect(api.vault.open(recordOf("managed").sealedPassword)).toBe(password);
    makeAvailable("managed");
    expect((await describeInstance("managed")).MasterUserSecret?.SecretStatus).toBe("active");
    const Filters: sm.Filter[] = [{ Key: "owning-service", Values: ["rds"] }];
    const { SecretList } = await secrets.send(new sm.ListSecretsCommand({ Filters }));
    expect(SecretList?.map((each) => [each.ARN, each.OwningService])).toEqual([[arn, "rds"]]);
  });

  it("is neither changed nor deleted by anyone else", async () => {
    const SecretId = arn;
    const versionId = (await secrets.send(new sm.ListSecretVersionIdsCommand({ SecretId }))).Versions?.[0]
      ?.VersionId;
    const key = await newKey();
    const stage = { SecretId, VersionStage: "mine", MoveToVersionId: versionId };
    const RotationLambdaARN = "arn:aws:lambda:eu-south-1:000000000000:function:f";
    const managed = "because it is managed by rds";
    await expect(secrets.send(new sm.DeleteSecretCommand({ SecretId }))).rejects.toThrow(managed);
    const forced = new sm.DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true });
    await expect(secrets.send(forced)).rejects.toThrow(managed);
    const put = new sm.PutSecretValueCommand({ SecretId, SecretString: "mine" });
    await expect(secrets.send(put)).rejects.toThrow(managed);
    const text = new sm.UpdateSecretCommand({ SecretId, SecretString: "mine" });
    await expect(secrets.send(text)).rejects.toThrow(managed);
    const other = new sm.UpdateSecretCommand({ SecretId, KmsKeyId: key });
    await expect(secrets.send(other)).rejects.toThrow(managed);
    await expect(secrets.send(new sm.UpdateSecretVersionStageCommand(stage))).rejects.toThrow(managed);
    const rotation = secrets.send(new sm.RotateSecretCommand({ SecretId, RotationLambdaARN }));
    await expect(rotation).rejects.toThrow("You can't specify a rotation function");
    expect((await valueOf(arn)).username).toBe("admin");
  });

  it("is read by those alone who may read the secret", async () => {
    const reader = await user("describes", { Effect: "Allow", Action: "rds:*", Resource: "*" });
    const { DBInstances } = await new rds.RDSClient(reader).send(new rds.DescribeDBInstancesCommand({}));
    expect(JSON.stringify(DBInstances)).not.toContain((await valueOf(arn)).password);
    const read = new sm.SecretsManagerClient(reader).send(new sm.GetSecretValueCommand({ SecretId: arn }));
    await expect(read).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  it("takes permission to create a secret", async () => {
    const maker = await user("maker", { Effect: "Allow", Action: ["rds:*", "iam:*"], Resource: "*" });
    const asked = new rds.RDSClient(maker).send(
      new rds.CreateDBInstanceCommand({
        ...BASIC,
        DBInstanceIdentifier: "denied",
        ManageMasterUserPassword: true,
      }),
    );
    await expect(asked).rejects.toThrow("secretsmanager:CreateSecret");
    expect(api.store.list("databaseInstance").some(({ identifier }) => identifier === "denied")).toBe(false);
  });

  it("is rotated when asked, by RDS and by Secrets Manager", async () => {
    const DBInstanceIdentifier = "managed";
    const before = await valueOf(arn);
    const rotate = { DBInstanceIdentifier, RotateMasterUserPassword: true };
    await expect(modify(rotate)).rejects.toThrow("You must apply the change immediately");
    const rotating = await modify({ ...rotate, ApplyImmediately: true });
    expect(rotating.DBInstanceStatus).toBe("resetting-master-credentials");
    expect(rotating.MasterUserSecret?.SecretStatus).toBe("rotating");
    const after = await valueOf(arn);
    expect(after.password).not.toBe(before.password);
    expect(api.vault.open(recordOf("managed").sealedPassword)).toBe(after.password);
    await expect(modify({ ...rotate, ApplyImmediately: true })).rejects.toMatchObject({
      name: "InvalidDBInstanceStateFault",
    });
    const previous = await secrets.send(
      new sm.GetSecretValueCommand({ SecretId: arn, VersionStage: "AWSPREVIOUS" }),
    );
    expect(previous.SecretString).toContain(before.password);
    await expect(secrets.send(new sm.RotateSecretCommand({ SecretId: arn }))).rejects.toThrow(
      "must be available",
    );
    makeAvailable("managed");
    const RotationRules = { AutomaticallyAfterDays: 30 };
    await secrets.send(
      new sm.RotateSecretCommand({ SecretId: arn, RotationRules, RotateImmediately: false }),
    );
    expect(await valueOf(arn)).toEqual(after);
    await secrets.send(new sm.RotateSecretCommand({ SecretId: arn }));
    expect((await valueOf(arn)).password).not.toBe(after.password);
    const described = await secrets.send(new sm.DescribeSecretCommand({ SecretId: arn }));
    expect(described.RotationRules).toMatchObject(RotationRules);
    expect(
      Object.values(described.VersionIdsToStages ?? {})
        .flat()
        .toSorted(),
    ).toEqual(["AWSCURRENT", "AWSPREVIOUS"]);
  });

  it("is rotated by its schedule while the instance is available", async () => {
    const system = new SystemClock();
    const clock = { now: () => system.now() + 31 * 86_400_000, after: system.after.bind(system) };
    const controller = rotationController({
      ...{ store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault },
      callFunction: () => expect.fail("RDS rotates without a function."),
    });
    const before = await valueOf(arn);
    expect(await controller.reconcile(arn)).toBe(60_000);
    expect(await valueOf(arn)).toEqual(before);
    makeAvailable("managed");
    await controller.reconcile(arn);
    expect((await valueOf(arn)).password).not.toBe(before.password);
    expect(await controller.reconcile(arn)).toBeGreaterThan(29 * 86_400_000);
  });

  it("becomes the caller's again, and a secret again", async () => {
    const named = { DBInstanceIdentifier: "managed" };
    await expect(modify({ ...named, MasterUserPassword: "chosen-one" })).rejects.toThrow("RDS manages it");
    await expect(modify({ ...named, MasterUserSecretKmsKeyId: await newKey() })).rejects.toThrow("KMS key");
    await expect(modify({ ...named, ManageMasterUserPassword: false })).rejects.toThrow("You must specify");
    const own = await modify({ ...named, ManageMasterUserPassword: false, MasterUserPassword: "chosen-one" });
    expect(own.MasterUserSecret).toBeUndefined();
    expect(api.store.get("secret", arn)).toBeUndefined();
    expect(api.vault.open(recordOf("managed").sealedPassword)).toBe("chosen-one");
    await expect(
      modify({ ...named, RotateMasterUserPassword: true, ApplyImmediately: true }),
    ).rejects.toThrow("RDS doesn't manage it");
    const key = await newKey();
    const again = await modify({ ...named, ManageMasterUserPassword: true, MasterUserSecretKmsKeyId: key });
    expect(again.MasterUserSecret).toMatchObject({ KmsKeyId: key, SecretStatus: "rotating" });
    const value = await valueOf(again.MasterUserSecret?.SecretArn);
    expect(api.vault.open(recordOf("managed").sealedPassword)).toBe(value.password);
  });

  it("goes with its instance", async () => {
    const { MasterUserSecret } = await create("gone");
    const SecretArn = MasterUserSecret?.SecretArn ?? "";
    await client.send(
      new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: "gone", SkipFinalSnapshot: true }),
    );
    expect(api.store.get("secret", SecretArn)).toBeUndefined();
    expect(api.store.list("secretVersion").filter(({ secretArn }) => secretArn === SecretArn)).toEqual([]);
  });

  it("is not given beside a password, and its key not without it", async () => {
    await expect(create("both", { MasterUserPassword: "long-enough" })).rejects.toThrow("MasterUserPassword");
    const key = {
      ManageMasterUserPassword: false,
      MasterUserPassword: "long-enough",
      MasterUserSecretKmsKeyId: "k",
    };
    await expect(create("key", key)).rejects.toThrow("MasterUserSecretKmsKeyId");
  });
});

describe("a customer's KMS key", () => {
  it("encrypts the secret, which is impaired without it", async () => {
    const key = await newKey();
    const { MasterUserSecret } = await create("keyed", { MasterUserSecretKmsKeyId: key });
    expect(MasterUserSecret?.KmsKeyId).toBe(key);
    const SecretId = MasterUserSecret?.SecretArn;
    expect((await valueOf(SecretId)).username).toBe("admin");
    makeAvailable("keyed");
    await keys.send(new kms.DisableKeyCommand({ KeyId: key }));
    expect((await describeInstance("keyed")).MasterUserSecret?.SecretStatus).toBe("impaired");
    await expect(secrets.send(new sm.RotateSecretCommand({ SecretId }))).rejects.toThrow("impaired");
    const rotate = { DBInstanceIdentifier: "keyed", RotateMasterUserPassword: true, ApplyImmediately: true };
    await expect(modify(rotate)).rejects.toMatchObject({ name: "KMSKeyNotAccessibleFault" });
    await expect(create("other", { MasterUserSecretKmsKeyId: key })).rejects.toMatchObject({
      name: "KMSKeyNotAccessibleFault",
    });
  });

  it("is that of encrypted storage, and makes the instance inaccessible", async () => {
    const key = await newKey();
    const own = await create("stored", { StorageEncrypted: true });
    expect(own).toMatchObject({ StorageEncrypted: true, KmsKeyId: expect.stringContaining(":key/") });
    await expect(create("plain", { KmsKeyId: key })).rejects.toMatchObject({
      name: "InvalidParameterCombination",
    });
    const missing = create("missing", { StorageEncrypted: true, KmsKeyId: "alias/none" });
    await expect(missing).rejects.toMatchObject({ name: "KMSKeyNotAccessibleFault" });
    expect(await create("encrypted", { StorageEncrypted: true, KmsKeyId: key })).toMatchObject({
      KmsKeyId: key,
    });
    makeAvailable("encrypted");
    await keys.send(new kms.DisableKeyCommand({ KeyId: key }));
    const status = "inaccessible-encryption-credentials-recoverable";
    expect((await describeInstance("encrypted")).DBInstanceStatus).toBe(status);
    const reboot = client.send(new rds.RebootDBInstanceCommand({ DBInstanceIdentifier: "encrypted" }));
    await expect(reboot).rejects.toMatchObject({ name: "KMSKeyNotAccessibleFault" });
    await keys.send(new kms.EnableKeyCommand({ KeyId: key }));
    expect((await describeInstance("encrypted")).DBInstanceStatus).toBe("available");
  });

  it("takes permission to be used for storage", async () => {
    const KmsKeyId = await newKey();
    const maker = await user("storer", { Effect: "Allow", Action: ["rds:*", "iam:*"], Resource: "*" });
    const asked = new rds.RDSClient(maker).send(
      new rds.CreateDBInstanceCommand({
        ...{ ...BASIC, DBInstanceIdentifier: "denied", MasterUserPassword: "long-enough" },
        ...{ StorageEncrypted: true, KmsKeyId },
      }),
    );
    await expect(asked).rejects.toThrow("kms:DescribeKey");
  });
});
