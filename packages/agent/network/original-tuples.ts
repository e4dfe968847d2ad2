import { readFile } from "node:fs/promises";
import type { ConnectionOrigin } from "@gantry/agent-protocol";

/** The port that a connection was made to, and the one that the router translated it to. */
interface Ports {
  readonly from: number;
  readonly to: number;
}
const SERVICE_PORTS: Ports = { from: 443, to: 443 };

interface End {
  readonly address: string;
  readonly port: number;
}

/**
 * The addresses that connections through a router had before they were translated, from the connection
 * tracking of its namespace. Readings are shared: the connections that arrive while the table is read wait
 * for the next reading together, so that many connections cost no more than one reading after the other.
 * Source: Linux, net/netfilter/nf_conntrack_standalone.c.
 */
export class OriginalTuples {
  readonly #read: () => Promise<string>;
  #running: Promise<string> | undefined;
  #next: Promise<string> | undefined;

  /** `pid` is a process in the router's namespace. */
  constructor(
    pid: number,
    read: () => Promise<string> = () => readFile(`/proc/${pid}/net/nf_conntrack`, "latin1"),
  ) {
    this.#read = read;
  }

  /**
   * Where a connection comes from that reached `address` on a port: 443, where none is given. Throws where the
   * router does not track it.
   */
  async originOf(
    vpcId: string,
    address: string,
    client: End,
    ports: Ports = SERVICE_PORTS,
  ): Promise<ConnectionOrigin> {
    const found = findOrigin(await this.#fresh(), address, client, ports);
    if (found === undefined) throw new Error(`The connection from ${client.address} is not tracked.`);
    return { vpcId, ...found };
  }

  /** A reading that begins after this call. */
  #fresh(): Promise<string> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<string> {
    this.#next = undefined;
    const running = this.#read();
    this.#running = running;
    const end = (): void => {
      if (this.#running === running) this.#running = undefined;
    };
    running.then(end, end);
    return running;
  }
}

/** Finds the connection by the addresses of its answers. */
export function findOrigin(
  table: string,
  address: string,
  client: End,
  { from, to }: Ports = SERVICE_PORTS,
): Pick<ConnectionOrigin, "sourceIp" | "destinationIp"> | undefined {
  const answer = ` src=${address} dst=${client.address} sport=${to} dport=${client.port} `;
  for (let at = table.indexOf(answer); at >= 0; at = table.indexOf(answer, at + 1)) {
    const line = table.slice(table.lastIndexOf("\n", at) + 1, at);
    const match = / tcp .* src=([\d.]+) dst=([\d.]+) sport=\d+ dport=(\d+)$/.exec(line);
    const [, sourceIp, destinationIp, port] = match ?? [];
    if (Number(port) !== from) continue;
    // A connection that has ended may have had the same port.
    if (sourceIp !== undefined && destinationIp !== undefined && !/ (?:TIME_WAIT|CLOSE) /.test(line))
      return { sourceIp, destinationIp };
  }
  return undefined;
}
