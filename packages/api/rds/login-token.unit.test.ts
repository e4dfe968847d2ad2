import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import { presign, startApi } from "@gantry/testkit";
import type { DatabaseInstanceRecord } from "@gantry/state";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policyDecider } from "../iam/decide.ts";
import { credentialSource } from "../iam/principals.ts";
import { loginDeniedBecause } from "./login-token.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new rds.RDSClient(api.client());
type Key = NonNullable<Parameters<typeof presign>[1]["credential"]>;
const NOW = Date.UTC(2026, 10, 28, 12);
const MINUTE_MS = 60_000;
const { store, vault } = api;
const policy = policyDecider({ store, now: () => NOW, vault });
const credentials = credentialSource({ store, vault });

const recordOf = (name: string): DatabaseInstanceRecord =>
  store.list("databaseInstance").find((each) => each.identifier === name) ?? expect.fail();
const hostOf = (name: string): string => `${recordOf(name).endpointName}:${recordOf(name).port}`;

/** A token as `aws rds generate-db-auth-token` makes it: a presigned URL without its scheme. */
function tokenOf(
  user: string,
  more: { at?: number; host?: string; seconds?: number; service?: string; region?: string; by?: Key } = {},
): string {
  const { at = NOW, host = hostOf("prod"), seconds = 900, service = "rds-db", region, by } = more;
  const wanted = {
    ...{ service, query: { Action: "connect", DBUser: user }, expiresSeconds: seconds },
    ...(region === undefined ? {} : { region }),
    ...(by === undefined ? {} : { credential: by }),
  };
  return presign(`https://${host}`, wanted, at).replace(/^https:\/\//, "");
}

const ask = (token: string, { user = "app", name = "prod", now = NOW } = {}): string | undefined =>
  loginDeniedBecause({ store, credentials, policy, now }, { instance: recordOf(name), user, token });

/** The access key of a user whose policy allows what is given. */
async function userThatMay(UserName: string, Action: string, Resource: string): Promise<Key> {
  const users = new iam.IAMClient(api.client());
  await users.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action, Resource }],
  });
  await users.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
}

beforeAll(async () => {
  for (const [name, isOn] of Object.entries({ prod: true, other: true, off: false }))
    await client.send(
      new rds.CreateDBInstanceCommand({
        ...{ DBInstanceIdentifier: name, Engine: "postgres", DBInstanceClass: "db.t3.micro" },
        ...{ AllocatedStorage: 20, MasterUsername: "owner", MasterUserPassword: "long-enough" },
        EnableIAMDatabaseAuthentication: isOn,
      }),
    );
});

