import type { Balancer, BalancerListener } from "@gantry/agent-protocol";
import { FROM_HOST, renderRules } from "./actions.ts";
import { renderCallback } from "./authentication/render-authentication.ts";
import { renderRetries } from "./backends.ts";
import { renderHandshakeLog } from "./connection-details.ts";
import { renderClients } from "./clients.ts";
import { matcher } from "./conditions.ts";
import { balancerName, frontendName } from "./names.ts";
import { RANDOM_DIGITS, renderHeaders, requestsOf, type ListenerUse as Use } from "./headers.ts";
import { keyOf } from "./parts.ts";
import { CAPTURES, DETAILS_LINE_MAX, detailsFormat, isLogged, renderDetails } from "./request-details.ts";
import { requestFormat } from "./request-log.ts";
import { REQUEST_DESCRIPTOR } from "./request-pipe.ts";
import { isLeftOut, mark, type Context } from "./render-context.ts";
import { renderTls, servedNames, usableCertificates } from "./tls.ts";

const CLIENT_KEEP_ALIVE_SECONDS = 3_600;

/** Renders one frontend for each listener, and one for each host port that several load balancers share. */
export function renderFrontends(balancers: readonly Balancer[], context: Context): readonly string[] {
  const uses = balancers.flatMap((balancer) =>
    balancer.listeners
      .filter((listener) => isServed(balancer, listener, context))
      .map((listener): Use => ({ balancer, listener })),
  );
  const byHostPort = new Map<number, Use[]>();
  for (const use of uses) {
    const port = context.options.hostPortOf(use.balancer, use.listener);
    if (port !== undefined) byHostPort.set(port, [...(byHostPort.get(port) ?? []), use]);
  }
  return [
    ...uses.flatMap((use) => {
      const port = context.options.hostPortOf(use.balancer, use.listener);
      const isAlone = port !== undefined && byHostPort.get(port)?.length === 1;
      return renderFrontend(use, isAlone ? port : undefined, context);
    }),
    ...[...byHostPort]
      .filter(([, users]) => users.length > 1)
      .toSorted(([a], [b]) => a - b)
      .flatMap(([port, users]) => renderSharedFrontend(port, users, context)),
  ];
}

function isServed(balancer: Balancer, listener: BalancerListener, context: Context): boolean {
  if (isLeftOut(context, () => keyOf.listener(balancer, listener))) return false;
  return !listener.tls || usableCertificates(listener, context).length > 0;
}

function renderFrontend(
  { balancer, listener }: Use,
  hostPort: number | undefined,
  context: Context,
): readonly string[] {
  const name = frontendName(balancer, listener);
  const tls = renderTls([{ balancer, listener }], context);
  const idle = balancer.idleTimeoutSeconds;
  const clients = renderClients(balancer, listener, "clients");
  return [
    ...mark(context, () => keyOf.listener(balancer, listener), [
      ...renderHandover(name, idle, context),
      `frontend ${name}`,
      `  bind ${handoverSocket(name, context)} accept-proxy`,
      ...balancer.addresses.map(
        (address) => `  bind ${address}:${listener.port} namespace ${balancer.vpcId}${tls}`,
      ),
      ...(hostPort === undefined
        ? []
        : [
            `  bind 127.0.0.1:${hostPort}${tls}`,
            // A leaving worker may have shared the port with a load balancer that no longer exists.
            `  bind ${handoverSocket(hostPortName(hostPort), context)} accept-proxy`,
          ]),
      ...renderLog(balancerName(balancer.arn), { balancers: [balancer], listener }),
      ...(listener.tls && balancer.logs?.connection === true
        ? [renderHandshakeLog(balancerName(balancer.arn), listener.port)]
        : []),
      ...renderTimeouts(idle),
      ...renderNames([balancer]),
      ...clients.acls,
      ...(clients.test === undefined
        ? []
        : [`  tcp-request connection reject if ${FROM_HOST} ${clients.test}`]),
      ...renderConnectionAge(balancer),
    ]),
    ...picksLast([
      ...renderLeaving(name),
      ...renderHeaders([{ balancer, listener }], [""]),
      ...(isLogged(balancer) ? renderDetails({ connection: balancer.logs?.connection === true }) : []),
      ...renderCallback(balancer, listener, ""),
      ...renderRules({ balancer, listener, prefix: "r", guard: "" }, context),
    ]),
    "",
  ];
}

