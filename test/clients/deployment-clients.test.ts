import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as scaling from "@aws-sdk/client-application-auto-scaling";
import * as cloudWatch from "@aws-sdk/client-cloudwatch";
import * as codeDeploy from "@aws-sdk/client-codedeploy";
import * as ecs from "@aws-sdk/client-ecs";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { createBalancer, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT } from "../e2e/helpers.ts";
import { debianPackages, has, python } from "./clients.ts";
import { callsOf, type Call, type Shared } from "./deployment-calls.ts";

// The same calls by four clients: what an operation answers must reach each of them alike.
type Answers = readonly Record<string, unknown>[];

const api = await startApi();
afterAll(() => api.close());
const ENVIRONMENT = {
  ...process.env,
  ...api.environment,
  AWS_DEFAULT_REGION: "eu-south-1",
  AWS_PAGER: "",
};
let shared: Shared = { role: "", listener: "", targetGroup: "", groups: [] };
let networkConfiguration = {};

beforeAll(async () => {
  const { targetGroupArn, listenerArn, subnets } = await createBalancer(api.client(), "web");
  const { Role } = await new IAMClient(api.client()).send(
    new CreateRoleCommand({
      RoleName: "deployer",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "codedeploy.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      }),
    }),
  );
  await createBalancer(api.client(), "green");
  shared = {
    role: Role?.Arn ?? "",
    ...{ listener: listenerArn, targetGroup: targetGroupArn, groups: ["web", "green"] },
  };
  const services = new ecs.ECSClient(api.client());
  await services.send(new ecs.CreateClusterCommand({ clusterName: "shop" }));
  await services.send(
    new ecs.RegisterTaskDefinitionCommand({
      ...{ family: "web", networkMode: "awsvpc", cpu: "256", memory: "512" },
      containerDefinitions: [{ name: "web", image: "busybox", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  const common = { cluster: "shop", taskDefinition: "web", desiredCount: 1 };
  networkConfiguration = { awsvpcConfiguration: { subnets } };
  for (const name of ["js", "boto3", "cli1", "cli2"])
    await services.send(
      new ecs.CreateServiceCommand({
        ...common,
        serviceName: `deployed-${name}`,
        deploymentController: { type: "CODE_DEPLOY" },
        networkConfiguration,
        loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
      }),
    );
  for (const name of ["js", "boto3", "cli1", "cli2"]) {
    await services.send(
      new ecs.CreateServiceCommand({ ...common, serviceName: `native-${name}`, networkConfiguration }),
    );
    await services.send(
      new ecs.CreateServiceCommand({
        ...{ cluster: "shop", desiredCount: 2, serviceName: `external-${name}` },
        deploymentController: { type: "EXTERNAL" },
      }),
    );
  }
});

const SDK: Readonly<
  Record<string, { readonly client: new (options: object) => object; readonly commands: object }>
> = {
  codedeploy: { client: codeDeploy.CodeDeployClient, commands: codeDeploy },
  "application-autoscaling": { client: scaling.ApplicationAutoScalingClient, commands: scaling },
  cloudwatch: { client: cloudWatch.CloudWatchClient, commands: cloudWatch },
  ecs: { client: ecs.ECSClient, commands: ecs },
  elbv2: { client: elb.ElasticLoadBalancingV2Client, commands: elb },
};

async function bySdk(calls: readonly Call[]): Promise<Answers> {
  const answers: Record<string, unknown>[] = [];
  for (const [service, operation, parameters] of calls) {
    const { client: Client, commands } = SDK[service] ?? expect.fail(service);
    const Command = (commands as Record<string, new (input: object) => object>)[`${operation}Command`];
    const client = new Client(api.client()) as { send(command: object): Promise<Record<string, unknown>> };
    if (Command === undefined) return expect.fail(operation);
    const input = resolved(parameters, answers) as object;
    const answer = await client
      .send(new Command(input))
      .catch((thrown: Error) => ({ code: thrown.name, message: thrown.message }));
    answers.push({ ...answer, $metadata: undefined });
  }
  return answers;
}

/**
 * As in calls.py: "@a.0.b" stands for that member of the last answer that has it. The SDK takes times as
 * dates.
 */
function resolved(value: unknown, answers: Answers): unknown {
  if (typeof value === "string" && value.startsWith("@"))
    return answers
      .map((answer) =>
        value
          .slice(1)
          .split(".")
          .reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], answer),
      )
      .findLast((found) => found !== undefined);
  if (Array.isArray(value)) return value.map((each) => resolved(each, answers));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      /^(?:Start|End)Time$/.test(key) ? new Date(String(each)) : resolved(each, answers),
    ]),
  );
}

