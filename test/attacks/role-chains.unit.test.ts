import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { evaluate, parsePolicyDocument } from "@gantry/iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A caller tries to get more by combining what each of its policies gives: identity policies, permissions
// boundaries, session policies, resource policies that name the account, the role or the session, and roles
// that are assumed one from another.
// Source: IAM User Guide, "Policy evaluation logic", "Evaluating identity-based policies with resource-based
// policies and permissions boundaries", "Session policies", "Cross-account policy evaluation logic".
const ACTION = "s3:GetObject";
const RESOURCE = "arn:aws:s3:::vault/k";
const USER = ["arn:aws:iam::000000000000:user/ann", "AIDA1"];
const SESSION = ["arn:aws:sts::000000000000:assumed-role/r/s", "AROA1:s"];
const ROLE = ["arn:aws:iam::000000000000:role/r", "AROA1"];
const ACCOUNT = ["arn:aws:iam::000000000000:root", "000000000000"];

const says = (effect: Effect, more: object = {}) =>
  parsePolicyDocument(
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        ...(effect === "nothing" ? [] : [{ Effect: effect, Action: ACTION, Resource: RESOURCE, ...more }]),
        { Effect: "Allow", Action: "s3:PutObject", Resource: "*", ...more },
      ],
    }),
  );

type Effect = "Allow" | "Deny" | "nothing";
const EFFECTS: readonly Effect[] = ["Allow", "Deny", "nothing"];
type Grantee = "nobody" | "account" | "principal" | "session" | "everyone";
interface Case {
  readonly isSession: boolean;
  readonly isForeign: boolean;
  readonly grantee: Grantee;
  readonly identity: Effect;
  readonly boundary: Effect | undefined;
  readonly session: Effect | undefined;
}

function* allCases(): Generator<Case> {
  for (const isSession of [false, true])
    for (const isForeign of [false, true])
      for (const grantee of ["nobody", "account", "principal", "session", "everyone"] as const)
        for (const identity of EFFECTS)
          for (const boundary of [undefined, ...EFFECTS])
            for (const session of isSession ? [undefined, ...EFFECTS] : [undefined])
              yield { isSession, isForeign, grantee, identity, boundary, session };
}

/** What the documentation says, one sentence a line. */
function documented({ isSession, isForeign, grantee, identity, boundary, session }: Case): boolean {
  if ([identity, boundary, session].includes("Deny")) return false;
  const isWithin = [boundary, session].every((effect) => effect === undefined || effect === "Allow");
  const isNamed = isSession ? grantee === "session" : grantee === "principal";
  // Across accounts both sides must allow.
  if (isForeign)
    return grantee !== "nobody" && (isSession || grantee !== "session") && identity === "Allow" && isWithin;
  // A grant to the user or to the session is not limited by implicit denies.
  if (isNamed || (grantee === "everyone" && !isSession)) return true;
  // A grant to the role is limited by boundary and session policy, not by identity policies.
  if (isSession && (grantee === "principal" || grantee === "everyone")) return isWithin;
  return identity === "Allow" && isWithin;
}

function decided(of: Case): boolean {
  const [name = ""] = of.isSession ? SESSION : USER;
  const principals = [...(of.isSession ? [...SESSION, ...ROLE] : [...USER, ...USER]), ...ACCOUNT];
  const GRANTEES: Readonly<Record<Exclude<Grantee, "nobody">, string>> = {
    account: "000000000000",
    principal: (of.isSession ? ROLE : USER)[0] ?? "",
    session: SESSION[0] ?? "",
    everyone: "*",
  };
  const resource =
    of.grantee === "nobody" ? undefined : says("Allow", { Principal: { AWS: GRANTEES[of.grantee] } });
  return evaluate(
    {
      identity: [says(of.identity)],
      boundary: of.boundary && says(of.boundary),
      session: of.session && [says(of.session)],
      resource,
    },
    { action: ACTION, resource: RESOURCE, principals, conditions: { "aws:PrincipalArn": name } },
    { isSession: of.isSession, isForeign: of.isForeign },
  ).allowed;
}

// Before: across accounts a resource policy alone was enough, and so was an identity policy alone; a grant to
// a session was limited by the role's boundary.
it("permissions are those that the documentation gives for every combination of policies", () => {
  for (const each of allCases()) expect.soft(decided(each), JSON.stringify(each)).toBe(documented(each));
});

