import { REQUEST_DESCRIPTOR, REQUEST_PIPE_BYTES, REQUEST_PIPE_FILE } from "./request-pipe.ts";

/** Linux's F_SETPIPE_SZ. */
const SET_PIPE_SIZE = 1_031;
/**
 * Runs HAProxy from the folder that is its first argument, and restarts it whenever it exits. The loop keeps
 * the pipe of the request lines open, so that its content outlives both the proxy and the agent. HAProxy writes
 * no core file: a worker that leaves may crash after its last connection (docs/decisions/0051), and each file
 * would take the size of its memory.
 */
const PROXY_LOOP = [
  "trap 'kill $p; wait $p; exit 0' TERM",
  "ulimit -c 0",
  `[ -p "$1/${REQUEST_PIPE_FILE}" ] || mkfifo -m 600 "$1/${REQUEST_PIPE_FILE}"`,
  `exec ${REQUEST_DESCRIPTOR}<>"$1/${REQUEST_PIPE_FILE}"`,
  `perl -e 'open(my $p, "+<&=${REQUEST_DESCRIPTOR}"); fcntl($p, ${SET_PIPE_SIZE}, ${REQUEST_PIPE_BYTES})'`,
  'while :; do rm -f "$1"/run/*.sock; haproxy -W -S "$1/run/master.sock" -f "$1/haproxy.cfg" & p=$!' +
    "; wait $p; sleep 0.05; done",
].join("; ");
/** Which loop a container of the proxy runs. */
export const LOOP_LABEL = "gantry.proxy-loop";
export const LOOP_VERSION = "pipe";

/** The command that runs the loop in the proxy's container. */
export function proxyEntryPoint(folder: string): readonly string[] {
  return ["/usr/bin/busybox", "sh", "-c", PROXY_LOOP, "sh", folder];
}
