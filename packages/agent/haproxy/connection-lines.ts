import type { ConnectionDetails } from "./connection-details.ts";
import { decoded, timestamp } from "./log-lines.ts";

/** What the line of a connection needs besides its details. */
export interface LoggedConnection {
  /** `net/NAME/ID`. */
  readonly balancer: string;
  readonly dnsName: string;
  readonly certificateArn: string | undefined;
  readonly details: ConnectionDetails;
}

/**
 * One line of the access log of a network load balancer, which has its TLS connections.
 * Source: "Access logs for your Network Load Balancer", access log entries.
 */
export function flowLine({ balancer, dnsName, certificateArn, details }: LoggedConnection): string {
  const serverName = decoded(details.serverName);
  const isNegotiated = hasCipher(details);
  return [
    "tls",
    "2.0",
    wholeSeconds(Number(details.endedAt) / 1_000),
    balancer,
    details.listener,
    `${details.clientAddress}:${details.clientPort}`,
    `${details.listenerAddress}:${details.listenerPort}`,
    count(details.totalMs),
    isNegotiated ? count(details.handshakeMs) : "-",
    count(details.received),
    count(details.sent),
    "-",
    certificateArn ?? "-",
    "-",
    isNegotiated ? details.cipher : "-",
    isNegotiated ? details.protocol.toLowerCase().replace(".", "") : "-",
    "-",
    serverName === "-" ? dnsName : serverName,
    details.applicationProtocol === "" ? "-" : details.applicationProtocol,
    "-",
    "-",
    wholeSeconds(Number(details.startedAt)),
  ].join(" ");
}

/**
 * One line of the connection log of an application load balancer for a connection whose TLS handshake failed.
 * Source: "Connection logs for your Application Load Balancer", connection log entries and error reason codes.
 */
export function failedHandshakeLine({ details }: LoggedConnection): string {
  return [
    timestamp(Number(details.startedAt) * 1_000),
    details.clientAddress,
    details.clientPort,
    details.listenerPort,
    hasCipher(details) ? details.protocol : "-",
    hasCipher(details) ? details.cipher : "-",
    "-",
    '"-"',
    "-",
    "-",
    `Failed:${reasonOf(details)}`,
    "-",
  ].join(" ");
}

/** Whether the handshake got as far as a cipher: before, OpenSSL names none and the version that it offers. */
function hasCipher({ cipher }: ConnectionDetails): boolean {
  return cipher !== "-" && cipher !== "(NONE)";
}

/** By OpenSSL's codes of X509_verify_cert_error_string. */
const REASONS: Readonly<Record<string, string>> = {
  "2": "ClientCertUntrusted",
  "3": "ClientCertCrlProcessingError",
  "9": "ClientCertNotYetValid",
  "10": "ClientCertExpired",
  "11": "ClientCertCrlProcessingError",
  "12": "ClientCertCrlProcessingError",
  "18": "ClientCertUntrusted",
  "19": "ClientCertUntrusted",
  "20": "ClientCertUntrusted",
  "21": "ClientCertUntrusted",
  "22": "ClientCertMaxChainDepthExceeded",
  "23": "ClientCertCrlHit",
  "26": "ClientCertPurposeInvalid",
  "27": "ClientCertUntrusted",
  "28": "ClientCertRejected",
};

function reasonOf({ clientError, issuerError }: ConnectionDetails): string {
  return REASONS[clientError] ?? REASONS[issuerError] ?? "UnmappedConnectionError";
}

function wholeSeconds(ms: number): string {
  return new Date(Number.isFinite(ms) ? ms : 0).toISOString().slice(0, 19);
}

/** A count; a value that the proxy does not know is zero. */
function count(text: string): string {
  return /^\+?\d+$/.test(text) ? String(Number(text)) : "0";
}
