import { gunzipSync } from "node:zlib";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { subscriptionController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());
const invalid = { name: "InvalidParameterException" };
const FUNCTION = `arn:aws:lambda:eu-south-1:${ACCOUNT}:function:f`;

async function newGroup(logGroupName: string, more: object = {}): Promise<void> {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName, ...more }));
  await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName: "s" }));
}
const put = (logGroupName: string, ...messages: readonly string[]) =>
  client.send(
    new logs.PutLogEventsCommand({
      logGroupName,
      logStreamName: "s",
      logEvents: messages.map((message) => ({ timestamp: Date.now(), message })),
    }),
  );
const read = async (logGroupName: string) =>
  (
    await client.send(new logs.GetLogEventsCommand({ logGroupName, logStreamName: "s", startFromHead: true }))
  ).events?.map(({ message }) => message);
const groupOf = async (logGroupNamePrefix: string) =>
  (await client.send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix }))).logGroups?.[0];

describe("a log group with a KMS key", () => {
  const keys = new kms.KMSClient(api.client());
  /** A key that CloudWatch Logs may use for the groups, or not. */
  async function newKey(mayUse: boolean): Promise<{ KeyId: string; Arn: string }> {
    const own = {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
      Action: "kms:*",
      Resource: "*",
    };
    const service = {
      Effect: "Allow",
      Principal: { Service: "logs.eu-south-1.amazonaws.com" },
      Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
      Resource: "*",
      Condition: {
        ArnLike: {
          "kms:EncryptionContext:aws:logs:arn": `arn:aws:logs:eu-south-1:${ACCOUNT}:log-group:/kms*`,
        },
      },
    };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: mayUse ? [own, service] : [own] });
    const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({ Policy }));
    return { KeyId: KeyMetadata?.KeyId ?? "", Arn: KeyMetadata?.Arn ?? "" };
  }

  it("has its events encrypted at rest, and readable while the key can be used", async () => {
    const { KeyId, Arn } = await newKey(true);
    await newGroup("/kms", { kmsKeyId: Arn });
    expect((await groupOf("/kms"))?.kmsKeyId).toBe(Arn);
    await put("/kms", "a secret line");
    expect(await read("/kms")).toEqual(["a secret line"]);
    const file = new DatabaseSync(join(api.folder, "logs.db"), { readOnly: true });
    const rows = file.prepare("SELECT message FROM event").all();
    file.close();
    expect(JSON.stringify(rows)).not.toContain("a secret line");
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    const denied = { name: "AccessDeniedException" };
    await expect(read("/kms")).rejects.toMatchObject(denied);
    await expect(put("/kms", "more")).rejects.toMatchObject(denied);
    await expect(
      client.send(new logs.FilterLogEventsCommand({ logGroupName: "/kms" })),
    ).rejects.toMatchObject(denied);
    await keys.send(new kms.EnableKeyCommand({ KeyId }));
    // What was encrypted stays readable under another key, and under none.
    const other = await newKey(true);
    await client.send(new logs.AssociateKmsKeyCommand({ logGroupName: "/kms", kmsKeyId: other.Arn }));
    await put("/kms", "under another key");
    await client.send(new logs.DisassociateKmsKeyCommand({ logGroupName: "/kms" }));
    await put("/kms", "plain");
    expect(await read("/kms")).toEqual(["a secret line", "under another key", "plain"]);
    await keys.send(new kms.DisableKeyCommand({ KeyId }));
    await expect(read("/kms")).rejects.toMatchObject(denied);
  });

  it("is named by its ARN too, when it gets a key and when it loses it", async () => {
    const { Arn } = await newKey(true);
    await newGroup("/kms-by-arn");
    const resourceIdentifier = (await groupOf("/kms-by-arn"))?.logGroupArn;
    await client.send(new logs.AssociateKmsKeyCommand({ resourceIdentifier, kmsKeyId: Arn }));
    expect((await groupOf("/kms-by-arn"))?.kmsKeyId).toBe(Arn);
    await client.send(new logs.DisassociateKmsKeyCommand({ resourceIdentifier }));
    expect((await groupOf("/kms-by-arn"))?.kmsKeyId).toBeUndefined();
    await client.send(new logs.DeleteLogGroupCommand({ logGroupName: "/kms-by-arn" }));
  });

  it("takes no key that CloudWatch Logs may not use, that is disabled or that is not there", async () => {
    const closed = await newKey(false);
    await expect(newGroup("/kms-closed", { kmsKeyId: closed.Arn })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    const open = await newKey(true);
    await expect(newGroup("/other", { kmsKeyId: open.Arn })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    await keys.send(new kms.DisableKeyCommand({ KeyId: open.KeyId }));
    await expect(newGroup("/kms-disabled", { kmsKeyId: open.Arn })).rejects.toMatchObject(invalid);
    await expect(
      newGroup("/kms-none", { kmsKeyId: `arn:aws:kms:eu-south-1:${ACCOUNT}:key/none` }),
    ).rejects.toMatchObject(invalid);
    expect(await groupOf("/kms-")).toBeUndefined();
  });
});

