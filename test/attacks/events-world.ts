import { CloudWatchLogsClient, PutResourcePolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateClusterCommand, ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  archiveController,
  connectionController,
  deliveryController,
  destinationCaller,
  destinationController,
  outboundRequests,
  replayController,
  scheduleController,
} from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock, VirtualClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";

export const REGION = "eu-south-1";
export const CLUSTER = `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/events`;
export const NETWORK = { awsvpcConfiguration: { Subnets: ["subnet-x"] } };

/** The API with the controllers of events. Time passes where a test says so. */
export async function startEvents() {
  const clock = new VirtualClock(new SystemClock().now());
  const api = await startApi({ clock });
  const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
  const putLog = (groupArn: string, stream: string, message: string): void => {
    api.logs.createStream(groupArn, stream, clock.now());
    api.logs.append(groupArn, stream, [{ timestamp: clock.now(), message }], clock.now());
  };
  const outward = {
    ...{ ...deps, vault: api.vault, permissions: api.policy },
    send: outboundRequests(api.authority),
  };
  const invoking = {
    ...{ ...outward, putLog, callDestination: destinationCaller(outward) },
    callApi: (call: Parameters<typeof api.call>[0]) => api.call(call),
  };
  const controllers = [
    scheduleController(deps),
    archiveController({ ...deps, expireEvents: (group, before) => api.logs.expire(group, before) }),
    replayController({
      ...deps,
      archivedEvents: (group, after, limit) =>
        api.logs.events(group, {
          ...{ streams: undefined, from: 0, until: Number.MAX_SAFE_INTEGER, order: "ascending" },
          ...{ after, limit },
        }),
    }),
    connectionController(outward),
    deliveryController(invoking),
    destinationController(invoking),
  ].map((reconciler) => new Controller(reconciler, { clock, log: silentLogger }));
  for (const controller of controllers) controller.start();
  const iam = new IAMClient(api.client());
  const ecs = new ECSClient(api.client());
  await ecs.send(new CreateClusterCommand({ clusterName: "events" }));
  /** A role that both services may assume, with these permissions. */
  const role = async (RoleName: string, Action: readonly string[]): Promise<string> => {
    const trust = {
      Effect: "Allow",
      Principal: { Service: ["events.amazonaws.com", "scheduler.amazonaws.com", "ecs-tasks.amazonaws.com"] },
      Action: "sts:AssumeRole",
    };
    const document = (Statement: object) => JSON.stringify({ Version: "2012-10-17", Statement });
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document(trust) }),
    );
    if (Action.length > 0)
      await iam.send(
        new PutRolePolicyCommand({
          RoleName,
          PolicyName: "own",
          PolicyDocument: document({ Effect: "Allow", Action, Resource: "*" }),
        }),
      );
    return Role?.Arn ?? "";
  };
  const define = async (family: string, taskRoleArn?: string): Promise<string> => {
    const { taskDefinition } = await ecs.send(
      new RegisterTaskDefinitionCommand({
        family,
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "c", image: "busybox" }],
        taskRoleArn,
      }),
    );
    return taskDefinition?.taskDefinitionArn ?? "";
  };
  /** Lets EventBridge write to every log group, as the console of AWS does for a rule's target. */
  const openLogs = async (policyName: string, more: object = {}): Promise<void> => {
    const Statement = {
      ...{ Effect: "Allow", Principal: { Service: ["events.amazonaws.com", "delivery.logs.amazonaws.com"] } },
      ...{ Action: ["logs:CreateLogStream", "logs:PutLogEvents"], Resource: "*", ...more },
    };
    const policyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await new CloudWatchLogsClient(api.client()).send(
      new PutResourcePolicyCommand({ policyName, policyDocument }),
    );
  };
  return {
    api,
    clock,
    openLogs,
    role,
    define,
    /** Lets the controllers work, and time pass. */
    settle: (ms = 1) => clock.advance(ms),
    async close(): Promise<void> {
      await Promise.all(controllers.map((controller) => controller.stop()));
      api.close();
    },
  };
}
