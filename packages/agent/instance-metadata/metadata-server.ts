import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ConnectionOrigin, PodAssignment } from "@gantry/agent-protocol";
import { http, messageOf, type Clock, type Logger } from "@gantry/kernel";
import { METADATA_PORT } from "../network/transit.ts";
import { answerMetadata, type MetadataAnswer } from "./metadata-answers.ts";

/** The addresses of a connection before the router translated them. */
export type MetadataOrigin = (client: { address: string; port: number }) => Promise<ConnectionOrigin>;

interface MetadataServerDeps {
  readonly address: string;
  readonly pods: () => readonly PodAssignment[];
  readonly originOf: MetadataOrigin;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Serves the instance metadata of a VPC's instances at 169.254.169.254. The router translates the connections
 * of instances alone, and its connection tracking says which of them a connection comes from: an instance
 * reads about no other.
 */
export class MetadataServer {
  readonly #deps: MetadataServerDeps;
  readonly #server: Server;
  readonly #origins = new WeakMap<Socket, Promise<ConnectionOrigin>>();

  constructor(deps: MetadataServerDeps) {
    this.#deps = deps;
    // #handle never rejects.
    this.#server = http.createServer((request, response) => void this.#handle(request, response));
    this.#server.on("error", (thrown) =>
      deps.log.warn("Instance metadata failed", { reason: messageOf(thrown) }),
    );
    this.#server.listen(METADATA_PORT, deps.address);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      send(response, await this.#answer(request));
    } catch (thrown) {
      this.#deps.log.warn("Instance metadata failed", { reason: messageOf(thrown) });
      send(response, { status: 500, body: "" });
    }
  }

  async #answer(request: IncomingMessage): Promise<MetadataAnswer> {
    const { pods, clock } = this.#deps;
    const { sourceIp } = await this.#originOf(request.socket);
    const pod = pods().find((each) => each.instance !== undefined && addressesOf(each).includes(sourceIp));
    if (pod === undefined) return { status: 404, body: "" };
    const { method = "GET", url = "/", headers } = request;
    return answerMetadata(pod, { method, path: url.split("?")[0] ?? "/", headers, now: clock.now() });
  }

  #originOf(socket: Socket): Promise<ConnectionOrigin> {
    let origin = this.#origins.get(socket);
    if (origin === undefined) {
      origin = this.#deps.originOf({ address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 });
      this.#origins.set(socket, origin);
    }
    return origin;
  }
}

function addressesOf(pod: PodAssignment): readonly string[] {
  return [pod.interface.ip, ...(pod.attachedInterfaces ?? []).map(({ ip }) => ip)];
}

function send(response: ServerResponse, { status, body, headers }: MetadataAnswer): void {
  response.writeHead(status, { "content-type": "text/plain", server: "EC2ws", ...headers });
  response.end(body, "latin1");
}
