import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// A live tail reads every event of its groups for hours: it needs the permission for each group, shows nothing of
// another account, and holds neither memory nor connections beyond its bounds.
// Before: StartLiveTail was not there.
const api = await startApi();
admitOther(api);
const clientOf = (credentials?: { accessKeyId: string; secretAccessKey: string }) =>
  new sdk.CloudWatchLogsClient({
    ...{ ...api.client(), disableHostPrefix: true, maxAttempts: 1 },
    ...(credentials === undefined ? {} : { credentials }),
  });
const root = clientOf();
const arnOf = (name: string) => `arn:aws:logs:eu-south-1:000000000000:log-group:${name}`;
const open: AbortController[] = [];
afterAll(() => {
  for (const session of open) session.abort();
  api.close();
});

function start(client: sdk.CloudWatchLogsClient, ...groups: readonly string[]) {
  const abort = new AbortController();
  open.push(abort);
  const command = new sdk.StartLiveTailCommand({ logGroupIdentifiers: groups.map(arnOf) });
  return client.send(command, { abortSignal: abort.signal });
}

beforeAll(async () => {
  for (const logGroupName of ["web", "secret"])
    await root.send(new sdk.CreateLogGroupCommand({ logGroupName }));
});

describe("a live tail", () => {
  it("needs logs:StartLiveTail on each of its groups", async () => {
    const iam = new IAMClient(api.client());
    await iam.send(new CreateUserCommand({ UserName: "reader" }));
    const statement = { Effect: "Allow", Action: "logs:StartLiveTail", Resource: `${arnOf("web")}:*` };
    const other = { Effect: "Allow", Action: ["logs:FilterLogEvents", "logs:GetLogEvents"], Resource: "*" };
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement, other] });
    await iam.send(new PutUserPolicyCommand({ UserName: "reader", PolicyName: "a", PolicyDocument }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "reader" }));
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
    const reader = clientOf({ accessKeyId, secretAccessKey });
    await start(reader, "web");
    for (const groups of [["secret"], ["web", "secret"]])
      await expect(start(reader, ...groups), groups.join()).rejects.toMatchObject({
        name: "AccessDeniedException",
      });
  });

  it("of another account's group is denied", async () => {
    await expect(start(clientOf(OTHER), "web")).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  it("is one of 15 of its account, and ends with its connection", async () => {
    for (const session of open.splice(0)) session.abort();
    const free = async () => {
      for (let round = 0; round < 100; round += 1)
        try {
          return await start(root, "web");
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      return expect.fail("The sessions have not ended.");
    };
    for (let count = 0; count < 15; count += 1) await free();
    await expect(start(root, "web")).rejects.toMatchObject({ name: "LimitExceededException" });
    for (const session of open.splice(0, 1)) session.abort();
    for (const session of open.splice(0)) session.abort();
    await free();
  });
});