describe("a subscription filter", () => {
  it("sends the events that match to a function, once more where it fails", async () => {
    await newGroup("/sent");
    await client.send(
      new logs.PutSubscriptionFilterCommand({
        logGroupName: "/sent",
        filterName: "f",
        filterPattern: "ERROR",
        destinationArn: FUNCTION,
      }),
    );
    const called: unknown[] = [];
    let isBroken = true;
    const controller = subscriptionController({
      store: api.store,
      clock: new SystemClock(),
      ids: randomIds(),
      log: silentLogger,
      logs: api.logs,
      async callFunction(arn, payload) {
        if (isBroken) throw new Error("The function does not answer.");
        const { data } = (payload as { awslogs: { data: string } }).awslogs; // As Lambda gets it.
        called.push([arn, JSON.parse(gunzipSync(Buffer.from(data, "base64")).toString())]);
        return null;
      },
    });
    const [key = ""] = controller.keys();
    await put("/sent", "ERROR one", "fine", "ERROR two");
    await expect(controller.reconcile(key)).rejects.toThrow("does not answer");
    isBroken = false;
    await controller.reconcile(key);
    await controller.reconcile(key);
    expect(called).toMatchObject([
      [
        FUNCTION,
        {
          messageType: "DATA_MESSAGE",
          owner: ACCOUNT,
          logGroup: "/sent",
          logStream: "s",
          subscriptionFilters: ["f"],
          logEvents: [{ message: "ERROR one" }, { message: "ERROR two" }],
        },
      ],
    ]);
  });

  it("is described and deleted, and refuses streams by name", async () => {
    await newGroup("/subscribed");
    const subscribe = (destinationArn: string, filterName = "f") =>
      client.send(
        new logs.PutSubscriptionFilterCommand({
          logGroupName: "/subscribed",
          filterName,
          filterPattern: "",
          destinationArn,
        }),
      );
    await expect(subscribe(`arn:aws:kinesis:eu-south-1:${ACCOUNT}:stream/s`)).rejects.toThrow("Kinesis");
    await expect(subscribe(`arn:aws:lambda:eu-south-1:111111111111:function:f`)).rejects.toMatchObject(
      invalid,
    );
    await subscribe(FUNCTION);
    await subscribe(FUNCTION, "g");
    await expect(subscribe(FUNCTION, "h")).rejects.toMatchObject({ name: "LimitExceededException" });
    const describe = async (filterNamePrefix?: string) =>
      (
        await client.send(
          new logs.DescribeSubscriptionFiltersCommand({ logGroupName: "/subscribed", filterNamePrefix }),
        )
      ).subscriptionFilters;
    expect(await describe("g")).toMatchObject([{ filterName: "g" }]);
    expect(await describe()).toMatchObject([
      { filterName: "f", distribution: "ByLogStream" },
      { filterName: "g" },
    ]);
    const name = { logGroupName: "/subscribed", filterName: "f" };
    await client.send(new logs.DeleteSubscriptionFilterCommand(name));
    await expect(client.send(new logs.DeleteSubscriptionFilterCommand(name))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  it("asks a destination of another account for its policy", async () => {
    const roleArn = (
      await new iam.IAMClient(api.client()).send(
        new iam.CreateRoleCommand({
          RoleName: "to-stream",
          AssumeRolePolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: {
              Effect: "Allow",
              Principal: { Service: "logs.amazonaws.com" },
              Action: "sts:AssumeRole",
            },
          }),
        }),
      )
    ).Role?.Arn;
    const { destination } = await client.send(
      new logs.PutDestinationCommand({
        destinationName: "d",
        targetArn: `arn:aws:kinesis:eu-south-1:${ACCOUNT}:stream/s`,
        roleArn,
        tags: { a: "b" },
      }),
    );
    const tagged = new logs.ListTagsForResourceCommand({ resourceArn: destination?.arn });
    expect((await client.send(tagged)).tags).toEqual({ a: "b" });
    const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
    api.store.transact((tx) =>
      tx.put("accessKey", OTHER.accessKeyId, {
        accessKeyId: OTHER.accessKeyId,
        sealedSecret: api.vault.seal(OTHER.secretAccessKey),
        account: "111111111111",
        userArn: undefined,
        status: "Active",
        createdAt: 0,
      }),
    );
    const other = new logs.CloudWatchLogsClient(api.client(OTHER));
    await other.send(new logs.CreateLogGroupCommand({ logGroupName: "/theirs" }));
    const subscribe = () =>
      other.send(
        new logs.PutSubscriptionFilterCommand({
          logGroupName: "/theirs",
          filterName: "f",
          filterPattern: "",
          destinationArn: destination?.arn,
        }),
      );
    await expect(subscribe()).rejects.toMatchObject({ name: "AccessDeniedException" });
    const accessPolicy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: "111111111111" },
        Action: "logs:PutSubscriptionFilter",
        Resource: destination?.arn,
      },
    });
    await client.send(new logs.PutDestinationPolicyCommand({ destinationName: "d", accessPolicy }));
    const { destinations } = await client.send(
      new logs.DescribeDestinationsCommand({ DestinationNamePrefix: "d" }),
    );
    expect(destinations).toMatchObject([{ destinationName: "d", accessPolicy }]);
    await client.send(new logs.DeleteDestinationCommand({ destinationName: "d" }));
    await expect(
      client.send(new logs.DeleteDestinationCommand({ destinationName: "d" })),
    ).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });
});

