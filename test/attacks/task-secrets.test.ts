import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as sm from "@aws-sdk/client-secrets-manager";
import { policyDecider } from "@gantry/api/iam/decide";
import type { PodAssignment } from "@gantry/agent-protocol";
import { schedulerController } from "@gantry/controllers";
import { taskAssignment } from "@gantry/controllers/node/pod-assignment";
import { PAUSE_TAG } from "@gantry/images";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { livePods, type LivePods } from "../docker/live-pods.ts";

// Whoever reads the engine's record of a container, or a copy of its folder, must not find the values of the
// task's secrets.
// Before: they were variables in the engine's record: `docker inspect` showed them, and config.v2.json had
// them in plain text.
const run = promisify(execFile);
const VALUE = "correct-horse-battery-9f31";
const api = await startApi();
let live: LivePods;
let pod: PodAssignment;
let name = "";

beforeAll(async () => {
  live = await livePods();
  pod = await assignmentOfTask();
  await live.reconcile(pod);
  name = live.nameOf(pod);
});
afterAll(async () => {
  await live.close();
  api.close();
});

/** The assignment of a task whose container has a secret, as the control plane makes it. */
async function assignmentOfTask(): Promise<PodAssignment> {
  const client = new ecs.ECSClient(api.client());
  const clock = new SystemClock();
  const secrets = new sm.SecretsManagerClient(api.client());
  const secret = await secrets.send(new sm.CreateSecretCommand({ Name: "db", SecretString: VALUE }));
  const statement = {
    Effect: "Allow",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  const role = await new iam.IAMClient(api.client()).send(
    new iam.CreateRoleCommand({
      RoleName: "execution",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    }),
  );
  const read = { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: "*" };
  await new iam.IAMClient(api.client()).send(
    new iam.PutRolePolicyCommand({
      RoleName: "execution",
      PolicyName: "read",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [read] }),
    }),
  );
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  await client.send(new ecs.CreateClusterCommand({}));
  const node = { id: "n", hostname: "n", cpu: 64_000, memoryMiB: 64_000, registeredAt: 0, agentPid: 1 };
  api.store.transact((tx) => tx.put("node", "n", node));
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "app",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      executionRoleArn: role.Role?.Arn,
      containerDefinitions: [
        {
          name: "c",
          image: PAUSE_TAG,
          entryPoint: ["/usr/bin/busybox", "sh", "-c"],
          command: ["echo $PASSWORD | md5sum; exec /usr/bin/busybox sleep 600"],
          user: "65534",
          secrets: [
            { name: "PASSWORD", valueFrom: secret.ARN },
            { name: "/run/secrets/password", valueFrom: secret.ARN },
          ],
          healthCheck: {
            command: [
              "CMD",
              "/usr/bin/busybox",
              "sh",
              "-c",
              `test "$PASSWORD" != "" && echo $PASSWORD | md5sum`,
            ],
            interval: 5,
          },
        },
      ],
    }),
  );
  const networkConfiguration = { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
  const { tasks = [] } = await client.send(
    new ecs.RunTaskCommand({ taskDefinition: "app", networkConfiguration }),
  );
  const taskArn = tasks[0]?.taskArn ?? "";
  const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault };
  await schedulerController({
    ...deps,
    publicPool: "198.18.9.0/24",
    permissions: policyDecider({ store: api.store, now: () => clock.now() }),
    overcommit: DEFAULT_OVERCOMMIT,
    readObject: async () => Buffer.of(),
    findImage: () => ({ type: "foreign" }),
  }).reconcile(taskArn);
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
    api.store.get("task", taskArn) ?? expect.fail("The task is kept."),
  );
  return assignment ?? expect.fail("The task is assigned.");
}

describe("the value of a task's secret", () => {
  it("is in the environment of the program and of the health check", async () => {
    const digest = (await run("sh", ["-c", `echo ${VALUE} | md5sum`])).stdout.trim();
    await vi.waitFor(
      async () => {
        expect((await run("docker", ["logs", name])).stdout.trim()).toBe(digest);
        const { stdout } = await run("docker", ["inspect", "--format", "{{json .State.Health}}", name]);
        expect(stdout).toContain(digest.slice(0, 32));
        expect(stdout).toContain('"Status":"healthy"');
      },
      { timeout: 60_000, interval: 200 },
    );
  });

  // Before: a name with slashes was a variable's, and the file of the variables was readable for every user.
  it("is in a file that the container's user alone reads, as the file of its variables", async () => {
    const exec = (user: string, ...command: string[]) =>
      run("docker", ["exec", "-u", user, name, ...command]);
    const sh = ["/usr/bin/busybox", "sh", "-c"];
    const cat = ["/usr/bin/busybox", "cat", "/run/secrets/password"];
    expect((await exec("65534", ...cat)).stdout).toBe(VALUE);
    await expect(exec("1000", ...cat)).rejects.toThrow("Permission denied");
    const mode = [...sh, "/usr/bin/busybox stat -c '%a %u' /run/secrets/password /.gantry-*/variables"];
    expect((await exec("65534", ...mode)).stdout.trim().split("\n")).toEqual(["400 65534", "400 65534"]);
    await expect(exec("65534", ...sh, "echo x > /run/secrets/password")).rejects.toThrow("Read-only");
  });

  it("is neither in the engine's record of the container, nor in its folder, nor in a record of an exec", async () => {
    const { stdout: inspected } = await run("docker", ["inspect", name]);
    expect(inspected).not.toContain(VALUE);
    const { stdout: id } = await run("docker", ["inspect", "--format", "{{.Id}}", name]);
    const { stdout: root } = await run("docker", ["info", "--format", "{{.DockerRootDir}}"]);
    const folder = `${root.trim()}/containers/${id.trim()}`;
    expect((await run("ls", [folder])).stdout).toContain("config.v2.json");
    await expect(run("grep", ["-r", VALUE, folder])).rejects.toMatchObject({ code: 1, stdout: "" });
    const { stdout: execs } = await run("docker", ["inspect", "--format", "{{json .ExecIDs}}", name]);
    for (const exec of (JSON.parse(execs) as string[] | null) ?? []) {
      const url = `http://localhost/exec/${exec}/json`;
      const { stdout } = await run("curl", ["-s", "--unix-socket", "/var/run/docker.sock", url]);
      expect(stdout).not.toContain(VALUE);
    }
    expect((await run("docker", ["diff", name])).stdout).not.toContain(VALUE);
  });

  it("is on the host in files that only root reaches, and nowhere once the containers are gone", async () => {
    const found = await run("grep", ["-rl", VALUE, live.runFolder]);
    const files = found.stdout.trim().split("\n");
    expect(files).toHaveLength(2);
    // The container's user owns them, and has the same number on the host.
    for (const file of files) {
      const nobody = run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "cat", file]);
      await expect(nobody).rejects.toMatchObject({ code: 1, stdout: "" });
    }
    await live.remove(pod);
    await expect(run("grep", ["-rl", VALUE, live.runFolder])).rejects.toMatchObject({ stdout: "" });
  });
});