describe("a token for a database", () => {
  it("lets its user in for 15 minutes", () => {
    expect(ask(tokenOf("app"))).toBeUndefined();
    expect(ask(tokenOf("app"), { now: NOW + 15 * MINUTE_MS - 1_000 })).toBeUndefined();
    expect(ask(tokenOf("app"), { now: NOW + 15 * MINUTE_MS + 1_000 })).toMatch(/expired/i);
    expect(ask(tokenOf("app", { at: NOW + 60 * MINUTE_MS }))).toBeDefined();
  });

  it("is for its instance, user, service and region alone, and lives no longer", () => {
    expect(ask(tokenOf("app", { host: hostOf("other") }))).toBe("The token is for another endpoint.");
    expect(ask(tokenOf("app", { host: hostOf("prod").replace("5432", "5433") }))).toMatch("another endpoint");
    expect(ask(tokenOf("app"), { name: "other" })).toMatch("another endpoint");
    expect(ask(tokenOf("app"), { user: "owner" })).toBe("The token is for another user.");
    expect(ask(tokenOf("app", { service: "rds" }))).toMatch("another service or region");
    expect(ask(tokenOf("app", { region: "us-east-1" }))).toMatch("another service or region");
    const long = tokenOf("app", { seconds: 3_600 });
    expect(ask(long, { now: NOW + 16 * MINUTE_MS })).toMatch(/expired/i);
    expect(ask(tokenOf("app", { host: hostOf("off") }), { name: "off" })).toMatch("is off");
  });

  it("cannot be changed: not its user, its host, its time, nor its signature", () => {
    const token = tokenOf("app");
    const mine = tokenOf("app", { host: hostOf("other") });
    for (const changed of [
      token.replace("DBUser=app", "DBUser=owner"),
      mine.replace(hostOf("other"), hostOf("prod")),
      token.replace("X-Amz-Expires=900", "X-Amz-Expires=899"),
      token.replace(/Signature=./, (text) => `Signature=${text.endsWith("0") ? "1" : "0"}`),
      token.replace(/&?X-Amz-Signature=[0-9a-f]+/, ""),
      `${token}&DBUser=owner`,
      `${token}&Action=connect`,
      token.replace("/?", "/x?"),
      `https://${token}`,
      `${token}\n`,
      "long-enough",
      "",
      "x".repeat(100_000),
    ])
      for (const user of ["app", "owner"]) expect(ask(changed, { user }), changed.slice(0, 80)).toBeDefined();
  });

  it("asks the policies of whoever signed it, on the user of this very instance", async () => {
    const { resourceId, region } = recordOf("prod");
    const arnOf = (id: string, user: string) => `arn:aws:rds-db:${region}:000000000000:dbuser:${id}/${user}`;
    const may = await userThatMay("may", "rds-db:connect", arnOf(resourceId, "app"));
    expect(ask(tokenOf("app", { by: may }))).toBeUndefined();
    expect(ask(tokenOf("owner", { by: may }), { user: "owner" })).toMatch(
      "not authorized to perform: rds-db:connect",
    );
    const elsewhere = await userThatMay(
      "elsewhere",
      "rds-db:connect",
      arnOf(recordOf("other").resourceId, "*"),
    );
    expect(ask(tokenOf("app", { by: elsewhere }))).toMatch("rds-db:connect");
    const manager = await userThatMay("manager", "rds:*", "*");
    expect(ask(tokenOf("app", { by: manager }))).toMatch("rds-db:connect");
    expect(ask(tokenOf("app", { by: { ...may, secretAccessKey: "guess" } }))).toMatch("signature");
    expect(ask(tokenOf("app", { by: { ...may, accessKeyId: "AKIAUNKNOWN" } }))).toMatch("unknown");
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.DeleteUserPolicyCommand({ UserName: "may", PolicyName: "p" }));
    expect(ask(tokenOf("app", { by: may }))).toMatch("rds-db:connect");
  });

  it("of root of another account opens nothing", () => {
    const by = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
    store.transact((tx) =>
      tx.put("accessKey", by.accessKeyId, {
        ...{ accessKeyId: by.accessKeyId, sealedSecret: vault.seal(by.secretAccessKey) },
        ...{ account: "111111111111", userArn: undefined, status: "Active", createdAt: 0 },
      }),
    );
    expect(ask(tokenOf("app", { by }))).toMatch("another account");
  });
});

describe("IAM database authentication", () => {
  it("is turned on and off, of PostgreSQL alone", async () => {
    const modify = async (EnableIAMDatabaseAuthentication: boolean, DBInstanceIdentifier = "off") => {
      const input = { DBInstanceIdentifier, EnableIAMDatabaseAuthentication };
      return (await client.send(new rds.ModifyDBInstanceCommand(input))).DBInstance;
    };
    expect((await modify(true))?.IAMDatabaseAuthenticationEnabled).toBe(true);
    expect((await modify(false))?.IAMDatabaseAuthenticationEnabled).toBe(false);
    const input = {
      ...{ DBInstanceIdentifier: "maria", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
      ...{
        MasterUsername: "owner",
        MasterUserPassword: "long-enough",
        EnableIAMDatabaseAuthentication: true,
      },
    };
    for (const Engine of ["mariadb", "mysql"])
      await expect(client.send(new rds.CreateDBInstanceCommand({ ...input, Engine }))).rejects.toThrow(
        "EnableIAMDatabaseAuthentication for postgres",
      );
  });
});
