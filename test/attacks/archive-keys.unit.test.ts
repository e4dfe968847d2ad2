import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as eb from "@aws-sdk/client-eventbridge";
import * as kms from "@aws-sdk/client-kms";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REGION, startEvents } from "./events-world.ts";

// An archive with a KMS key keeps its events encrypted with it: who disables the key closes the archive, and a key
// serves no archive that its policy does not let EventBridge use it for. Before: archives took no key.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const client = new eb.EventBridgeClient(api.client());
const keys = new kms.KMSClient(api.client());
const BUS = `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/default`;
const archiveArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:archive/${name}`;
let [KeyId, keyArn] = ["", ""];

/** As the User Guide gives it, with conditions for EventBridge. */
const allow = (Condition: object) =>
  keys.send(
    new kms.PutKeyPolicyCommand({
      KeyId,
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
            Action: "kms:*",
            Resource: "*",
          },
          {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "kms:DescribeKey",
            Resource: "*",
          },
          {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: ["kms:GenerateDataKey", "kms:Decrypt", "kms:ReEncrypt*"],
            Resource: "*",
            Condition,
          },
        ],
      }),
    }),
  );
const forBus = (arn: string) => ({ StringEquals: { "kms:EncryptionContext:aws:events:event-bus:arn": arn } });
const create = (ArchiveName: string, KmsKeyIdentifier: string) =>
  client.send(new eb.CreateArchiveCommand({ ArchiveName, EventSourceArn: BUS, KmsKeyIdentifier }));
const describeArchive = (ArchiveName: string) => client.send(new eb.DescribeArchiveCommand({ ArchiveName }));
const put = async (Detail: string) => {
  const Entries = [{ Source: "shop", DetailType: "d", Detail }];
  await client.send(new eb.PutEventsCommand({ Entries }));
  await world.settle();
};
const replay = async (ReplayName: string, archive: string) => {
  await client.send(
    new eb.StartReplayCommand({
      ...{ ReplayName, EventSourceArn: archiveArn(archive), Destination: { Arn: BUS } },
      ...{ EventStartTime: new Date(0), EventEndTime: new Date(Date.UTC(2099, 0)) },
    }),
  );
  await world.settle();
  return client.send(new eb.DescribeReplayCommand({ ReplayName }));
};
/** Whether a text is in any file of the API's data. */
const isOnDisk = (wanted: string) =>
  readdirSync(api.folder)
    .filter((name) => name.startsWith("logs.db"))
    .some((name) => readFileSync(join(api.folder, name), "latin1").includes(wanted));

beforeAll(async () => {
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
  [KeyId, keyArn] = [KeyMetadata?.KeyId ?? "", KeyMetadata?.Arn ?? ""];
});

describe("the KMS key of an archive", () => {
  it.each([
    ["that names no service", { StringEquals: { "aws:SourceAccount": "111111111111" } }],
    ["for another bus", forBus(`${BUS}-other`)],
    ["for another archive", { ArnLike: { "aws:SourceArn": archiveArn("other") } }],
  ])("is refused with a policy %s", async (_, condition) => {
    await allow(condition);
    await expect(create("refused", keyArn)).rejects.toThrow(/does not let EventBridge use it/);
    await expect(describeArchive("refused")).rejects.toThrow(eb.ResourceNotFoundException);
  });

  it("is refused where it is not there, disabled, or of another kind", async () => {
    await allow(forBus(BUS));
    await expect(create("refused", "alias/none")).rejects.toThrow(/does not exist/);
    const other = await keys.send(
      new kms.CreateKeyCommand({ KeyUsage: "SIGN_VERIFY", KeySpec: "ECC_NIST_P256" }),
    );
    await expect(create("refused", other.KeyMetadata?.Arn ?? "")).rejects.toMatchObject({
      name: "ValidationException",
    });
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    await expect(create("refused", keyArn)).rejects.toMatchObject({ name: "ValidationException" });
    await keys.send(new kms.EnableKeyCommand({ KeyId }));
  });

  it("encrypts events at rest, and shows no list of archives its name", async () => {
    await create("sealed", KeyId);
    await put('{"secret":"correct-horse-1"}');
    expect(await describeArchive("sealed")).toMatchObject({ KmsKeyIdentifier: KeyId, EventCount: 1 });
    expect(isOnDisk("correct-horse-1")).toBe(false);
    const { Archives } = await client.send(new eb.ListArchivesCommand({}));
    expect(JSON.stringify(Archives)).not.toContain(KeyId);
    expect((await replay("open", "sealed")).State).toBe("COMPLETED");
  });

  it("closes the archive while it is disabled, and opens it again", async () => {
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    expect(await replay("closed", "sealed")).toMatchObject({
      State: "FAILED",
      StateReason: expect.stringContaining("disabled"),
    });
    await keys.send(new kms.EnableKeyCommand({ KeyId }));
    expect((await replay("again", "sealed")).State).toBe("COMPLETED");
  });

  it("is taken away and given by an update, and events of before are still read", async () => {
    const update = (KmsKeyIdentifier: string) =>
      client.send(new eb.UpdateArchiveCommand({ ArchiveName: "sealed", KmsKeyIdentifier }));
    await update("");
    expect((await describeArchive("sealed")).KmsKeyIdentifier).toBeUndefined();
    await put('{"secret":"correct-horse-2"}');
    expect(isOnDisk("correct-horse-2")).toBe(true);
    await update(keyArn);
    await put('{"secret":"correct-horse-3"}');
    expect(isOnDisk("correct-horse-3")).toBe(false);
    expect((await replay("all", "sealed")).State).toBe("COMPLETED");
    expect((await describeArchive("sealed")).KmsKeyIdentifier).toBe(keyArn);
  });
});