it("keeps resource policies and query definitions", async () => {
  const policyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "es.amazonaws.com" },
      Action: "logs:PutLogEvents",
      Resource: "arn:aws:logs:*",
    },
  });
  const first = await client.send(new logs.PutResourcePolicyCommand({ policyName: "p", policyDocument }));
  const putAgain = (expectedRevisionId: string | undefined) =>
    client.send(new logs.PutResourcePolicyCommand({ policyName: "p", policyDocument, expectedRevisionId }));
  const { revisionId } = await putAgain(first.revisionId);
  const aborted = { name: "OperationAbortedException" };
  await expect(putAgain(first.revisionId)).rejects.toMatchObject(aborted);
  await expect(
    client.send(new logs.PutResourcePolicyCommand({ policyName: "q", policyDocument: "{" })),
  ).rejects.toMatchObject(invalid);
  const { resourcePolicies } = await client.send(
    new logs.DescribeResourcePoliciesCommand({ policyScope: "ACCOUNT" }),
  );
  expect(resourcePolicies).toMatchObject([{ policyName: "p", policyDocument }]);
  const remove = (expectedRevisionId: string | undefined) =>
    client.send(new logs.DeleteResourcePolicyCommand({ policyName: "p", expectedRevisionId }));
  await expect(remove(first.revisionId)).rejects.toMatchObject(aborted);
  await remove(revisionId);
  await expect(client.send(new logs.DeleteResourcePolicyCommand({ policyName: "p" }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
  const definition = { name: "n", queryString: "fields @message", logGroupNames: ["/a"] };
  const queryLanguage = "CWLI";
  const { queryDefinitionId } = await client.send(
    new logs.PutQueryDefinitionCommand({ ...definition, queryLanguage }),
  );
  await client.send(new logs.PutQueryDefinitionCommand({ ...definition, queryDefinitionId, name: "m" }));
  const { queryDefinitions } = await client.send(
    new logs.DescribeQueryDefinitionsCommand({ queryDefinitionNamePrefix: "m", queryLanguage }),
  );
  expect(queryDefinitions).toMatchObject([{ ...definition, name: "m", queryDefinitionId }]);
  await client.send(new logs.DeleteQueryDefinitionCommand({ queryDefinitionId }));
  await expect(
    client.send(new logs.DeleteQueryDefinitionCommand({ queryDefinitionId })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  expect(
    (await client.send(new logs.DescribeAccountPoliciesCommand({ policyType: "DATA_PROTECTION_POLICY" })))
      .accountPolicies,
  ).toEqual([]);
});

it("protects a group from deletion, tags it by its name, and lists groups", async () => {
  await newGroup("/protected", { deletionProtectionEnabled: true, logGroupClass: "DELIVERY" });
  const remove = () => client.send(new logs.DeleteLogGroupCommand({ logGroupName: "/protected" }));
  await expect(remove()).rejects.toMatchObject({ name: "OperationAbortedException" });
  await client.send(new logs.TagLogGroupCommand({ logGroupName: "/protected", tags: { a: "1", b: "2" } }));
  await client.send(new logs.UntagLogGroupCommand({ logGroupName: "/protected", tags: ["a"] }));
  const { tags } = await client.send(new logs.ListTagsLogGroupCommand({ logGroupName: "/protected" }));
  expect(tags).toEqual({ b: "2" });
  const { logGroups } = await client.send(new logs.ListLogGroupsCommand({ logGroupNamePattern: "^/prot" }));
  expect(logGroups).toMatchObject([{ logGroupName: "/protected", logGroupClass: "DELIVERY" }]);
  const protect = (deletionProtectionEnabled: boolean) =>
    client.send(
      new logs.PutLogGroupDeletionProtectionCommand({
        logGroupIdentifier: "/protected",
        deletionProtectionEnabled,
      }),
    );
  await protect(false);
  await protect(true);
  await expect(remove()).rejects.toMatchObject({ name: "OperationAbortedException" });
  await protect(false);
  await remove();
});
