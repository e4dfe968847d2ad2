import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { IncomingMessage, RequestOptions } from "node:http";
import { http, messageOf, type Clock } from "@gantry/kernel";
import { isOwnAddress, isPublicAddress } from "@gantry/kernel/public-address";
import type { EndpointCheck } from "@gantry/state";

/** Source: Amazon Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy". */
const TCP_WAIT_MS = 10_000;
const CONNECT_WAIT_MS = 4_000;
const ANSWER_WAIT_MS = 2_000;
const BODY_WAIT_MS = 2_000;
/** The part of a body that the string is looked for in. */
const BODY_BYTES_MAX = 5_120;

export interface ProbeDeps {
  /** Real time: of time-outs. */
  readonly clock: Clock;
  /** The addresses that a name has in the instance's public zones and load balancers; undefined for other names. */
  readonly addressesOf: (name: string) => readonly string[] | undefined;
  /** Whether a health check may connect to an address. */
  readonly mayReach?: (address: string) => boolean;
}

export interface ProbeResult {
  readonly passed: boolean;
  readonly report: string;
  readonly address: string | undefined;
}

/**
 * Connects to an endpoint once. Only addresses are connected to that everyone outside can reach: neither this machine's
 * own ones, nor private ones, whatever a name resolves to. No redirect is followed, and nothing of an answer is kept
 * but its status. Never rejects.
 */
export async function probeEndpoint(
  deps: ProbeDeps,
  check: EndpointCheck,
  checkId: string,
): Promise<ProbeResult> {
  const { mayReach = (each: string) => isPublicAddress(each) && !isOwnAddress(each) } = deps;
  let address: string | undefined;
  try {
    address = check.ipAddress ?? (await resolve(deps, check.hostName ?? ""));
    if (!mayReach(address))
      throw new Error("The endpoint's address is not one that a health checker can reach.");
    const report =
      check.type === "TCP"
        ? await probeTcp(deps, address, check.port)
        : await probeHttp(deps, address, { check, checkId });
    return { passed: true, report: `Success: ${report}`, address };
  } catch (thrown) {
    return { passed: false, report: `Failure: ${messageOf(thrown)}`, address };
  }
}

/** Errors: where the name has no address. */
async function resolve({ addressesOf }: ProbeDeps, name: string): Promise<string> {
  const known = addressesOf(name.toLowerCase().replace(/\.$/, ""));
  if (known === undefined) return (await lookup(name)).address;
  const [first] = known;
  if (first === undefined) throw new Error("DNS resolution failed: the name has no address.");
  return first;
}

function probeTcp({ clock }: ProbeDeps, host: string, port: number): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const socket = connect({ host, port });
  const timer = clock.after(TCP_WAIT_MS, () => reject(new Error("Connection timed out.")));
  socket.once("connect", () => done("TCP connection established"));
  socket.once("error", reject);
  return promise.finally(() => {
    timer.cancel();
    socket.destroy();
  });
}

function probeHttp(
  { clock }: ProbeDeps,
  address: string,
  { check, checkId }: { readonly check: EndpointCheck; readonly checkId: string },
): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const controller = new AbortController();
  let timer = clock.after(CONNECT_WAIT_MS, () => expire("Connection timed out."));
  const expire = (reason: string): void => {
    reject(new Error(reason));
    controller.abort();
  };
  const wait = (waitMs: number, reason: string): void => {
    timer.cancel();
    timer = clock.after(waitMs, () => expire(reason));
  };
  const request = open(address, check, { checkId, signal: controller.signal });
  const ready = check.type.startsWith("HTTPS") ? "secureConnect" : "connect";
  request.on("socket", (socket) =>
    socket.once(ready, () => wait(ANSWER_WAIT_MS, "The endpoint did not answer within 2 seconds.")),
  );
  request.on("error", reject);
  request.on("response", (response) => {
    const { statusCode = 0, statusMessage = "" } = response;
    const status = `HTTP Status Code ${statusCode}, ${printable(statusMessage)}`;
    if (statusCode < 200 || statusCode >= 400) return reject(new Error(status));
    if (check.searchString === undefined) return done(status);
    wait(BODY_WAIT_MS, "The body did not arrive within 2 seconds.");
    void contains(response, check.searchString).then(
      (found) => (found ? done(status) : reject(new Error(`${status}. The body does not have the string.`))),
      reject,
    );
  });
  request.end();
  return promise.finally(() => {
    timer.cancel();
    request.destroy();
  });
}

function open(
  address: string,
  check: EndpointCheck,
  { checkId, signal }: { readonly checkId: string; readonly signal: AbortSignal },
) {
  const { hostName, port, path = "/", usesSni } = check;
  const isTls = check.type.startsWith("HTTPS");
  const named = hostName ?? (address.includes(":") ? `[${address}]` : address);
  const options: RequestOptions = {
    ...{ host: address, port, signal, agent: false },
    path: path.startsWith("/") ? path : `/${path}`,
    headers: {
      host: port === (isTls ? 443 : 80) ? named : `${named}:${port}`,
      "user-agent": `Amazon-Route53-Health-Check-Service (ref ${checkId}; report http://amzn.to/1vsZADi)`,
      connection: "close",
    },
  };
  if (!isTls) return http.request(options);
  // Route 53 does not look at certificates. Source: as above.
  const name = usesSni && hostName !== undefined ? { servername: hostName } : {};
  return process.getBuiltinModule("node:https").request({ ...options, ...name, rejectUnauthorized: false });
}

async function contains(response: IncomingMessage, searched: string): Promise<boolean> {
  let body = Buffer.alloc(0);
  for await (const chunk of response) {
    body = Buffer.concat([body, chunk as Buffer]); // No encoding is set.
    if (body.length >= BODY_BYTES_MAX) break;
  }
  return body.subarray(0, BODY_BYTES_MAX).includes(searched);
}

/** The endpoint's words, as one short line. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 100);
}
