import { readFile } from "node:fs/promises";

/** The columns of /proc/PID/net/dev that Docker's statistics have, by position. Source: proc_pid_net(5). */
const COLUMNS: Readonly<Record<string, number>> = {
  rx_bytes: 0,
  rx_packets: 1,
  rx_errors: 2,
  rx_dropped: 3,
  tx_bytes: 8,
  tx_packets: 9,
  tx_errors: 10,
  tx_dropped: 11,
};

/**
 * The counters of the interfaces in a process's namespace, except the loopback's; empty where the process has
 * ended.
 */
export async function interfaceCounters(pid: number): Promise<Record<string, Record<string, number>>> {
  const text = await readFile(`/proc/${pid}/net/dev`, "utf8").catch(() => "");
  return parseInterfaceCounters(text);
}

/** Parses the text of /proc/PID/net/dev. */
export function parseInterfaceCounters(text: string): Record<string, Record<string, number>> {
  const lines = text.split("\n").flatMap((line) => {
    const [, name, rest] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? [];
    return name === undefined || rest === undefined || name === "lo" ? [] : [{ name, rest }];
  });
  return Object.fromEntries(
    lines.map(({ name, rest }) => {
      const values = rest.trim().split(/\s+/).map(Number);
      const counters = Object.entries(COLUMNS).map(([counter, at]) => [counter, values[at] ?? 0]);
      return [name, Object.fromEntries(counters) as Record<string, number>]; // Numbers of the columns above.
    }),
  );
}
