import type { Server } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { MessageReader, writeMessage, type ToControlPlane } from "@gantry/agent-protocol";
import type { NodeConnection, NodeGateway } from "@gantry/controllers";
import { messageOf, type Logger } from "@gantry/kernel";
import { equalsInConstantTime } from "@gantry/wire";

/** Lets agents that know the token upgrade to the assignment stream. */
export function acceptAgents(
  server: Server,
  deps: { gateway: NodeGateway; token: string; log: Logger },
): void {
  const { gateway, token, log } = deps;
  server.on("upgrade", (request, socket) => {
    const allowed =
      request.url === "/gantry/agent" &&
      equalsInConstantTime(request.headers.authorization ?? "", `Bearer ${token}`);
    if (!allowed) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: gantry-agent\r\n\r\n");
    const decoder = new StringDecoder("utf8");
    const peer: NodeConnection = { send: (envelope) => void socket.write(writeMessage(envelope)) };
    const reader = new MessageReader<ToControlPlane>((envelope) => gateway.receive(peer, envelope));
    gateway.connect(peer);
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(decoder.write(chunk));
      } catch (thrown) {
        log.error("An agent's message could not be taken", {
          reason: messageOf(thrown),
          stack: thrown instanceof Error ? thrown.stack : undefined,
        });
        socket.destroy();
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => gateway.disconnect(peer));
  });
}
