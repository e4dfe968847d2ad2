import { spawn } from "node:child_process";
import { readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from "@aws-sdk/client-ecs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bringUpDemo, openDemo, REGION } from "../e2e/demo.ts";
import { eventually, newInstance, PROJECT, run, startLoop } from "../e2e/helpers.ts";

const ROTATIONS = ["vault", "ca", "link", "node", "operator", "root"] as const;
const instance = await newInstance();
let demo: ReturnType<typeof openDemo>;

beforeAll(async () => {
  demo = openDemo(await bringUpDemo(instance));
  await runTask();
});

afterAll(() => instance.gantry("down", "--purge"));

/** The demo, with the root key as it is now. */
async function reopen(): Promise<void> {
  demo = openDemo({
    ...{ folder: instance.folder, port: instance.port, url: demo.url },
    environment: await instance.environment(),
  });
}

/** A task beside the service, with the role of the service's tasks. */
async function runTask(): Promise<void> {
  const ecs = new ECSClient(demo.client());
  const service = await demo.fileshare();
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "alone",
      ...{ networkMode: "awsvpc", requiresCompatibilities: ["FARGATE"], cpu: "256", memory: "512" },
      executionRoleArn: "arn:aws:iam::000000000000:role/fileshare-execution",
      taskRoleArn: "arn:aws:iam::000000000000:role/fileshare-task",
      containerDefinitions: [{ name: "alone", image: "busybox", command: ["sleep", "3600"] }],
    }),
  );
  const { tasks = [] } = await ecs.send(
    new RunTaskCommand({
      ...{ cluster: "fileshare", taskDefinition: "alone" },
      networkConfiguration: service?.networkConfiguration,
    }),
  );
  await eventually(async () => {
    const described = await ecs.send(
      new DescribeTasksCommand({ cluster: "fileshare", tasks: [tasks[0]?.taskArn ?? ""] }),
    );
    expect(described.tasks?.[0]?.lastStatus).toBe("RUNNING");
  });
}

/**
 * Every container of the instance that runs: tasks, routers, the proxy, the database, the agent. Interfaces
 * are left out, because the warm pool adds some at any time; a task whose interface is replaced is replaced
 * too.
 */
async function containers(): Promise<readonly string[]> {
  const format = ["--format", '{{.ID}} {{.Names}} {{.Label "gantry.role"}}'];
  const filter = ["--filter", `label=gantry.instance=${demo.name}`];
  return (await run("docker", ["ps", "--no-trunc", ...filter, ...format]))
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith(" pause"))
    .toSorted();
}

const tasks = async () =>
  (
    await new ECSClient(demo.client()).send(new ListTasksCommand({ cluster: "fileshare" }))
  ).taskArns?.toSorted();

/** What a task's endpoint gives it, and whether the task verifies the AWS names it reaches. */
async function insideTask() {
  const [container = ""] = await demo.taskContainers();
  const script = `(async () => {
    const answer = await fetch("http://169.254.170.2" + process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI);
    const outside = await fetch("https://s3.${REGION}.amazonaws.com/").then((each) => each.status, String);
    console.log(JSON.stringify({ ...(await answer.json()), outside }));
  })();`;
  return JSON.parse(await run("docker", ["exec", container, "node", "-e", script])) as {
    AccessKeyId: string;
    SecretAccessKey: string;
    Token: string;
    outside: number | string;
  }; // The script's output.
}

async function callerWith(credentials: Awaited<ReturnType<typeof insideTask>>): Promise<string | undefined> {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = credentials;
  const sts = new STSClient({
    ...demo.client(),
    credentials: { accessKeyId, secretAccessKey, sessionToken },
  });
  return (await sts.send(new GetCallerIdentityCommand({}))).Arn;
}

/**
 * The platform is whole: nothing was started again, tasks have credentials that are valid, names and
 * certificates are good.
 */
async function expectUndisturbed(before: readonly string[]): Promise<void> {
  expect(await containers()).toEqual(before);
  const given = await insideTask();
  expect(given.outside).toBe(403); // The API's answer to nobody, over TLS that was verified.
  expect(await callerWith(given)).toContain("assumed-role/fileshare-task/");
  const [container = ""] = await demo.taskContainers();
  const { good, failures } = await demo.namesAndCredentials(container, { seconds: 1, tries: 3 });
  expect(failures).toEqual([]);
  expect(good).toBeGreaterThan(0);
}

