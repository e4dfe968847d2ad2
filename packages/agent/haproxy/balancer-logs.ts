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
  readonly balancer: string;
  readonly backend: string;
  readonly server: string;
  readonly status: number;
  readonly latencyMs: number;
  readonly received: number;
  readonly sent: number;
  readonly isAnswered: boolean;
}

/** Writes the access and connection logs of the load balancers that have them, from the proxy's request lines. */
export class BalancerLogs {
  readonly spool: LogSpool;
  #balancers: ReadonlyMap<string, Balancer> = new Map();
  #groups: ReadonlyMap<string, BalancerTargetGroup> = new Map();
  #certificates: ReadonlyMap<string, string> = new Map();

  constructor(deps: LogSpoolDeps) {
    this.spool = new LogSpool(deps);
  }

  /** Uses the names of an assignment from now on. */
  use(assignment: BalancersAssignment): void {
    const logged = assignment.balancers.filter(isLogged);
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
   * Writes the log line of a request from the two halves of the proxy's line: its figures and the details
   * behind them.
   */
  take(figures: RequestFigures, details: readonly string[]): void {
    const balancer = this.#balancers.get(figures.balancer);
    const parsed = parseDetails(details);
    // A leaving worker forwards its requests to the new worker, which writes their lines.
    if (balancer === undefined || parsed === undefined || figures.backend.startsWith("handover_")) return;
    const group = this.#groups.get(figures.backend);
    const [, a, b, c, d, port] = SERVER.exec(figures.server) ?? [];
    const request = {
      ...figures,
      balancer: nameOf(balancer),
      targetGroupArn: group?.arn,
      isGrpc: group?.protocolVersion === "GRPC",
      target: port === undefined ? undefined : `${a}.${b}.${c}.${d}:${port}`,
      certificateArn: this.#certificates.get(parsed.certificate.toUpperCase()),
      details: parsed,
    };
    if (balancer.logs?.access === true) this.spool.add(balancer.arn, "access", accessLine(request));
    if (balancer.logs?.connection === true && parsed.isFirst === "1")
      this.spool.add(balancer.arn, "connection", connectionLine(request));
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
