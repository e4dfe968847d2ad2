import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { PodAssignment } from "@gantry/agent-protocol";
import { http, messageOf, type Logger } from "@gantry/kernel";
import type { Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";

export interface TaskEndpointsDeps {
  readonly address: string;
  readonly pods: () => readonly PodAssignment[];
  readonly engine: Engine;
  readonly naming: Naming;
  readonly log: Logger;
}

/**
 * What a task finds at 169.254.170.2: its credentials and its metadata, both behind ids that cannot be guessed.
 * Source: Amazon ECS task metadata endpoint version 4; IAM roles for tasks.
 */
export class TaskEndpoints {
  readonly #deps: TaskEndpointsDeps;
  readonly #server: Server;

  constructor(deps: TaskEndpointsDeps) {
    this.#deps = deps;
    this.#server = http.createServer((request, response) => void this.#handle(request, response)); // #handle never rejects.
    this.#server.on("error", (thrown) =>
      deps.log.warn("Task endpoints failed", { reason: messageOf(thrown) }),
    );
    this.#server.listen(8080, deps.address);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    try {
      const credentials = /^\/v2\/credentials\/([0-9a-f-]{36})$/.exec(path)?.[1];
      if (credentials !== undefined) return this.#sendCredentials(credentials, response);
      const metadata = /^\/v[34]\/([0-9a-f]{32})-([A-Za-z0-9_-]+)(\/task)?\/?$/.exec(path);
      if (metadata !== null)
        return await this.#sendMetadata(
          { endpointId: metadata[1] ?? "", container: metadata[2] ?? "", whole: metadata[3] !== undefined },
          response,
        );
      send(response, 404, { code: "NotFound", message: "404 page not found" });
    } catch (thrown) {
      this.#deps.log.warn("Task endpoint failed", { reason: messageOf(thrown) });
      send(response, 500, { code: "InternalServerError", message: "The endpoint could not answer." });
    }
  }

  #sendCredentials(id: string, response: ServerResponse): void {
    const found = this.#deps
      .pods()
      .flatMap((pod) => pod.credentials)
      .find((credentials) => credentials.id === id);
    if (found === undefined) {
      send(response, 400, {
        code: "InvalidIdInRequest",
        message: "CredentialsV2Request: Credentials not found",
        HTTPErrorCode: 400,
      });
      return;
    }
    send(response, 200, {
      RoleArn: found.roleArn,
      AccessKeyId: found.accessKeyId,
      SecretAccessKey: found.secretAccessKey,
      Token: found.token,
      Expiration: new Date(found.expiresAt).toISOString(),
    });
  }

  async #sendMetadata(
    asked: { endpointId: string; container: string; whole: boolean },
    response: ServerResponse,
  ): Promise<void> {
    const pod = this.#deps.pods().find((each) => each.metadata?.endpointId === asked.endpointId);
    const { metadata } = pod ?? {};
    if (pod === undefined || metadata === undefined)
      return send(response, 404, {
        code: "NotFound",
        message: "V4 metadata handler: unable to get the task",
      });
    const containers = await Promise.all(
      pod.containers.map((container) => this.#present(pod, container.name)),
    );
    if (!asked.whole) {
      const one = containers[pod.containers.findIndex((container) => container.name === asked.container)];
      return one === undefined
        ? send(response, 404, {
            code: "NotFound",
            message: "V4 metadata handler: unable to get the container",
          })
        : send(response, 200, one);
    }
    send(response, 200, {
      Cluster: metadata.cluster,
      TaskARN: metadata.taskArn,
      Family: metadata.family,
      Revision: metadata.revision,
      DesiredStatus: pod.desired,
      KnownStatus: containers.every((container) => container["KnownStatus"] === "RUNNING")
        ? "RUNNING"
        : "PENDING",
      ...(metadata.serviceName === undefined ? {} : { ServiceName: metadata.serviceName }),
      Limits: { CPU: (pod.cpuUnits ?? 0) / 1024, Memory: pod.memoryMiB },
      AvailabilityZone: metadata.availabilityZone,
      VPCID: metadata.vpcId,
      LaunchType: metadata.launchType,
      Containers: containers,
    });
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

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
