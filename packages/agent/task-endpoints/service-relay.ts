import { connect, createServer, type Server, type Socket } from "node:net";
import { encodeRelayHeader, type NodeSettings } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";

const PORT = 443;

/**
 * Relays a VPC's connections to the AWS service names to the control plane byte for byte; TLS ends there. A
 * preceding header states the source address of the connection, so that `aws:SourceIp` is not the relay's
 * address.
 */
export class ServiceRelay {
  readonly #server: Server;

  constructor(options: { address: string; settings: () => NodeSettings | undefined; log: Logger }) {
    const { address, settings, log } = options;
    this.#server = createServer({ noDelay: true }, (client) => {
      const current = settings();
      if (current === undefined) return void client.destroy();
      relay(client, current);
    });
    this.#server.on("error", (thrown) =>
      log.warn("Service relay failed", { port: PORT, reason: messageOf(thrown) }),
    );
    this.#server.listen(PORT, address);
  }

  close(): void {
    this.#server.close();
  }
}

function relay(client: Socket, { tlsHost, tlsPort, relayKey }: NodeSettings): void {
  const upstream = connect({ host: tlsHost, port: tlsPort, noDelay: true });
  client.on("error", () => upstream.destroy());
  upstream.on("error", () => client.destroy());
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.destroy());
  const { remoteAddress, remotePort = 0, localAddress, localPort = 0 } = client;
  if (remoteAddress === undefined || localAddress === undefined) return void client.destroy();
  if (relayKey !== undefined)
    upstream.write(
      encodeRelayHeader(
        relayKey,
        { address: remoteAddress, port: remotePort },
        { address: localAddress, port: localPort },
      ),
    );
  client.pipe(upstream).pipe(client);
}
