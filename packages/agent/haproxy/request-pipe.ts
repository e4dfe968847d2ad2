import { join } from "node:path";

/** The pipe's name in the proxy's folder. It is outside `run`, whose sockets the proxy removes at start. */
export const REQUEST_PIPE_FILE = "requests.pipe";

/** The pipe that the proxy writes a line to for each request. */
export function requestPipe(folder: string): string {
  return join(folder, REQUEST_PIPE_FILE);
}

/** The descriptor of the pipe in the proxy, which inherits it from the loop that starts it (see `proxy.ts`). */
export const REQUEST_DESCRIPTOR = 3;
/** The first word of the line of a connection, which no load balancer has for a name. */
export const CONNECTION_MARK = "@";
/** Room for about 11,000 requests, or 2,000 with the details that logs need. Source: Linux, pipe-max-size. */
export const REQUEST_PIPE_BYTES = 1024 * 1024;
