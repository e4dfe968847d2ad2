import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as sm from "@aws-sdk/client-secrets-manager";
import * as ssm from "@aws-sdk/client-ssm";
import { policyDecider } from "@gantry/api/iam/decide";
import { schedulerController, taskController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { taskAssignment } from "@gantry/controllers/node/pod-assignment";

// A task reads secrets by its execution role. Whoever may start tasks, and pass a role, must not read by it
// what the role may not, and nobody must read a value where tasks are described. Before: a container's
// `secrets` were refused.
const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const roles = new iam.IAMClient(api.client());
const secrets = new sm.SecretsManagerClient(api.client());
const parameters = new ssm.SSMClient(api.client());
const clock = new SystemClock();
const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault };
const permissions = policyDecider({ store: api.store, now: () => clock.now() });
const scheduler = schedulerController({
  ...deps,
  publicPool: "198.18.9.0/24",
  permissions,
  overcommit: DEFAULT_OVERCOMMIT,
  readObject: async () => Buffer.of(),
  findImage: () => ({ type: "foreign" }),
});
const tasks = taskController(deps);
const VALUE = "correct-horse-battery";
let subnets: string[] = [];
let arn = "";
let otherArn = "";
beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  subnets = [Subnets[0]?.SubnetId ?? ""];
  await client.send(new ecs.CreateClusterCommand({}));
  const value = JSON.stringify({ username: "admin", password: VALUE, port: 5432 });
  const created = await secrets.send(new sm.CreateSecretCommand({ Name: "app/db", SecretString: value }));
  arn = created.ARN ?? "";
  const other = await secrets.send(new sm.CreateSecretCommand({ Name: "app/other", SecretString: VALUE }));
  otherArn = other.ARN ?? "";
  await parameters.send(
    new ssm.PutParameterCommand({ Name: "/app/token", Value: VALUE, Type: "SecureString" }),
  );
  await parameters.send(new ssm.PutParameterCommand({ Name: "/app/url", Value: "http://a", Type: "String" }));
  api.store.transact((tx) =>
    tx.put("node", "n", {
      id: "n",
      hostname: "n",
      cpu: 64_000,
      memoryMiB: 64_000,
      registeredAt: 0,
      agentPid: 1,
    }),
  );
});

let count = 0;
/** An execution role that may do these actions on these resources. */
async function roleWith(Action: readonly string[], Resource: readonly string[]): Promise<string> {
  const RoleName = `execution-${(count += 1)}`;
  const statement = {
    Effect: "Allow",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  const { Role } = await roles.send(
    new iam.CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    }),
  );
  if (Action.length > 0) {
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action, Resource }],
    });
    await roles.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "own", PolicyDocument }));
  }
  return Role?.Arn ?? "";
}

/** Starts a task with these secrets, and lets the scheduler place it. */
async function run(executionRoleArn: string, ...valuesFrom: readonly string[]): Promise<ecs.Task> {
  const family = `app-${(count += 1)}`;
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family,
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      executionRoleArn,
      containerDefinitions: [
        {
          name: "c",
          image: "busybox",
          secrets: valuesFrom.map((valueFrom, index) => ({ name: `S${index}`, valueFrom })),
        },
      ],
    }),
  );
  const networkConfiguration = { awsvpcConfiguration: { subnets } };
  const started = await client.send(new ecs.RunTaskCommand({ taskDefinition: family, networkConfiguration }));
  const taskArn = started.tasks?.[0]?.taskArn ?? "";
  await scheduler.reconcile(taskArn);
  return (await client.send(new ecs.DescribeTasksCommand({ tasks: [taskArn] }))).tasks?.[0] ?? {};
}

/** The variables that the node is sent outside the environment that its engine records. */
const environmentOf = (task: ecs.Task): readonly string[] => containerOf(task)?.secretEnvironment ?? [];

/** The container as the node is told of it. */
function containerOf({ taskArn }: ecs.Task) {
  const task = api.store.get("task", taskArn) ?? expect.fail("The task is kept.");
  const assignment = taskAssignment(
    api.store,
    {
      vault: api.vault,
      secretId: (text) => text,
      resolveImage: (image) => ({ image, registryAuth: undefined }),
      databaseImage: "",
      postgresImage: "",
      machineImage: "",
    },
    task,
  );
  return assignment?.containers[0];
}

const READ = ["secretsmanager:GetSecretValue", "ssm:GetParameters"];
const START =
  "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:";

