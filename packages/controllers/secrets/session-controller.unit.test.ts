import * as iam from "@aws-sdk/client-iam";
import * as sts from "@aws-sdk/client-sts";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { sessionController } from "./session-controller.ts";

const api = await startApi();
afterAll(() => api.close());
const later = (days: number) =>
  sessionController({
    store: api.store,
    ids: randomIds(),
    log: silentLogger,
    clock: Object.assign(Object.create(new SystemClock()) as SystemClock, {
      now: () => Date.now() + days * 24 * 60 * 60_000,
    }),
  });

// Before: the records of sessions stayed for ever.
it("removes sessions of roles and users a week after they have ended", async () => {
  const roles = new iam.IAMClient(api.client());
  const Principal = { AWS: "000000000000" };
  const Statement = { Effect: "Allow", Principal, Action: "sts:AssumeRole" };
  const { Role } = await roles.send(
    new iam.CreateRoleCommand({
      RoleName: "r",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
    }),
  );
  await roles.send(new iam.CreateUserCommand({ UserName: "u" }));
  const { AccessKey } = await roles.send(new iam.CreateAccessKeyCommand({ UserName: "u" }));
  const own = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  const ofUser = await new sts.STSClient(api.client(own)).send(new sts.GetSessionTokenCommand({}));
  const admin = { Effect: "Allow", Action: "sts:*", Resource: "*" };
  await roles.send(
    new iam.PutUserPolicyCommand({
      UserName: "u",
      PolicyName: "p",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: admin }),
    }),
  );
  const ofRole = await new sts.STSClient(api.client(own)).send(
    new sts.AssumeRoleCommand({ RoleArn: Role?.Arn ?? "", RoleSessionName: "session" }),
  );
  const keys = [ofUser, ofRole].map(({ Credentials }) => Credentials?.AccessKeyId ?? "");
  expect(sessionsOf(later(0))).toEqual(expect.arrayContaining(keys));
  for (const key of keys) expect(await later(6).reconcile(key)).toBeGreaterThan(0);
  expect(sessionsOf(later(0))).toEqual(expect.arrayContaining(keys));
  for (const key of keys) await later(9).reconcile(key);
  expect(sessionsOf(later(0))).toEqual([]);
});

function sessionsOf(controller: ReturnType<typeof sessionController>): readonly string[] {
  return [...controller.keys()];
}