/** By boto3, or by the command line of a Python's own awscli. */
async function byPython(
  program: string,
  calls: readonly Call[],
  ...mode: readonly string[]
): Promise<Answers> {
  return JSON.parse(
    await pipe(program, [join(PROJECT, "test/clients/calls.py"), ...mode], JSON.stringify(calls)),
  ) as Answers;
}

function pipe(program: string, parameters: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, parameters, { env: ENVIRONMENT }, (problem, stdout, stderr) =>
      problem === null ? resolve(stdout) : reject(new Error(`${parameters.join(" ")}: ${stderr}`)),
    );
    child.stdin?.end(input);
  });
}

/**
 * An answer without what differs by client: its name, ids, times, absent members, and the names that lists
 * have of other clients.
 */
function comparable(value: unknown, name: string): unknown {
  const text = JSON.stringify(value, (key, each: unknown) => {
    if (/(?:Time|Timestamps?|At|Modified|LastUpdated\w*|HistoryData)$/i.test(key) || each === null)
      return undefined;
    if (key !== "applications" && key !== "deploymentConfigsList") return each;
    return (each as readonly unknown[]).filter((item) => String(item).split("-").includes(name));
  });
  return JSON.parse(
    text
      .replaceAll(new RegExp(`(?<=["/:-])${name}(?=["/:-])`, "g"), "NAME")
      .replaceAll(
        /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{22,}|d-[0-9A-Z]{9}|\d{16,20}|ecs-svc\/\d+/g,
        "ID",
      ),
  );
}

const CLIENTS = [
  {
    name: "boto3",
    needs: "python3",
    make: async (calls: readonly Call[]) => byPython(join(await python(), "bin/python"), calls),
  },
  {
    name: "cli1",
    needs: "python3",
    make: async (calls: readonly Call[]) => byPython(join(await python(), "bin/python"), calls, "command"),
  },
  {
    name: "cli2",
    needs: "apt-get",
    async make(calls: readonly Call[]) {
      await debianPackages("awscli");
      return byPython("/usr/bin/python3", calls, "command");
    },
  },
];

/** The calls, with the parts that are known once the test runs. */
const callsFor = (name: string): readonly Call[] =>
  callsOf(name, shared).map(([service, operation, parameters, code]) => [
    service,
    operation,
    "networkConfiguration" in parameters ? { ...parameters, networkConfiguration } : parameters,
    code,
  ]);

describe("deployments, scaling and alarms", () => {
  let expected: Promise<Answers>;
  beforeAll(() => {
    expected = bySdk(callsFor("js"));
    return expected;
  });

  it("are called by every operation of their services", () => {
    const called = new Set(callsFor("js").map(([service, operation]) => `${service}: ${operation}`));
    for (const service of ["codedeploy", "application-autoscaling", "cloudwatch"]) {
      const text = readFileSync(join(PROJECT, `packages/api/${service}/SUPPORT.md`), "utf8");
      const operations = /## Operations\n\n(.*)\n/.exec(text)?.[1]?.split(", ") ?? [];
      expect(operations.length).toBeGreaterThan(10);
      expect(operations.filter((operation) => !called.has(`${service}: ${operation}`))).toEqual([]);
    }
  });

  it("fail only where a controller would have to act first", async () => {
    const answers = await expected;
    for (const [index, [, operation, , code]] of callsFor("js").entries())
      expect([operation, answers[index]?.["message"], answers[index]?.["code"]]).toEqual([
        operation,
        code === undefined ? undefined : expect.any(String),
        code,
      ]);
  });

  it.concurrent.each(CLIENTS.filter(({ needs }) => has(needs)))(
    "are the same for $name as for the SDK for JavaScript",
    async ({ name, make }) => {
      const calls = callsFor(name);
      const answers = await make(calls);
      const byJs = await expected;
      for (const [index, [, operation]] of calls.entries()) {
        const [answer, wanted] = [comparable(answers[index], name), comparable(byJs[index], "js")];
        // A command line leaves out what an answer has beside the items of its pages, and an older one the
        // members that it does not know.
        if (name !== "boto3") expect(wanted, operation).toMatchObject(answer as object);
        else expect(answer, operation).toEqual(wanted);
      }
    },
  );
});