describe("a task whose execution role may read its secrets", () => {
  it("has whole values, members, stages, versions and parameters in its environment", async () => {
    const { VersionId } = await secrets.send(new sm.GetSecretValueCommand({ SecretId: otherArn }));
    await secrets.send(new sm.PutSecretValueCommand({ SecretId: otherArn, SecretString: "newer" }));
    const task = await run(
      await roleWith(READ, ["*"]),
      `${arn}:password::`,
      `${arn}:port::`,
      otherArn,
      `${otherArn}::AWSPREVIOUS:`,
      `${otherArn}:::${VersionId}`,
      "/app/url",
      "arn:aws:ssm:eu-south-1:000000000000:parameter/app/token",
      arn.slice(0, -7),
    );
    expect(task).toMatchObject({ lastStatus: "PENDING" });
    expect(environmentOf(task).slice(0, 8)).toEqual([
      `S0=${VALUE}`,
      "S1=5432",
      "S2=newer",
      `S3=${VALUE}`,
      `S4=${VALUE}`,
      "S5=http://a",
      `S6=${VALUE}`,
      `S7={"username":"admin","password":"${VALUE}","port":5432}`,
    ]);
  });

  it("keeps the values that it started with, sealed, until it has stopped", async () => {
    const task = await run(await roleWith(READ, ["*"]), "/app/token");
    await parameters.send(
      new ssm.PutParameterCommand({ Name: "/app/token", Value: "changed", Overwrite: true }),
    );
    expect(environmentOf(task)).toContain(`S0=${VALUE}`);
    await parameters.send(new ssm.PutParameterCommand({ Name: "/app/token", Value: VALUE, Overwrite: true }));
    const record = api.store.get("taskSecrets", task.taskArn);
    expect(record?.sealedSecrets).toBeDefined();
    expect(JSON.stringify([record, api.store.get("task", task.taskArn), task])).not.toContain(VALUE);
    api.store.transact((tx) => {
      const running = tx.get("task", task.taskArn) ?? expect.fail("The task is kept.");
      tx.put("task", running.arn, { ...running, desiredStatus: "STOPPED", lastStatus: "STOPPED" });
    });
    await tasks.reconcile(task.taskArn ?? "");
    expect(api.store.get("taskSecrets", task.taskArn)).toBeUndefined();
  });
});

describe("credentials of a registry", () => {
  const register = (credentialsParameter: string, executionRoleArn?: string) =>
    client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family: "private",
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        executionRoleArn,
        containerDefinitions: [
          { name: "c", image: "r.example/app", repositoryCredentials: { credentialsParameter } },
        ],
      }),
    );
  const place = async () => {
    const networkConfiguration = { awsvpcConfiguration: { subnets } };
    const { tasks: started } = await client.send(
      new ecs.RunTaskCommand({ taskDefinition: "private", networkConfiguration }),
    );
    const taskArn = started?.[0]?.taskArn ?? "";
    await scheduler.reconcile(taskArn);
    return (await client.send(new ecs.DescribeTasksCommand({ tasks: [taskArn] }))).tasks?.[0] ?? {};
  };

  it("reach the engine only by the execution role, and are shown nowhere", async () => {
    await register(arn, await roleWith(READ, ["*"]));
    const task = await place();
    const auth = containerOf(task)?.registryAuth ?? "";
    expect(JSON.parse(Buffer.from(auth, "base64url").toString())).toEqual({
      username: "admin",
      password: VALUE,
    });
    expect(JSON.stringify([task, api.store.get("task", task.taskArn)])).not.toContain(VALUE);
    await register(arn, await roleWith([], []));
    expect((await place()).stoppedReason).toMatch(new RegExp(`^${START}.*AccessDeniedException`));
  });

  it("are refused without an execution role, as another kind of reference, and as another kind of value", async () => {
    await expect(register(arn)).rejects.toThrow("executionRoleArn");
    await expect(register("/app/token", "arn:aws:iam::000000000000:role/r")).rejects.toThrow(
      "credentialsParameter",
    );
    await register(otherArn, await roleWith(READ, ["*"]));
    expect((await place()).stoppedReason).toContain("registry auth needs");
  });
});

describe("a task whose execution role may not read a secret", () => {
  it("does not start, and reports the missing action", async () => {
    const task = await run(await roleWith([], []), arn);
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    const id = task.taskArn?.split("/").at(-1);
    expect(task.stoppedReason?.replace(/execution-\d+/, "ROLE")).toBe(
      `${START} unable to retrieve secret from asm: service call has been retried 1 time(s): failed to ` +
        `fetch secret ${arn} from secrets manager: AccessDeniedException: User: ` +
        `arn:aws:sts::000000000000:assumed-role/ROLE/${id} is not authorized to perform: ` +
        `secretsmanager:GetSecretValue on resource: ${arn} because no identity-based policy allows the ` +
        "secretsmanager:GetSecretValue action",
    );
  });

  it.each([
    ["the secret of another application", () => otherArn],
    ["its partial ARN", () => otherArn.slice(0, -7)],
    ["a member of it", () => `${otherArn}:password::`],
    ["a parameter by name", () => "/app/token"],
    ["a parameter by ARN", () => "arn:aws:ssm:eu-south-1:000000000000:parameter/app/token"],
    ["a version of a parameter", () => "/app/token:1"],
  ])("does not read %s", async (_, reference) => {
    const allowed = [arn, "arn:aws:ssm:eu-south-1:000000000000:parameter/app/url"];
    const task = await run(await roleWith(READ, allowed), arn, reference());
    expect(task.stoppedReason).toMatch(/AccessDeniedException/);
    expect(api.store.get("taskSecrets", task.taskArn)).toBeUndefined();
  });

  it("is denied by the secret's own policy", async () => {
    const deny = { Effect: "Deny", Principal: "*", Action: "secretsmanager:GetSecretValue", Resource: "*" };
    const ResourcePolicy = JSON.stringify({ Version: "2012-10-17", Statement: [deny] });
    await secrets.send(new sm.PutResourcePolicyCommand({ SecretId: arn, ResourcePolicy }));
    const task = await run(await roleWith(READ, ["*"]), arn);
    expect(task.stoppedReason).toContain("with an explicit deny in a resource-based policy");
    await secrets.send(new sm.DeleteResourcePolicyCommand({ SecretId: arn }));
  });

  it("reads nothing of another account", async () => {
    const foreign = "arn:aws:secretsmanager:eu-south-1:111111111111:secret:theirs-abcdef";
    api.store.transact((tx) => {
      tx.put("secret", foreign, {
        ...present(tx.get("secret", arn)),
        arn: foreign,
        name: "theirs",
        account: "111111111111",
      });
    });
    const task = await run(await roleWith(READ, ["*"]), foreign);
    expect(task.stoppedReason).toContain("because no resource-based policy allows");
  });
});

