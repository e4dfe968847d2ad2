import type { NodeSettings } from "@gantry/agent-protocol";
import type { Zones } from "@gantry/kernel/dns/zones";
import type { Host } from "../host.ts";
import type { HostServer } from "./serve-host.ts";

/** The servers that answer hosted zones outside of VPCs, as the node's settings want them. */
export class ZoneServers {
  readonly #host: Pick<Host, "serveZones" | "serveHost">;
  readonly #zones: Zones;
  #public: { readonly port: number; readonly close: () => void } | undefined;
  #own: { readonly wanted: string; readonly server: HostServer } | undefined;

  constructor(host: Pick<Host, "serveZones" | "serveHost">, zones: Zones) {
    this.#host = host;
    this.#zones = zones;
  }

  /**
   * Opens and closes servers. It is repeated with the settings, each minute: a server that could not listen is opened
   * again.
   */
  follow(settings: NodeSettings | undefined): void {
    this.#followPort(settings?.dnsPort);
    this.#followHost(settings);
  }

  close(): void {
    this.#public?.close();
    this.#own?.server.close();
  }

  #followPort(port: number | undefined): void {
    if (port === this.#public?.port) return;
    this.#public?.close();
    const server = port === undefined ? undefined : this.#host.serveZones(this.#zones, port);
    this.#public =
      port === undefined || server === undefined ? undefined : { port, close: () => server.close() };
  }

  #followHost(settings: NodeSettings | undefined): void {
    const hostResolver = settings?.hostResolver;
    if (settings === undefined || hostResolver === undefined) {
      this.#own?.server.close();
      this.#own = undefined;
      return;
    }
    const wanted = JSON.stringify([hostResolver, settings.tlsHost, settings.tlsPort, settings.account]);
    if (this.#own?.wanted === wanted && !this.#own.server.isBroken) return;
    this.#own?.server.close();
    this.#own = { wanted, server: this.#host.serveHost(this.#zones, { ...settings, hostResolver }) };
  }
}
