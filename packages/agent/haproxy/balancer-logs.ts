import { X509Certificate } from "node:crypto";
import type { Balancer, BalancersAssignment, BalancerTargetGroup } from "@gantry/agent-protocol";
import { parseConnection } from "./connection-details.ts";
import { failedHandshakeLine, flowLine } from "./connection-lines.ts";
import { accessLine, connectionLine } from "./log-lines.ts";
import { LogSpool, type LogSpoolDeps } from "./log-spool.ts";
import { backendName, balancerName } from "./names.ts";
import { isLogged, parseDetails } from "./request-details.ts";

/** A server's name, see `serverName`. */
const SERVER = /^t_(\d+)_(\d+)_(\d+)_(\d+)_(\d+)(?:\.open)?$/;

/** What a request line of the proxy says besides the details. */
export interface RequestFigures {
  /** The names of the load balancer, the backend and the server, with spaces between them. */
  readonly names: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly received: number;
  readonly sent: number;
  readonly isAnswered: boolean;
}

/** What the three names of a request line mean. Without a load balancer the line is not logged. */
interface Names {
  readonly balancer: Balancer | undefined;
  readonly balancerName: string;
  readonly targetGroupArn: string | undefined;
  readonly isGrpc: boolean;
  /** `ADDRESS:PORT`. */
  readonly target: string | undefined;
}

/** Writes the access and connection logs of the load balancers that have them, from the proxy's request lines. */
export class BalancerLogs {
  readonly spool: LogSpool;
  #balancers: ReadonlyMap<string, Balancer> = new Map();
  #groups: ReadonlyMap<string, BalancerTargetGroup> = new Map();
  #certificates: ReadonlyMap<string, string> = new Map();
  /** What names of the proxy's lines mean under the assignment in effect. */
  readonly #names = new Map<string, Names>();

  constructor(deps: LogSpoolDeps) {
    this.spool = new LogSpool(deps);
  }

  /** Uses the names of an assignment from now on. */
  use(assignment: BalancersAssignment): void {
    const logged = assignment.balancers.filter(isLogged);
    this.#names.clear();
    this.#balancers = new Map(logged.map((balancer) => [balancerName(balancer.arn), balancer]));
    this.#groups = new Map(
      logged.length === 0 ? [] : assignment.targetGroups.map((group) => [backendName(group.arn), group]),
    );
    this.#certificates = new Map(
      logged
        .flatMap(({ listeners }) => listeners)
        .flatMap(({ certificates }) => certificates)
        .flatMap(({ pem, arn }) => {
          const fingerprint = arn === undefined ? undefined : fingerprintOf(pem);
          return fingerprint === undefined || arn === undefined ? [] : [[fingerprint, arn] as const];
        }),
    );
  }

  /**
   * Writes the log line of a request from the proxy's line: its figures, and the details that begin at `from` of
   * its values. This is a hot path.
   */
  take(figures: RequestFigures, values: readonly string[], from: number): void {
    let names = this.#names.get(figures.names);
    if (names === undefined) this.#names.set(figures.names, (names = this.#namesOf(figures.names)));
    const { balancer } = names;
    if (balancer === undefined) return;
    const details = parseDetails(values, from);
    if (details === undefined) return;
    const request = {
      balancer: names.balancerName,
      targetGroupArn: names.targetGroupArn,
      isGrpc: names.isGrpc,
      target: names.target,
      status: figures.status,
      isAnswered: figures.isAnswered,
      latencyMs: figures.latencyMs,
      received: figures.received,
      sent: figures.sent,
      certificateArn:
        details.certificate === "-" ? undefined : this.#certificates.get(details.certificate.toUpperCase()),
      details,
    };
    if (balancer.logs?.access === true) this.spool.add(balancer.arn, "access", accessLine(request));
    if (balancer.logs?.connection === true && details.isFirst === "1")
      this.spool.add(balancer.arn, "connection", connectionLine(request));
  }

  #namesOf(names: string): Names {
    const [balancerId = "", backend = "", server = ""] = names.split(" ");
    // A leaving worker forwards its requests to the new worker, which writes their lines.
    const balancer = backend.startsWith("handover_") ? undefined : this.#balancers.get(balancerId);
    const group = this.#groups.get(backend);
    const [, a, b, c, d, port] = SERVER.exec(server) ?? [];
    return {
      balancer,
      balancerName: balancer === undefined ? "" : nameOf(balancer),
      targetGroupArn: group?.arn,
      isGrpc: group?.protocolVersion === "GRPC",
      target: port === undefined ? undefined : `${a}.${b}.${c}.${d}:${port}`,
    };
  }

  /** Writes the log line of a connection from the proxy's line: see `connection-details.ts`. */
  takeConnection(line: string): void {
    const details = parseConnection(line);
    const balancer = details === undefined ? undefined : this.#balancers.get(details.balancer);
    if (details === undefined || balancer === undefined) return;
    const connection = {
      balancer: nameOf(balancer),
      dnsName: balancer.dnsName,
      certificateArn: this.#certificates.get(details.certificate.toUpperCase()),
      details,
    };
    if (balancer.isNetwork === true) {
      if (balancer.logs?.access === true) this.spool.add(balancer.arn, "access", flowLine(connection));
    } else if (balancer.logs?.connection === true)
      this.spool.add(balancer.arn, "connection", failedHandshakeLine(connection));
  }
}

/** The SHA-1 fingerprint of the first certificate of a PEM, in hexadecimal digits; undefined where there is none. */
function fingerprintOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint.replaceAll(":", "");
  } catch {
    return undefined;
  }
}

/** `app/NAME/ID` or `net/NAME/ID`. */
function nameOf({ arn }: Balancer): string {
  return arn.slice(arn.indexOf(":loadbalancer/") + ":loadbalancer/".length);
}