const present = <T>(value: T | undefined): T => value ?? expect.fail("It is there.");

describe("a reference to a missing value", () => {
  it.each([
    ["a missing secret", () => `${arn.slice(0, -8)}x-abcdef`, /ResourceNotFoundException/],
    ["guessed random characters", () => `${arn.slice(0, -6)}aaaaaa`, /ResourceNotFoundException/],
    ["a missing stage", () => `${arn}::none:`, /for staging label: none$/],
    ["a missing member", () => `${arn}:absent::`, /did not contain json key absent$/],
    ["a member that every object has", () => `${arn}:constructor::`, /json key constructor$/],
    ["the prototype", () => `${arn}:__proto__::`, /json key __proto__$/],
    ["a member of a text", () => `${otherArn}:length::`, /is not valid JSON/],
    ["a missing parameter", () => "/app/absent", /invalid parameters: \/app\/absent$/],
    ["another spelling of a parameter", () => "app/token", /invalid parameters: app\/token$/],
  ])("ends the task: %s", async (_, reference, words) => {
    const task = await run(await roleWith(READ, ["*"]), reference());
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason?.startsWith(START)).toBe(true);
    expect(task.stoppedReason).toMatch(words);
    expect(task.stoppedReason).not.toContain(VALUE);
  });
});

// Without the check, a zero byte in a value begins another variable, such as LD_PRELOAD.
describe("a value with a zero byte", () => {
  it.each([
    ["a whole value", "app/zero", "", `${VALUE}\0LD_PRELOAD=/tmp/x.so`],
    ["a member", "app/zero-member", ":password::", JSON.stringify({ password: `${VALUE}\0PATH=/tmp` })],
  ])("does not start the task, and is not repeated: %s", async (_, Name, selector, SecretString) => {
    const { ARN = "" } = await secrets.send(new sm.CreateSecretCommand({ Name, SecretString }));
    const task = await run(await roleWith(READ, ["*"]), `${ARN}${selector}`);
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason).toContain("holds a zero byte");
    expect(JSON.stringify(task)).not.toContain(VALUE);
    expect(JSON.stringify(api.store.get("task", task.taskArn ?? ""))).not.toContain(VALUE);
  });
});

describe("a task definition with secrets", () => {
  const register = (container: object, executionRoleArn?: string) =>
    client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family: "checked",
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        executionRoleArn,
        containerDefinitions: [{ name: "c", image: "busybox", ...container }],
      }),
    );
  const role = "arn:aws:iam::000000000000:role/any";

  it("names an execution role", () =>
    expect(register({ secrets: [{ name: "A", valueFrom: "/a" }] })).rejects.toThrow(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ));

  it("gives no two variables one name", async () => {
    const secret = { name: "A", valueFrom: "/app/url" };
    await expect(
      register({ secrets: [secret], environment: [{ name: "A", value: "b" }] }, role),
    ).rejects.toThrow(/The secret name must be unique/);
    await register({ secrets: [secret] }, role);
    const overrides = { containerOverrides: [{ name: "c", environment: [{ name: "A", value: "b" }] }] };
    const networkConfiguration = { awsvpcConfiguration: { subnets } };
    await expect(
      client.send(new ecs.RunTaskCommand({ taskDefinition: "checked", overrides, networkConfiguration })),
    ).rejects.toThrow(/The secret name must be unique/);
  });

  // Before: the definition was accepted, and the node refused each of its tasks.
  it("has no variable whose name holds a zero byte", () =>
    expect(register({ secrets: [{ name: "A\0LD_PRELOAD", valueFrom: "/app/url" }] }, role)).rejects.toThrow(
      "must not contain a zero byte",
    ));

  it("refers only to secrets and parameters", () =>
    expect(
      register({ secrets: [{ name: "A", valueFrom: "arn:aws:s3:::bucket/key" }] }, role),
    ).rejects.toThrow(/Invalid valueFrom/));
});
