import { connect, createServer, type Server } from "node:net";
import { messageOf, type Logger } from "@gantry/kernel";

const CONNECTIONS_MAX = 1_024;

/**
 * Relays connections of the host's own programs to the control plane byte for byte. To the control plane they are
 * connections of this machine, as those to its own ports are.
 */
export class HostRelay {
  readonly #server: Server;
  #isBroken = false;

  constructor(options: {
    readonly log: Logger;
    readonly address: string;
    readonly port: number;
    readonly target: { readonly host: string; readonly port: number };
  }) {
    const { log, address, port, target } = options;
    this.#server = createServer({ noDelay: true }, (client) => {
      const upstream = connect({ ...target, noDelay: true });
      client.on("error", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.on("close", () => client.destroy());
      client.pipe(upstream).pipe(client);
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on("error", (thrown) => {
      this.#isBroken = true;
      log.warn("A relay of the host's resolver failed", { address, port, reason: messageOf(thrown) });
    });
    this.#server.listen(port, address);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  close(): void {
    this.#server.close();
  }
}