// Before: rotations were shown on an instance without tasks.
describe("all six rotations beside a task and a service behind a load balancer", () => {
  it("restart no container, fail no request, and leave the tasks valid credentials", async () => {
    const [before, tasksBefore, held] = [await containers(), await tasks(), await insideTask()];
    const loop = startLoop(demo.url, "/version");
    for (const what of ROTATIONS) {
      await instance.gantry("rotate", what);
      await reopen();
      expect(await containers(), what).toEqual(before);
      // What a task's SDK holds stays valid until it asks for more.
      expect(await callerWith(held), what).toContain("assumed-role/fileshare-task/");
    }
    await expectUndisturbed(before);
    expect(await tasks()).toEqual(tasksBefore);
    const { count, failures } = await loop.stop();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(20);
  });
});

// Before: with the node's certificate replaced and the control plane away, the agent that came up knew of no task.
describe("an agent that is killed after a rotation, while the control plane is away", () => {
  it("adopts its tasks, serves them, and starts nothing twice", async () => {
    const before = await containers();
    const status = await instance.status();
    const [agent] = status.agents;
    const loop = startLoop(demo.url, "/version");
    process.kill(status.controlPlane.pid, "SIGKILL");
    await instance.gantry("rotate", "node");
    process.kill(agent?.pid ?? 0, "SIGKILL");
    const container = agent?.container ?? "";
    await eventually(async () => {
      const state = (
        await run("docker", ["inspect", "-f", "{{.State.Running}} {{.State.Pid}}", container])
      ).trim();
      expect(state).toMatch(/^true /);
      expect(state).not.toBe(`true ${agent?.pid}`);
    });
    // Names and task endpoints are the agent's: they answer from what it wrote down alone.
    const [task = ""] = await demo.taskContainers();
    await eventually(async () => {
      const { good, failures } = await demo.namesAndCredentials(task, { seconds: 1, tries: 3 });
      expect(failures).toEqual([]);
      expect(good).toBeGreaterThan(0);
    });
    await new Promise((done) => setTimeout(done, 3_000));
    expect(await containers()).toEqual(before);
    await instance.up("up");
    await eventually(async () => expect((await instance.status()).agents).toHaveLength(1));
    await new Promise((done) => setTimeout(done, 2_000));
    await expectUndisturbed(before);
    expect((await loop.stop()).failures).toEqual([]);
  });
});

describe("a rotation that is killed", () => {
  /** Kills the command with SIGKILL as soon as it has replaced this file of the state folder. */
  async function killWhenReplaced(what: string, file: string): Promise<void> {
    const child = spawn(join(PROJECT, "gantry"), ["rotate", what, "--state-dir", instance.folder], {
      stdio: "ignore",
    });
    const watcher = watch(instance.folder, (_event, name) => void (name === file && child.kill("SIGKILL")));
    const signal = await new Promise((done) => child.on("exit", (_code, by) => done(by)));
    watcher.close();
    expect(signal).toBe("SIGKILL");
  }

  /** Kills the control plane that the command starts afterwards, as soon as there is one. */
  async function killNextControlPlane(what: string): Promise<void> {
    const first = controlPlanes();
    const child = spawn(join(PROJECT, "gantry"), ["rotate", what, "--state-dir", instance.folder], {
      stdio: "ignore",
    });
    const ended = new Promise<void>((done) => child.on("exit", () => done()));
    const next = await eventually(async () => {
      const pid = controlPlanes().find((each) => !first.includes(each));
      expect(pid).toBeDefined();
      return pid ?? 0;
    });
    await new Promise((done) => setTimeout(done, 100)); // It opens its state.
    process.kill(next, "SIGKILL");
    await ended;
  }

  function controlPlanes(): readonly number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
          return line.includes("apps/control-plane/main.ts") && line.includes(instance.folder);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  for (const [what, file] of [
    ["vault", "key"],
    ["ca", "ca-key.pem"],
  ] as const)
    it(`is completed by the next start: ${what}`, async () => {
      const before = await containers();
      for (const kill of [() => killWhenReplaced(what, file), () => killNextControlPlane(what)]) {
        const old = readFileSync(join(instance.folder, file), "utf8");
        await kill();
        await instance.up("up");
        expect(readFileSync(join(instance.folder, file), "utf8")).not.toBe(old);
        await eventually(async () => expect((await instance.status()).agents).toHaveLength(1));
        await expectUndisturbed(before);
        const certificate = readFileSync(join(instance.folder, "ca.pem"), "utf8").trim();
        expect(readFileSync(join(instance.folder, "ca-key.pem"), "utf8")).toContain(certificate);
      }
      const key = JSON.parse(readFileSync(join(instance.folder, "key"), "utf8")) as {
        vault: readonly string[];
      }; // We wrote it.
      expect(key.vault).toHaveLength(1);
    });
});
