import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { changeClock, PlatformClock, VirtualClock, type ClockChange } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { presign } from "@gantry/testkit/presign";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// The operator rehearses a deployment on a fast clock. Whoever holds a credential that should have expired
// tries to use it longer, and one that is valid must not fail. Before: dispatcher, registry and policies took
// whatever clock they were given, and only the wiring of main.ts kept them in real time; with the platform's
// clock a session of 15 minutes ended after 8 s.
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** The clock of an instance that an operator moved, in each way that there is. */
const MOVES: Readonly<Record<string, readonly ClockChange[]>> = {
  "advanced by two days": [{ type: "advance", byMs: 48 * HOUR }],
  "120 times as fast": [{ type: "speed", speed: 120 }],
  "returning to real time at half speed": [{ type: "advance", byMs: 48 * HOUR }, { type: "reset" }],
};

describe.each(Object.entries(MOVES))("while the platform's clock is %s", (_, changes) => {
  const machine = new VirtualClock(Date.now());
  const clock = new PlatformClock(machine);
  let api: Awaited<ReturnType<typeof startApi>>;
  /** What the SDK adds to the time of this process to sign by the machine's time. */
  const offset = () => ({ systemClockOffset: machine.now() - Date.now() });
  const move = () => {
    for (const change of changes) clock.follow(changeClock(clock.segments, change, machine.now()));
  };

  beforeAll(async () => {
    api = await startApi({ clock });
    const s3 = new S3Client({ ...api.client(), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "clock" }));
    await s3.send(new PutObjectCommand({ Bucket: "clock", Key: "k", Body: "kept" }));
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" }],
    };
    await new IAMClient(api.client()).send(
      new CreateRoleCommand({ RoleName: "r", AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
  });
  afterAll(() => api.close());

  it("ends a presigned URL after its real seconds", async () => {
    const url = presign(api.endpoint, { path: "/clock/k", expiresSeconds: 60 }, machine.now());
    move();
    const status = async () => (await fetch(url)).status;
    expect(await status()).toBe(200);
    await machine.advance(58 * SECOND);
    expect(await status()).toBe(200);
    await machine.advance(4 * SECOND);
    expect(await status()).toBe(403);
  });

  it("ends a session after its real minutes", async () => {
    const { Credentials } = await new STSClient({ ...api.client(), ...offset() }).send(
      new AssumeRoleCommand({
        RoleArn: "arn:aws:iam::000000000000:role/r",
        RoleSessionName: "rehearsal",
        DurationSeconds: 900,
      }),
    );
    expect(Math.abs((Credentials?.Expiration?.getTime() ?? 0) - machine.now() - 900 * SECOND)).toBeLessThan(
      2 * SECOND,
    );
    move();
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    const call = () =>
      new STSClient({ ...api.client(session), ...offset() }).send(new GetCallerIdentityCommand({}));
    await machine.advance(890 * SECOND);
    expect((await call()).Arn).toContain("assumed-role/r/rehearsal");
    await machine.advance(20 * SECOND);
    await expect(call()).rejects.toMatchObject({ name: "ExpiredToken" });
  });

  it("ends a registry token after its real hours", async () => {
    const { authorizationData } = await new ECRClient({ ...api.client(), ...offset() }).send(
      new GetAuthorizationTokenCommand({}),
    );
    move();
    const status = async () => {
      const headers = { authorization: `Basic ${authorizationData?.[0]?.authorizationToken}` };
      return (await fetch(`http://127.0.0.1:${api.registryPort}/v2/`, { headers })).status;
    };
    await machine.advance(12 * HOUR - 60 * SECOND);
    expect(await status()).toBe(200);
    await machine.advance(120 * SECOND);
    expect(await status()).toBe(401);
  });

  it("accepts signatures of the real time, and none of the platform's time", async () => {
    move();
    await machine.advance(HOUR);
    expect(clock.now() - machine.now()).toBeGreaterThan(HOUR);
    const status = async (now: number) =>
      (await fetch(presign(api.endpoint, { path: "/clock/k", expiresSeconds: 60 }, now))).status;
    expect(await status(machine.now())).toBe(200);
    expect(await status(clock.now())).toBe(403);
  });
});