/**
 * The Host header selects the load balancer whose rules apply, else the TLS server name, else the first load
 * balancer.
 */
function renderSharedFrontend(port: number, users: readonly Use[], context: Context): readonly string[] {
  const [first] = users;
  if (first === undefined) return [];
  const name = hostPortName(port);
  const idle = Math.max(...users.map(({ balancer }) => balancer.idleTimeoutSeconds));
  const oldest = users.toSorted((a, b) => keepAliveOf(b.balancer) - keepAliveOf(a.balancer))[0] ?? first;
  const clients = users.map(({ balancer, listener }, index) =>
    renderClients(balancer, listener, `clients_${index}`),
  );
  return [
    ...renderHandover(name, idle, context),
    `frontend ${name}`,
    `  bind ${handoverSocket(name, context)} accept-proxy`,
    `  bind 127.0.0.1:${port}${renderTls(users, context)}`,
    ...renderLog("%[var(txn.balancer)]", {
      balancers: users.map(({ balancer }) => balancer),
      listener: first.listener,
    }),
    ...renderTimeouts(idle),
    ...renderNames(users.map(({ balancer }) => balancer)),
    ...clients.flatMap(({ acls }) => acls),
    ...renderConnectionAge(oldest.balancer),
    ...picksLast([
      ...renderLeaving(name),
      ...renderChoice(users, context),
      ...renderHeaders(
        users,
        users.map((_, index) => `{ var(txn.lb) -m str ${index} }`),
      ),
      ...(users.some(({ balancer }) => isLogged(balancer))
        ? renderDetails({ connection: users.some(({ balancer }) => balancer.logs?.connection === true) })
        : []),
      ...clients.flatMap(({ test }, index) =>
        test === undefined ? [] : [`  http-request reject if { var(txn.lb) -m str ${index} } ${test}`],
      ),
      ...users.flatMap(({ balancer, listener }, index) => {
        const guard = `{ var(txn.lb) -m str ${index} }`;
        return [
          ...renderCallback(balancer, listener, guard),
          ...renderRules({ balancer, listener, prefix: `r${index}_`, guard }, context),
        ];
      }),
    ]),
    "",
  ];
}

/** Sets `txn.lb` to the index of the load balancer that a request on a shared host port belongs to. */
function renderChoice(users: readonly Use[], context: Context): readonly string[] {
  return [
    ...users.flatMap(({ balancer, listener }, index) =>
      mark(context, () => keyOf.listener(balancer, listener), [
        `  acl is_${index} req.hdr(host),host_only,lower ${matcher(balancer.dnsName.toLowerCase())}`,
      ]),
    ),
    ...users.flatMap(({ listener }, index) =>
      listener.rules
        .flatMap((rule) => rule.conditions)
        .flatMap((condition) => {
          const key = () => keyOf.condition(condition);
          if (condition.field !== "host-header" || isLeftOut(context, key)) return [];
          const tests = condition.values.map(
            (value) => `  acl is_${index} req.hdr(host),host_only,lower ${matcher(value.toLowerCase())}`,
          );
          return mark(context, key, tests);
        }),
    ),
    ...users.map(
      (_, index) => `  http-request set-var(txn.lb) str(${index}) if !{ var(txn.lb) -m found } is_${index}`,
    ),
    // A name that no Host rule has belongs to the load balancer whose certificate was requested.
    ...users.flatMap(({ listener }, index) =>
      usableCertificates(listener, context)
        .flatMap((certificate) => servedNames(certificate))
        .map(
          (served) =>
            `  http-request set-var(txn.lb) str(${index}) if !{ var(txn.lb) -m found } { ` +
            `ssl_fc_sni,lower ${matcher(served.toLowerCase())} }`,
        ),
    ),
    "  http-request set-var(txn.lb) str(0) if !{ var(txn.lb) -m found }",
    ...users.map(
      ({ balancer }, index) =>
        `  http-request set-var(txn.balancer) str(${balancerName(balancer.arn)}) if { var(txn.lb) -m str ${index} }`,
    ),
  ];
}

