import { Agent } from "node:http";
import { ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import {
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { AttachRolePolicyCommand, CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { get } from "./helpers.ts";

type Demo = ReturnType<typeof openDemo>;

/** A version that is healthy and answers 500. */
export const FAILING = "failing";
/** The server of busybox runs this program where a folder has no page. */
const PRINT_500 = String.raw`'printf "Status: 500 Internal Server Error\r\n\r\n"'`;
const ANSWER_500 =
  `mkdir /tmp/w/cgi-bin && printf '%s\\n' '#!/bin/sh' ${PRINT_500} > /tmp/w/cgi-bin/index.cgi && ` +
  "chmod +x /tmp/w/cgi-bin/index.cgi";

/**
 * The container of a version: a web server of busybox that answers its version. A version that listens where
 * nobody looks for it never becomes healthy; one without a page answers 404.
 */
export function versionContainer(version: string | undefined, port = 8080) {
  const page =
    version === undefined ? "true" : version === FAILING ? ANSWER_500 : `echo ${version} > /tmp/w/index.html`;
  return {
    name: "web",
    image: "busybox",
    command: [
      "sh",
      "-c",
      `mkdir -p /tmp/w && echo ok > /tmp/w/health && ${page} && exec busybox httpd -f -p ${port} -h /tmp/w`,
    ],
    portMappings: [{ containerPort: 8080 }],
  };
}

/** Registers a task definition of a version; answers its ARN. */
export async function registerVersion(
  { client }: Demo,
  family: string,
  ...container: Parameters<typeof versionContainer>
): Promise<string> {
  const { taskDefinition } = await new ECSClient(client()).send(
    new RegisterTaskDefinitionCommand({
      family,
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [versionContainer(...container)],
    }),
  );
  return taskDefinition?.taskDefinitionArn ?? "";
}

/** A target group for versions that checks often and drains fast; answers its ARN. */
export async function createVersionTargetGroup(
  { client }: Demo,
  Name: string,
  VpcId: string | undefined,
): Promise<string> {
  const elb = new ElasticLoadBalancingV2Client(client());
  const { TargetGroups } = await elb.send(
    new CreateTargetGroupCommand({
      Name,
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 8080,
      VpcId,
      HealthCheckPath: "/health",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
    }),
  );
  const TargetGroupArn = TargetGroups?.[0]?.TargetGroupArn ?? "";
  await elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "5" }],
    }),
  );
  return TargetGroupArn;
}

/** A role that a service of AWS may assume, with one managed policy; returns its ARN. */
export async function createServiceRole(
  { client }: Demo,
  RoleName: string,
  { service, policy }: { service: string; policy: string },
): Promise<string | undefined> {
  const iam = new IAMClient(client());
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
      }),
    }),
  );
  await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn: `arn:aws:iam::aws:policy/${policy}` }));
  return Role?.Arn;
}

/** Stops the clients of a test before that failed. */
let stopAsking: (() => void) | undefined;

/** Requests that `startAsking` begins each second, whether or not earlier ones are answered. */
const PER_SECOND = 230;
/** The least answers per second of a roll-out under load. */
export const PER_SECOND_MIN = 200;
/** Where so many requests wait for their answers, no more are begun until one is answered. */
const WAITING_MAX = 400;
const TICK_MS = 5;

/**
 * Makes requests at a fixed rate, half of them on connections that are kept and half on new ones, and notes when
 * which version answered. A request is begun when its time has come, however slow the answers before it are, so
 * that a moment without a target is not hidden; those that could not be begun in time are made up for. Several hosts
 * are asked in turns.
 */
export function startAsking(
  { url }: Demo,
  host: string | readonly string[],
  { perSecond = PER_SECOND } = {},
) {
  stopAsking?.();
  const hosts = [host].flat();
  const answers: { at: number; version: string; host: string }[] = [];
  const failures: string[] = [];
  const kept = new Agent({ keepAlive: true, maxSockets: 16 });
  const fresh = new Agent({ keepAlive: false });
  const waiting = new Set<Promise<void>>();
  const ask = async (agent: Agent, asked: string) => {
    const answer = await get(url, { path: "/", agent, headers: { host: asked } }).catch((thrown: Error) => ({
      status: 0,
      body: thrown.message,
    }));
    if (answer.status === 200) answers.push({ at: Date.now(), version: answer.body.trim(), host: asked });
    else failures.push(`${new Date().toISOString()} ${answer.status} ${answer.body.slice(0, 100)}`);
  };
  const began = Date.now();
  let count = 0;
  const timer = setInterval(() => {
    const due = ((Date.now() - began) * perSecond) / 1_000;
    for (; count < due && waiting.size < WAITING_MAX; count += 1) {
      const agent = count % 2 === 0 ? kept : fresh;
      const asked: Promise<void> = ask(agent, hosts[Math.floor(count / 2) % hosts.length] ?? "").finally(() =>
        waiting.delete(asked),
      );
      waiting.add(asked);
    }
  }, TICK_MS);
  stopAsking = () => clearInterval(timer);
  return {
    answers,
    failures,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(waiting);
      kept.destroy();
      return { perSecond: answers.length / ((Date.now() - began) / 1_000) };
    },
  };
}

/** The versions that answered. */
export const versionsOf = (answers: readonly { version: string }[]) =>
  new Set(answers.map(({ version }) => version));

/** A canary that answers so many requests in a row has all of the traffic. */
const IN_ROW_AFTER_SHIFT = 20;

/**
 * The answers from the first of a new version until it has all of the traffic: those of a canary, however late
 * its steps are noticed. An answer of the old version that was long on its way can come after the last step.
 */
export function answersOfCanary<T extends { version: string }>(
  answers: readonly T[],
  canary: string,
): readonly T[] {
  const first = answers.findIndex(({ version }) => version === canary);
  let inRow = 0;
  const end = answers.findIndex(({ version }) => {
    inRow = version === canary ? inRow + 1 : 0;
    return inRow === IN_ROW_AFTER_SHIFT;
  });
  return answers.slice(first, end === -1 ? answers.length : end + 1 - IN_ROW_AFTER_SHIFT);
}

/** Expects a share within four standard deviations of its weight. */
export function expectShare(part: number, all: number, weight: number): void {
  const noise = 4 * Math.sqrt((weight * (1 - weight)) / all);
  expect(Math.abs(part / all - weight), `${part} of ${all}`).toBeLessThan(noise);
}

/** An AppSpec that deploys a version. Hooks: each maps a lifecycle event to a function. */
export const appSpecOf = (taskDefinition: string, ...hooks: readonly Readonly<Record<string, string>>[]) =>
  JSON.stringify({
    version: 0.0,
    ...(hooks.length === 0 ? {} : { Hooks: hooks }),
    Resources: [
      {
        TargetService: {
          Type: "AWS::ECS::Service",
          Properties: {
            TaskDefinition: taskDefinition,
            LoadBalancerInfo: { ContainerName: "web", ContainerPort: 8080 },
          },
        },
      },
    ],
  });
