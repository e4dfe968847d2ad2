import type { HostResolver, NodeSettings } from "@gantry/agent-protocol";
import type { Clock, Ids, Logger } from "@gantry/kernel";
import type { Zones } from "@gantry/kernel/dns/zones";
import { DnsServer } from "./dns-server.ts";
import { Forwarder } from "./forward.ts";
import { HostRelay } from "./host-relay.ts";
import { resolveOnHost } from "./resolve.ts";

const DNS_PORT = 53;
const TLS_PORT = 443;
const HTTP_PORT = 80;

/** A resolver of the host's programs. */
export interface HostServer {
  /** Whether it could not listen, and has to be opened again. */
  readonly isBroken: boolean;
  close(): void;
}

/**
 * Answers programs of the host at one loopback address: names at port 53, and the AWS services, whose names lead to the
 * address, at the ports 443 and 80.
 */
export function serveHost(
  deps: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly ids: Ids;
    readonly random: () => number;
    readonly zones: Zones;
  },
  settings: NodeSettings & { readonly hostResolver: HostResolver },
): HostServer {
  const { clock, log, ids, random, zones } = deps;
  const { account, tlsHost, tlsPort } = settings;
  const { address, upstreams, apiPort } = settings.hostResolver;
  const servers = [
    new DnsServer({
      ...{ clock, log, address, port: DNS_PORT },
      forwarder: new Forwarder({ clock, log, ids, resolvers: () => upstreams }),
      resolve: (question) => resolveOnHost(zones, { address, account }, question, random),
    }),
    new HostRelay({ log, address, port: TLS_PORT, target: { host: tlsHost, port: tlsPort } }),
    new HostRelay({ log, address, port: HTTP_PORT, target: { host: tlsHost, port: apiPort } }),
  ];
  return {
    get isBroken() {
      return servers.some((each) => each.isBroken);
    },
    close() {
      for (const each of servers) each.close();
    },
  };
}