/**
 * Each request produces one line for the agent, which counts it. The line contains the details of the request
 * where one of the load balancers writes a log.
 */
function renderLog(
  name: string,
  { balancers, listener }: { readonly balancers: readonly Balancer[]; readonly listener: BalancerListener },
): readonly string[] {
  if (!balancers.some(isLogged))
    return [`  log fd@${REQUEST_DESCRIPTOR} format raw local0 info`, `  log-format ${requestFormat(name)}`];
  return [
    `  log fd@${REQUEST_DESCRIPTOR} len ${DETAILS_LINE_MAX} format raw local0 info`,
    `  log-format ${requestFormat(name, detailsFormat(listener.port, listener.tls))}`,
    ...CAPTURES,
  ];
}

function renderTimeouts(idleSeconds: number): readonly string[] {
  return ["client", "http-request", "http-keep-alive"].map((name) => `  timeout ${name} ${idleSeconds}s`);
}

/** If one load balancer drops header fields with invalid names, they are dropped for the whole host port. */
function renderNames(balancers: readonly Balancer[]): readonly string[] {
  return balancers.some((balancer) => requestsOf(balancer).dropsInvalidHeaders)
    ? ["  option http-restrict-req-hdr-names delete"]
    : [];
}

function keepAliveOf(balancer: Balancer): number {
  return balancer.clientKeepAliveSeconds ?? CLIENT_KEEP_ALIVE_SECONDS;
}

/**
 * The first response after the connection's maximum age closes it. Source: "Application Load Balancers", HTTP
 * client keepalive duration.
 */
function renderConnectionAge(balancer: Balancer): readonly string[] {
  return [
    "  tcp-request connection set-var(sess.since) date",
    `  tcp-request connection set-var-fmt(sess.trace) ${RANDOM_DIGITS}${RANDOM_DIGITS}`,
    // Text: each request would convert the address anew. A connection from a leaving worker has it only here.
    "  tcp-request session set-var-fmt(sess.client) %[src]",
    `  http-after-response set-header Connection close if { date,sub(sess.since) -m int ge ${keepAliveOf(balancer)} }`,
  ];
}

/**
 * Rules that set and answer precede those that select a backend: the proxy evaluates rules by kind and warns
 * otherwise.
 */
function picksLast(lines: readonly string[]): readonly string[] {
  const picks = (line: string) => line.startsWith("  use_backend ");
  return [...lines.filter((line) => !picks(line)), ...lines.filter(picks)];
}

/**
 * A leaving worker closes its namespaces immediately and can no longer connect to targets: requests that
 * still reach it by a persistent connection are forwarded unchanged to the new worker (docs/decisions/0006).
 */
function renderHandover(name: string, idleSeconds: number, context: Context): readonly string[] {
  return [
    `backend handover_${name}`,
    `  timeout server ${idleSeconds}s`,
    `  timeout tunnel ${idleSeconds}s`,
    ...renderRetries(),
    `  server next ${handoverSocket(name, context)} send-proxy-v2`,
    "",
  ];
}

/** The frontend of a host port that several load balancers share. */
function hostPortName(port: number): string {
  return `host_${port}`;
}

function renderLeaving(name: string): readonly string[] {
  return ["  http-request allow if { stopping }", `  use_backend handover_${name} if { stopping }`];
}

function handoverSocket(name: string, context: Context): string {
  return `unix@${context.options.folder}/run/${name}.sock`;
}
