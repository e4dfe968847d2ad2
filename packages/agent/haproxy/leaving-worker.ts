import { join } from "node:path";
import { messageOf, sleep, type Clock, type Logger } from "@gantry/kernel";
import { askProxy, followEvents } from "./proxy-socket.ts";
import type { RequestLog } from "./request-log.ts";

/** Interval at which a leaving worker's connections are counted. */
const POLL_MS = 100;
/** Longer than `hard-stop-after` in the configuration of the proxy. */
const LEAVING_MS_MAX = 70_000;
/** Lines that arrived through the ring may be unread when the worker has exited. */
const UNREAD_MS = 5_000;

export interface LeavingDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly folder: string;
  readonly requests: RequestLog;
}

/** A worker that will leave at the next reload. */
export interface LeavingWorker {
  /**
   * Lets the worker exit when it has no connections, or immediately where it does not leave. Resolves when it
   * is released.
   */
  release(isLeaving: boolean): Promise<void>;
}

/**
 * Reads the request lines of the current worker through a separate connection. A worker that is told to leave
 * closes its ring immediately, so that the lines of the requests in flight would be lost; this connection
 * receives them, and keeps the worker from exiting before they are read. Source: HAProxy 2.6 management
 * guide, "show events"; measured with 2.6.12.
 */
export async function followWorker(deps: LeavingDeps): Promise<LeavingWorker> {
  const admin = join(deps.folder, "run/admin.sock");
  const pid = /^Pid: (\d+)$/m.exec(await askProxy(admin, "show info"))?.[1];
  if (pid === undefined) throw new Error("The proxy does not say its process id.");
  deps.requests.expectTwice(pid);
  const socket = await followEvents(admin, "requests", (line) => deps.requests.count(line)).catch(
    (thrown: unknown) => {
      deps.requests.expectOnce(pid);
      throw thrown;
    },
  );
  return {
    async release(isLeaving) {
      const deadline = deps.clock.now() + LEAVING_MS_MAX;
      const isAwaited = () => isLeaving && !socket.destroyed && deps.clock.now() < deadline;
      while (isAwaited() && !(await isIdle(deps, pid))) await sleep(deps.clock, POLL_MS);
      await sleep(deps.clock, POLL_MS);
      socket.destroy();
      await sleep(deps.clock, UNREAD_MS);
      deps.requests.expectOnce(pid);
    },
  };
}

/**
 * Whether the worker reports that it has no connections. The master refuses connections for a moment after a
 * reload, and may not list the worker yet: neither says that the worker is idle. The end of the connection
 * that reads the lines says that the worker is gone.
 */
async function isIdle({ folder, log }: LeavingDeps, pid: string): Promise<boolean> {
  try {
    const info = await askProxy(join(folder, "run/master.sock"), `@!${pid} show info`);
    return /^CurrConns: 0$/m.test(info);
  } catch (thrown) {
    log.debug("The master of the proxy does not answer yet", { pid, reason: messageOf(thrown) });
    return false;
  }
}
