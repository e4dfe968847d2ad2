import { CONNECTION_MARK, REQUEST_DESCRIPTOR } from "./request-pipe.ts";
import { DETAILS_LINE_MAX } from "./request-details.ts";

/** The details of a connection in the proxy's log line, in their order, with HAProxy's expressions. */
const DETAILS = {
  clientAddress: "%ci",
  clientPort: "%cp",
  listenerAddress: "%fi",
  /** Milliseconds since the epoch. */
  startedAt: "%Ts%ms",
  /** Microseconds since the epoch. */
  endedAt: "%[date(0,us)]",
  totalMs: "%Tt",
  handshakeMs: "%Th",
  received: "%U",
  sent: "%B",
  cipher: "%sslc",
  protocol: "%sslv",
  serverName: "%[ssl_fc_sni,url_enc]",
  applicationProtocol: "%[ssl_fc_alpn]",
  /** The SHA-1 fingerprint of the certificate that the proxy presented. */
  certificate: "%[ssl_f_sha1,hex]",
  /**
   * The results of the verification of the client's certificate and of its issuers. Source:
   * X509_verify_cert_error_string.
   */
  clientError: "%[ssl_c_err]",
  issuerError: "%[ssl_c_ca_err]",
} as const;

/** The names of the load balancer and the listener, and the listener's port, precede the details. */
const NAMES = [
  "balancer",
  "listener",
  "listenerPort",
  ...(Object.keys(DETAILS) as (keyof typeof DETAILS)[]),
] as const; // The table's own keys.

export type ConnectionDetails = Readonly<Record<(typeof NAMES)[number], string>>;

function connectionFormat(balancer: string, listener: string, port: number): string {
  return `'${[CONNECTION_MARK, balancer, listener, port, ...Object.values(DETAILS)].join(" ")}'`;
}

/** Renders a line for each connection that ends, and for each whose TLS handshake fails. */
export function renderConnectionLog(balancer: string, listener: string, port: number): readonly string[] {
  const format = connectionFormat(balancer, listener, port);
  return [
    `  log fd@${REQUEST_DESCRIPTOR} len ${DETAILS_LINE_MAX} format raw local0 info`,
    `  log-format ${format}`,
    `  error-log-format ${format}`,
  ];
}

/** Renders a line for each connection whose TLS handshake fails. */
export function renderHandshakeLog(balancer: string, port: number): string {
  return `  error-log-format ${connectionFormat(balancer, "-", port)}`;
}

/** Reads the line of a connection; undefined where a value is missing, as in a cut line. */
export function parseConnection(line: string): ConnectionDetails | undefined {
  const [, ...values] = line.split(" ");
  if (values.length !== NAMES.length) return undefined;
  // Every name has its value.
  return Object.fromEntries(NAMES.map((name, index) => [name, values[index]])) as ConnectionDetails;
}
