import { readFile } from "node:fs/promises";

/** Values of the column `st`. Source: Linux, include/net/tcp_states.h. */
const ESTABLISHED = "01";
const LISTEN = "0A";

/** The number of TCP connections that clients have to the servers in a process's network namespace. */
export async function acceptedConnections(pid: number): Promise<number> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8").catch(() => "")),
  );
  return countAccepted(tables.join("\n"));
}

/**
 * Counts the established connections whose local port has a listener, in the text of /proc/PID/net/tcp.
 * Source: proc_pid_net(5).
 */
export function countAccepted(text: string): number {
  const sockets = text.split("\n").flatMap((line) => {
    const [, port, state] =
      /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line) ?? [];
    return port === undefined || state === undefined ? [] : [{ port, state }];
  });
  const listening = new Set(sockets.filter(({ state }) => state === LISTEN).map(({ port }) => port));
  return sockets.filter(({ port, state }) => state === ESTABLISHED && listening.has(port)).length;
}
