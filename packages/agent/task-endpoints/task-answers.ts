import type { PodAssignment } from "@gantry/agent-protocol";
import type { Clock } from "@gantry/kernel";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import { TaskStats, type InterfaceCounters } from "./task-stats.ts";

export interface TaskAnswersDeps {
  readonly pods: () => readonly PodAssignment[];
  readonly engine: Engine;
  readonly naming: Naming;
  readonly clock: Clock;
  /** How often a container was started again by its policy, by its id. */
  readonly restartsOf: (containerId: string) => number;
  /** The counters of the network interfaces that a process sees. */
  readonly countersOf: (pid: number) => Promise<InterfaceCounters>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const METADATA =
  /^\/v[34]\/([0-9a-f]{32})-([A-Za-z0-9_-]+?)(\/task|\/taskWithTags|\/stats|\/task\/stats)?\/?$/;

/**
 * The answers to a task: its credentials, and the metadata and statistics of its containers.
 * Source: Amazon ECS task metadata endpoint version 4; IAM roles for tasks.
 */
export class TaskAnswers {
  readonly #deps: TaskAnswersDeps;
  readonly #stats: TaskStats;

  constructor(deps: TaskAnswersDeps) {
    this.#deps = deps;
    this.#stats = new TaskStats(deps);
  }

  async answer(path: string): Promise<Answer> {
    const credentials = /^\/v2\/credentials\/([0-9a-f-]{36})$/.exec(path)?.[1];
    if (credentials !== undefined) return this.#credentials(credentials);
    const [, endpointId, container, view = ""] = METADATA.exec(path) ?? [];
    if (endpointId === undefined) return notFound("404 page not found");
    const pod = this.#deps.pods().find((each) => each.metadata?.endpointId === endpointId);
    if (pod === undefined) return notFound("V4 metadata handler: unable to get the task");
    if (!pod.containers.some((each) => each.name === container) || container === undefined)
      return notFound("V4 metadata handler: unable to get the container");
    switch (view) {
      case "/stats":
        return found(await this.#stats.of(pod, container), "V4 stats handler: the container does not run");
      case "/task/stats":
        return { status: 200, body: await this.#statsOfAll(pod) };
      case "/task":
        return { status: 200, body: await this.#task(pod) };
      case "/taskWithTags": {
        const tags = pod.metadata?.tags ?? {};
        const shown = Object.keys(tags).length === 0 ? {} : { TaskTags: tags };
        return { status: 200, body: { ...(await this.#task(pod)), ...shown } };
      }
      default:
        return { status: 200, body: await this.#present(pod, container) };
    }
  }

  #credentials(id: string): Answer {
    const credentials = this.#deps
      .pods()
      .flatMap((pod) => pod.credentials)
      .find((each) => each.id === id);
    if (credentials === undefined) {
      const message = "CredentialsV2Request: Credentials not found";
      return { status: 400, body: { code: "InvalidIdInRequest", message, HTTPErrorCode: 400 } };
    }
    return {
      status: 200,
      body: {
        RoleArn: credentials.roleArn,
        AccessKeyId: credentials.accessKeyId,
        SecretAccessKey: credentials.secretAccessKey,
        Token: credentials.token,
        Expiration: new Date(credentials.expiresAt).toISOString(),
      },
    };
  }

  /** By the engine's container ids; null for a container that does not run. */
  async #statsOfAll(pod: PodAssignment): Promise<Readonly<Record<string, unknown>>> {
    const { engine, naming } = this.#deps;
    const all = await Promise.all(
      pod.containers.map(async ({ name }) => {
        const there = await engine.inspect(naming.container(pod.key, name));
        return there && ([there.id, (await this.#stats.of(pod, name)) ?? null] as const);
      }),
    );
    return Object.fromEntries(all.filter((entry) => entry !== undefined));
  }

  async #task(pod: PodAssignment): Promise<Readonly<Record<string, unknown>>> {
    const { metadata } = pod;
    const containers = await Promise.all(pod.containers.map(({ name }) => this.#present(pod, name)));
    return {
      Cluster: metadata?.cluster,
      TaskARN: metadata?.taskArn,
      Family: metadata?.family,
      Revision: metadata?.revision,
      DesiredStatus: pod.desired,
      KnownStatus: containers.every((container) => container["KnownStatus"] === "RUNNING")
        ? "RUNNING"
        : "PENDING",
      ...(metadata?.serviceName === undefined ? {} : { ServiceName: metadata.serviceName }),
      Limits: { CPU: (pod.cpuUnits ?? 0) / 1024, Memory: pod.memoryMiB },
      AvailabilityZone: metadata?.availabilityZone,
      VPCID: metadata?.vpcId,
      LaunchType: metadata?.launchType,
      Containers: containers,
    };
  }

  async #present(pod: PodAssignment, name: string): Promise<Record<string, unknown>> {
    const container = pod.containers.find((each) => each.name === name);
    const there = await this.#deps.engine.inspect(this.#deps.naming.container(pod.key, name));
    const { interface: eni, metadata } = pod;
    return {
      DockerId: there?.id,
      Name: name,
      DockerName: there?.name,
      Image: container?.image,
      ImageID: there?.imageDigest,
      Labels: {
        "com.amazonaws.ecs.cluster": metadata?.cluster,
        "com.amazonaws.ecs.container-name": name,
        "com.amazonaws.ecs.task-arn": metadata?.taskArn,
        "com.amazonaws.ecs.task-definition-family": metadata?.family,
        "com.amazonaws.ecs.task-definition-version": metadata?.revision,
      },
      DesiredStatus: pod.desired,
      KnownStatus: there?.state === "running" ? "RUNNING" : there?.state === "exited" ? "STOPPED" : "CREATED",
      ...(there?.exitCode === undefined ? {} : { ExitCode: there.exitCode }),
      ...(container?.restartPolicy === undefined || there === undefined
        ? {}
        : { RestartCount: this.#deps.restartsOf(there.id) }),
      Limits: { CPU: container?.cpuShares, Memory: container?.memoryMiB },
      CreatedAt: there?.startedAt === undefined ? undefined : new Date(there.startedAt).toISOString(),
      StartedAt: there?.startedAt === undefined ? undefined : new Date(there.startedAt).toISOString(),
      Type: "NORMAL",
      ContainerARN: container?.arn,
      Networks: [
        {
          NetworkMode: "awsvpc",
          IPv4Addresses: [eni.ip],
          IPv4SubnetCIDRBlock: metadata?.subnetCidr,
          MACAddress: eni.mac,
          PrivateDNSName: `${eni.hostname}.${eni.dnsSearch}`,
          SubnetGatewayIpv4Address: `${eni.gateway}/${eni.prefix}`,
        },
      ],
    };
  }
}

function notFound(message: string): Answer {
  return { status: 404, body: { code: "NotFound", message } };
}

function found(body: unknown, otherwise: string): Answer {
  return body === undefined ? notFound(otherwise) : { status: 200, body };
}
