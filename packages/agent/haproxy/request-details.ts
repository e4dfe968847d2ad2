import type { Balancer, BalancerAction } from "@gantry/agent-protocol";

/** The longest log line of the proxy, with a request line, a user agent and names of clients' choice. */
export const DETAILS_LINE_MAX = 32_768;

/**
 * The details of a request in the proxy's log line, in their order, with HAProxy's expressions. Text from a
 * client is URL-encoded, so that it can neither contain a space nor end the line.
 */
const DETAILS = {
  clientAddress: "%ci",
  clientPort: "%cp",
  /** Microseconds since the epoch: the request's arrival, and the end of its response. */
  createdAt: "%[var(txn.created)]",
  endedAt: "%[date(0,us)]",
  /** Milliseconds; -1 where the request did not get that far. */
  requestMs: "%TR",
  queueMs: "%Tw",
  connectMs: "%Tc",
  responseMs: "%Td",
  method: "%HM",
  host: "%[capture.req.hdr(0),url_enc]",
  path: "%[var(txn.path),url_enc]",
  version: "%HV",
  userAgent: "%[capture.req.hdr(1),url_enc]",
  cipher: "%sslc",
  protocol: "%sslv",
  traceId: "%[var(txn.trace),url_enc]",
  serverName: "%[ssl_fc_sni,url_enc]",
  /** The SHA-1 fingerprint of the certificate that the proxy presented. */
  certificate: "%[ssl_f_sha1,hex]",
  /** NAME:PRIORITY:ACTION, see `matchedRule`. */
  rule: "%[var(txn.rule)]",
  location: "%[var(txn.location),url_enc]",
  /** The reason of a refused sign-in, see `authentication/authenticate.ts`. */
  error: "%[var(txn.error)]",
  /** CONTENT-LENGTH:TRANSFER-ENCODING of a request that has one of these. */
  body: "%[var(txn.body),url_enc]",
  connectionId: "%[var(sess.id)]",
  isFirst: "%[var(txn.first)]",
  handshakeMs: "%Th",
  clientSubject: '%[ssl_c_s_dn("",0,rfc2253),url_enc]',
  clientNotBefore: "%[ssl_c_notbefore]",
  clientNotAfter: "%[ssl_c_notafter]",
  clientSerial: "%[ssl_c_serial,hex]",
} as const;

/** Details that a listener without TLS does not have: its lines leave them out. */
const TLS_NAMES: readonly string[] = [
  "cipher",
  "protocol",
  "serverName",
  "certificate",
  "clientSubject",
  "clientNotBefore",
  "clientNotAfter",
  "clientSerial",
] satisfies (keyof typeof DETAILS)[];

/**
 * Headers that the proxy keeps for the line while it reads a request, in the order of `capture.req.hdr`: a variable for
 * each of them would cost a search of its own. Longer values are cut.
 */
export const CAPTURES: readonly string[] = [
  "  capture request header Host len 512",
  "  capture request header User-Agent len 8192",
];

/** The names of the details. The literal port of the listener precedes those of the table, which are its keys. */
export const DETAIL_NAMES = [
  "listenerPort",
  ...(Object.keys(DETAILS) as (keyof typeof DETAILS)[]), // The table's own keys.
] as const;

export type RequestDetails = Readonly<Record<(typeof DETAIL_NAMES)[number], string>>;

/** Whether a load balancer writes a log, so that its request lines contain details. */
export function isLogged({ logs }: Balancer): boolean {
  return logs !== undefined && (logs.access || logs.connection);
}

/** The part of the log format that gives the details. `port` is the listener's, `tls` whether it has TLS. */
export function detailsFormat(port: number, tls: boolean): string {
  const shown = Object.entries(DETAILS).filter(([name]) => tls || !TLS_NAMES.includes(name));
  return [port, ...shown.map(([, expression]) => expression)].join(" ");
}

/**
 * Reads the values that `detailsFormat` wrote, which begin at `from`; undefined where some are missing, as in a cut
 * line. This is a hot path: an object that is made of pairs takes ten times as long.
 */
export function parseDetails(values: readonly string[], from: number): RequestDetails | undefined {
  const isTls = values.length === from + DETAIL_NAMES.length;
  if (!isTls && values.length !== from + DETAIL_NAMES.length - TLS_NAMES.length) return undefined;
  let at = from;
  const next = (): string => values[at++] ?? "";
  const ofTls = (): string => (isTls ? next() : "-");
  // In the order of the table above: `DETAIL_NAMES` says so, and a test compares.
  return {
    listenerPort: next(),
    clientAddress: next(),
    clientPort: next(),
    createdAt: next(),
    endedAt: next(),
    requestMs: next(),
    queueMs: next(),
    connectMs: next(),
    responseMs: next(),
    method: next(),
    host: next(),
    path: next(),
    version: next(),
    userAgent: next(),
    cipher: ofTls(),
    protocol: ofTls(),
    traceId: next(),
    serverName: ofTls(),
    certificate: ofTls(),
    rule: next(),
    location: next(),
    error: next(),
    body: next(),
    connectionId: next(),
    isFirst: next(),
    handshakeMs: next(),
    clientSubject: ofTls(),
    clientNotBefore: ofTls(),
    clientNotAfter: ofTls(),
    clientSerial: ofTls(),
  };
}

/**
 * Renders the lines that keep the values of a request that its log line needs: the proxy writes the line when
 * the request itself is gone. `connection`: whether connections are logged, with their first request. One search of
 * the headers' names for those of a body costs a third of a condition for each of them.
 */
export function renderDetails({ connection }: { readonly connection: boolean }): readonly string[] {
  return [
    "  http-request set-var(txn.created) date(0,us)",
    "  http-request set-var(txn.path) pathq",
    "  http-request set-var(txn.trace) req.hdr(x-amzn-trace-id)",
    "  http-request set-var(sess.id) uuid if !{ var(sess.id) -m found }",
    ...(connection
      ? [
          "  http-request set-var(txn.first) bool(true) if !{ var(sess.seen) -m found }",
          "  http-request set-var(sess.seen) bool(true)",
        ]
      : []),
    '  http-request set-var-fmt(txn.body) "%[req.hdr(content-length)]:%[req.fhdr(transfer-encoding)]" if ' +
      "{ req.hdr_names -m sub content-length transfer-encoding }",
    "  http-after-response set-var(txn.location) res.hdr(location) if { status 300:399 }",
  ];
}

/** The value of `txn.rule` of a request that matched a rule. The default rule has the priority 0. */
export function matchedRule(name: string, priority: number, action: BalancerAction): string {
  return `${name}:${priority}:${action.type}`;
}
