import { connect, createServer, type Server } from "node:net";
import { messageOf, type Logger } from "@gantry/kernel";

/** Carries a VPC's connections to the AWS service names over to the control plane, byte for byte: TLS ends there. */
export class ServiceRelay {
  readonly #servers: readonly Server[];

  constructor(options: { address: string; tls: { host: string; port: number }; log: Logger }) {
    const { address, tls, log } = options;
    this.#servers = [443].map((port) => {
      const server = createServer({ noDelay: true }, (client) => {
        const upstream = connect({ host: tls.host, port: tls.port, noDelay: true });
        client.on("error", () => upstream.destroy());
        upstream.on("error", () => client.destroy());
        client.on("close", () => upstream.destroy());
        upstream.on("close", () => client.destroy());
        client.pipe(upstream).pipe(client);
      });
      server.on("error", (thrown) => log.warn("Service relay failed", { port, reason: messageOf(thrown) }));
      server.listen(port, address);
      return server;
    });
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}