it("a boundary or a session policy never grants more", () => {
  for (const each of allCases()) {
    if (decided({ ...each, boundary: undefined, session: undefined })) continue;
    expect.soft(decided(each), JSON.stringify(each)).toBe(false);
  }
});

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const rootS3 = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string | readonly string[], Resource = "*") => ({ Effect: "Allow", Action, Resource });
const roleArn = (name: string) => `arn:aws:iam::000000000000:role/${name}`;
type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

async function newRole(RoleName: string, trusted: string, ...statements: object[]): Promise<void> {
  const AssumeRolePolicyDocument = document({
    Effect: "Allow",
    Principal: { AWS: trusted },
    Action: "sts:AssumeRole",
  });
  await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const PolicyDocument = document(...statements);
  await root.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "own", PolicyDocument }));
}

async function assume(name: string, as: Credentials, ...session: object[]): Promise<Credentials> {
  const sts = new STSClient(api.client(as));
  const { Credentials: given } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: roleArn(name),
      RoleSessionName: "s1",
      ...(session.length === 0 ? {} : { Policy: document(...session) }),
    }),
  );
  return {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    sessionToken: given?.SessionToken ?? "",
  };
}

/** Whether the holder of the credentials reads the object of the bucket. */
async function reads(as: Credentials): Promise<boolean> {
  const client = new s3.S3Client({ ...api.client(as), forcePathStyle: true });
  try {
    await client.send(new s3.GetObjectCommand({ Bucket: "vault", Key: "k" }));
    return true;
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: "AccessDenied" });
    return false;
  }
}

let user: Credentials;

const setBucketPolicy = (AWS: string) =>
  rootS3.send(
    new s3.PutBucketPolicyCommand({
      Bucket: "vault",
      Policy: document({ Effect: "Allow", Principal: { AWS }, Action: ACTION, Resource: RESOURCE }),
    }),
  );

describe("a session of a role", () => {
  beforeAll(async () => {
    await rootS3.send(new s3.CreateBucketCommand({ Bucket: "vault" }));
    await rootS3.send(new s3.PutObjectCommand({ Bucket: "vault", Key: "k", Body: "x" }));
    await root.send(new iam.CreateUserCommand({ UserName: "ann" }));
    const PolicyDocument = document(allow("sts:AssumeRole"));
    await root.send(new iam.PutUserPolicyCommand({ UserName: "ann", PolicyName: "own", PolicyDocument }));
    const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: "ann" }));
    user = { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
    await newRole("reader", "000000000000", allow(ACTION), allow("sts:AssumeRole"));
    await newRole("writer", "000000000000", allow("s3:PutObject"));
    const boundary = document(allow("s3:PutObject"));
    await root.send(new iam.CreatePolicyCommand({ PolicyName: "boundary", PolicyDocument: boundary }));
  });

  it("is never widened by its session policy", async () => {
    expect(await reads(await assume("writer", user, allow("*")))).toBe(false);
    expect(await reads(await assume("reader", user, allow("s3:PutObject")))).toBe(false);
    expect(await reads(await assume("reader", user, allow(ACTION)))).toBe(true);
  });

  it("assumes no further role that its session policy does not allow", async () => {
    const narrow = await assume("reader", user, allow(ACTION));
    await expect(assume("writer", narrow)).rejects.toMatchObject({ name: "AccessDenied" });
    const wide = await assume("reader", user, allow("sts:AssumeRole", roleArn("writer")));
    const chained = await assume("writer", wide);
    expect(await reads(chained)).toBe(false);
    await expect(assume("reader", chained)).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("loses what a boundary denies, though the boundary is newer", async () => {
    const session = await assume("reader", user);
    expect(await reads(session)).toBe(true);
    const PermissionsBoundary = "arn:aws:iam::000000000000:policy/boundary";
    await root.send(new iam.PutRolePermissionsBoundaryCommand({ RoleName: "reader", PermissionsBoundary }));
    expect(await reads(session)).toBe(false);
    await setBucketPolicy(roleArn("reader"));
    expect(await reads(session)).toBe(false);
    await setBucketPolicy("arn:aws:sts::000000000000:assumed-role/reader/s1");
    expect(await reads(session)).toBe(true);
    expect(await reads(await assume("reader", user, allow("s3:PutObject")))).toBe(true);
    await root.send(new iam.DeleteRolePermissionsBoundaryCommand({ RoleName: "reader" }));
    await setBucketPolicy(roleArn("writer"));
    expect(await reads(await assume("writer", user))).toBe(true);
    expect(await reads(await assume("writer", user, allow("s3:PutObject")))).toBe(false);
  });
});
