import * as iam from "@aws-sdk/client-iam";
import * as sm from "@aws-sdk/client-secrets-manager";
import { rotationController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sm.SecretsManagerClient(api.client());
const RotationLambdaARN = `arn:aws:lambda:eu-south-1:${ACCOUNT}:function:rotate`;
const TOKEN = "00000000-0000-4000-8000-000000000001";

interface Event {
  readonly Step: string;
  readonly SecretId: string;
  readonly ClientRequestToken: string;
}
/** A clock that the test sets ahead. */
let aheadMs = 0;
const system = new SystemClock();
const clock = { now: () => system.now() + aheadMs, after: system.after.bind(system) };
let running: Controller | undefined;
function start(callFunction: (arn: string, event: Event) => Promise<unknown>): Controller {
  running = new Controller(
    rotationController({
      ...{ store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault },
      callFunction: (arn, event) => callFunction(arn, event as Event), // What the controller makes.
    }),
    { clock, log: silentLogger },
  );
  running.start();
  return running;
}
afterEach(async () => {
  await running?.stop();
  running = undefined;
  aheadMs = 0;
});

/** A function in the manner of AWS's templates. */
async function rotate(_arn: string, { Step, SecretId, ClientRequestToken }: Event): Promise<unknown> {
  const described = await client.send(new sm.DescribeSecretCommand({ SecretId }));
  const stages = described.VersionIdsToStages?.[ClientRequestToken] ?? [];
  if (!stages.includes("AWSPENDING")) throw new Error("The version is not AWSPENDING.");
  if (Step === "createSecret")
    await client.send(
      new sm.PutSecretValueCommand({
        ...{ SecretId, ClientRequestToken, SecretString: `new ${ClientRequestToken}` },
        VersionStages: ["AWSPENDING"],
      }),
    );
  const [current] =
    Object.entries(described.VersionIdsToStages ?? {}).find(([, each]) => each.includes("AWSCURRENT")) ?? [];
  if (Step === "finishSecret")
    await client.send(
      new sm.UpdateSecretVersionStageCommand({
        ...{ SecretId, VersionStage: "AWSCURRENT", MoveToVersionId: ClientRequestToken },
        RemoveFromVersionId: current,
      }),
    );
  return null;
}

const create = (Name: string) => client.send(new sm.CreateSecretCommand({ Name, SecretString: "old" }));
const valueOf = async (SecretId: string, more: object = {}) =>
  (await client.send(new sm.GetSecretValueCommand({ SecretId, ...more }))).SecretString;
const describeSecret = (SecretId: string) => client.send(new sm.DescribeSecretCommand({ SecretId }));

describe("a rotation", () => {
  it("calls the function with the four steps, and makes the new version current", async () => {
    await create("db");
    const steps: string[] = [];
    start((arn, event) => {
      steps.push(event.Step);
      return rotate(arn, event);
    });
    const answer = await client.send(
      new sm.RotateSecretCommand({
        ...{ SecretId: "db", RotationLambdaARN, ClientRequestToken: TOKEN, RotateImmediately: true },
        RotationRules: { AutomaticallyAfterDays: 30, Duration: "3h" },
      }),
    );
    expect(answer.VersionId).toBe(TOKEN);
    await vi.waitFor(async () => expect((await describeSecret("db")).LastRotatedDate).toBeDefined(), 5_000);
    expect(steps).toEqual(["createSecret", "setSecret", "testSecret", "finishSecret"]);
    expect(await valueOf("db")).toBe(`new ${TOKEN}`);
    expect(await valueOf("db", { VersionStage: "AWSPREVIOUS" })).toBe("old");
    const shown = await describeSecret("db");
    expect(shown).toMatchObject({
      ...{ RotationEnabled: true, RotationLambdaARN },
      RotationRules: { AutomaticallyAfterDays: 30, Duration: "3h" },
    });
    const inDays = ((shown.NextRotationDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
    expect(inDays).toBeCloseTo(30, 2);
  });

  it("has a pending version without a value until the function puts it", async () => {
    await create("pending");
    await client.send(
      new sm.RotateSecretCommand({ SecretId: "pending", RotationLambdaARN, ClientRequestToken: TOKEN }),
    );
    expect((await describeSecret("pending")).VersionIdsToStages?.[TOKEN]).toEqual(["AWSPENDING"]);
    await expect(valueOf("pending", { VersionStage: "AWSPENDING" })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    const again = (more: object) => client.send(new sm.RotateSecretCommand({ SecretId: "pending", ...more }));
    await expect(again({ ClientRequestToken: TOKEN })).resolves.toMatchObject({ VersionId: TOKEN });
    await expect(again({})).rejects.toThrow("A previous rotation isn't complete.");
    const cancelled = await client.send(new sm.CancelRotateSecretCommand({ SecretId: "pending" }));
    expect(cancelled.VersionId).toBe(TOKEN);
    expect((await describeSecret("pending")).RotationEnabled).toBeUndefined();
  });

  it("goes on with its step after the control plane was killed", async () => {
    await create("killed");
    const never = new Promise<never>(() => {});
    const called: string[] = [];
    start((arn, event) => {
      called.push(event.Step);
      return event.Step === "setSecret" ? never : rotate(arn, event);
    });
    await client.send(
      new sm.RotateSecretCommand({ SecretId: "killed", RotationLambdaARN, ClientRequestToken: TOKEN }),
    );
    await vi.waitFor(() => expect(called).toEqual(["createSecret", "setSecret"]));
    running = undefined; // Its call never comes back, as that of a killed process.
    const afterwards: string[] = [];
    start((arn, event) => {
      afterwards.push(event.Step);
      return rotate(arn, event);
    });
    await vi.waitFor(async () => expect(await valueOf("killed")).toBe(`new ${TOKEN}`), 5_000);
    expect(afterwards).toEqual(["setSecret", "testSecret", "finishSecret"]);
  });

  it("begins when the schedule says so", async () => {
    await create("scheduled");
    await client.send(
      new sm.RotateSecretCommand({
        ...{ SecretId: "scheduled", RotationLambdaARN, RotateImmediately: false },
        RotationRules: { ScheduleExpression: "rate(10 days)" },
      }),
    );
    expect((await describeSecret("scheduled")).VersionIdsToStages).toBeDefined();
    expect(await valueOf("scheduled")).toBe("old");
    aheadMs = 10 * 86_400_000 + 1_000;
    start(rotate);
    await vi.waitFor(async () => expect(await valueOf("scheduled")).toMatch(/^new /), 5_000);
    const { NextRotationDate } = await describeSecret("scheduled");
    expect(((NextRotationDate?.getTime() ?? 0) - Date.now()) / 86_400_000).toBeCloseTo(20, 1);
    for (const ScheduleExpression of ["rate(1 hour)", "at(2030-01-01T00:00:00)", "cron(nonsense)"])
      await expect(
        client.send(
          new sm.RotateSecretCommand({ SecretId: "scheduled", RotationRules: { ScheduleExpression } }),
        ),
      ).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("is tried again after a failure that the function reports", async () => {
    await create("failing");
    let calls = 0;
    start((arn, event) => {
      calls += 1;
      return calls === 1 ? Promise.resolve({ errorMessage: "no database" }) : rotate(arn, event);
    });
    await client.send(new sm.RotateSecretCommand({ SecretId: "failing", RotationLambdaARN }));
    await vi.waitFor(() =>
      expect(api.store.list("secret").find(({ name }) => name === "failing")?.rotating).toMatchObject({
        ...{ step: "createSecret", failures: 1 },
      }),
    );
    expect(await valueOf("failing")).toBe("old");
  });
});

describe("the function of a rotation", () => {
  // Before: whoever could rotate a secret could have the platform call any function of the instance.
  it("is called for those who may invoke it, and of the secret's own account alone", async () => {
    await create("guarded");
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.CreateUserCommand({ UserName: "rotator" }));
    const grant = (...Action: string[]) =>
      users.send(
        new iam.PutUserPolicyCommand({
          ...{ UserName: "rotator", PolicyName: "own" },
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: [{ Effect: "Allow", Action, Resource: "*" }],
          }),
        }),
      );
    await grant("secretsmanager:RotateSecret");
    const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "rotator" }));
    const rotator = new sm.SecretsManagerClient({
      ...api.client(),
      credentials: {
        accessKeyId: AccessKey?.AccessKeyId ?? "",
        secretAccessKey: AccessKey?.SecretAccessKey ?? "",
      },
    });
    const attempt = (arn: string) =>
      rotator.send(new sm.RotateSecretCommand({ SecretId: "guarded", RotationLambdaARN: arn }));
    await expect(attempt(RotationLambdaARN)).rejects.toThrow("lambda:InvokeFunction");
    await grant("secretsmanager:RotateSecret", "lambda:InvokeFunction");
    await expect(attempt(RotationLambdaARN.replace(ACCOUNT, "111111111111"))).rejects.toThrow(
      "cannot invoke the specified Lambda function",
    );
    await expect(attempt(RotationLambdaARN.replace("eu-south-1", "us-east-1"))).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    await expect(attempt("arn:aws:sqs:eu-south-1:000000000000:q")).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
    await expect(attempt(RotationLambdaARN)).resolves.toBeDefined();
  });
});
