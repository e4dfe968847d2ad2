import { connect, createServer, type Server, type Socket } from "node:net";
import { encodeRelayHeader, type ConnectionOrigin, type NodeSettings } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";

const PORT = 443;

/**
 * Relays a VPC's connections to the AWS service names to the control plane byte for byte; TLS ends there. A
 * preceding header states the source address of the connection, so that `aws:SourceIp` is not the relay's
 * address.
 */
export class ServiceRelay {
  readonly #server: Server;

  constructor(options: {
    address: string;
    settings: () => NodeSettings | undefined;
    /**
     * Where in the VPC a connection comes from; undefined where nothing depends on it. A rejection closes the
     * connection.
     */
    originOf: (client: Client) => Promise<ConnectionOrigin> | undefined;
    log: Logger;
  }) {
    const { address, settings, originOf, log } = options;
    this.#server = createServer({ noDelay: true }, (client) => {
      const current = settings();
      const { remoteAddress, remotePort } = client;
      if (current === undefined || remoteAddress === undefined || remotePort === undefined)
        return void client.destroy();
      const origin = originOf({ address: remoteAddress, port: remotePort });
      if (origin === undefined) return relay(client, current, undefined);
      client.on("error", () => client.destroy());
      origin.then(
        (known) => (client.destroyed ? undefined : relay(client, current, known)),
        (thrown: unknown) => {
          // A request whose endpoint is not known must not pass as one that comes through none.
          log.warn("A connection to the AWS services is closed", { reason: messageOf(thrown) });
          client.destroy();
        },
      );
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

/** The client's end of a connection, after its address was translated. */
export interface Client {
  readonly address: string;
  readonly port: number;
}

function relay(
  client: Socket,
  { tlsHost, tlsPort, relayKey }: NodeSettings,
  origin: ConnectionOrigin | undefined,
): void {
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
        origin,
      ),
    );
  client.pipe(upstream).pipe(client);
}
