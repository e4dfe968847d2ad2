import { hostname } from "node:os";
import type { Clock } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";
import { newHttpsServer, type ConnectionServer, type RequestHandler } from "@gantry/wire";
import { secureContexts } from "./secure-contexts.ts";

/** How long a certificate is used: a small part of its lifetime. */
const CERTIFICATE_MS = 30 * 24 * 60 * 60_000;

/**
 * The names that clients give the endpoint besides this machine's: names under `localhost`, which are
 * loopback by RFC 6761 (buckets, websites), and those of AWS, for clients whose resolver points them here.
 */
const ENDPOINT_NAME = /^(?:[a-z0-9-]+\.)*(?:localhost|amazonaws\.com)$/i;

/**
 * TLS on the endpoint's own port. The certificate names this machine, `localhost`, the loopback addresses and
 * the address given with --listen; a client that sends one of the endpoint's other names is shown a
 * certificate for it. Nothing is signed, and nothing of TLS is loaded, before the first client asks for it.
 */
export function endpointTls(
  options: { authority: Authority; clock: Clock; address: string | undefined },
  handle: RequestHandler,
): () => Promise<ConnectionServer> {
  const { authority, clock, address } = options;
  const contextOf = secureContexts(authority, clock);
  let opened:
    | { readonly server: Promise<ReturnType<typeof newHttpsServer>>; readonly until: number }
    | undefined;
  const open = async (before: typeof opened) => {
    const names = [...new Set(["localhost", hostname()])];
    const addresses = ["127.0.0.1", "::1", ...(address === undefined ? [] : [address])];
    const issued = await authority.issue(names, clock.now(), { addresses });
    const own = { key: issued.keyPem, cert: `${issued.certificatePem}\n${issued.chainPem}` };
    const server = await before?.server.catch(() => undefined);
    if (server !== undefined) {
      server.setSecureContext(own);
      return server;
    }
    const created = newHttpsServer(
      {
        ...own,
        minVersion: "TLSv1.2",
        SNICallback: (name, done) =>
          ENDPOINT_NAME.test(name) && name !== "localhost" ? contextOf(name, done) : done(null),
      },
      handle,
    );
    created.emit("listening"); // Starts the time limits for slow clients: this server never listens.
    return created;
  };
  return () => {
    const now = clock.now();
    if (opened === undefined || opened.until <= now) {
      const server = open(opened);
      opened = { server, until: now + CERTIFICATE_MS };
      server.catch(() => (opened = undefined));
    }
    return opened.server;
  };
}
