import { readFile } from "node:fs/promises";
import type { InterfaceAssignment } from "@gantry/agent-protocol";
import { vethOf } from "./names.ts";
import { attempt, inNamespace, type Programs } from "./programs.ts";

/** The processes whose namespaces an interface connects. */
export interface Ends {
  readonly pausePid: number;
  readonly routerPid: number;
}

/**
 * Finds the interfaces that an earlier agent connected. A router's forwarding entries are read at once for all who ask
 * while an earlier reading is under way: an agent that starts asks for each interface of the node.
 */
export class JoinedEnds {
  readonly #programs: Programs;
  readonly #routesOf: (pid: number) => Promise<string>;
  /** By a router's process: the reading that has started, and the one that starts after it. */
  readonly #readings = new Map<number, { current: Promise<string>; next: Promise<string> | undefined }>();

  /** `routesOf`: the routing table of a process's namespace, in the form of proc(5), /proc/PID/net/route. */
  constructor(programs: Programs, routesOf = readRoutes) {
    this.#programs = programs;
    this.#routesOf = routesOf;
  }

  /**
   * Whether both ends are in place: the bridge forwards the address only to this port, and the task has its
   * route.
   */
  async isJoined(wanted: InterfaceAssignment, { pausePid, routerPid }: Ends): Promise<boolean> {
    if (!/^eth0\t00000000\t/m.test(await this.#routesOf(pausePid))) return false;
    const entries = await this.#entriesOf(routerPid);
    return entries.includes(`${wanted.mac} dev ${vethOf(wanted.id)} master br0 static\n`);
  }

  /** The forwarding entries of a router's bridge, read after the call. */
  #entriesOf(routerPid: number): Promise<string> {
    const reading = this.#readings.get(routerPid);
    if (reading === undefined) return this.#read(routerPid);
    // A reading that failed is not the next one's failure.
    reading.next ??= reading.current.catch(() => {}).then(() => this.#read(routerPid));
    return reading.next;
  }

  #read(routerPid: number): Promise<string> {
    const show = { program: "bridge", arguments: ["fdb", "show", "br", "br0"] } as const;
    const current = attempt(this.#programs, inNamespace(routerPid, show))
      .then((entries = "") => entries.replaceAll(/ +\n/g, "\n"))
      .finally(() => {
        // A reading that waits has replaced this one when it starts.
        if (this.#readings.get(routerPid)?.next === undefined) this.#readings.delete(routerPid);
      });
    this.#readings.set(routerPid, { current, next: undefined });
    return current;
  }
}

/** The IPv4 routes of a process that may have ended. */
function readRoutes(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/net/route`, "utf8").catch(() => "");
}
