import type { BalancerListener } from "@gantry/agent-protocol";
import { requestsOf, type ListenerUse } from "./headers.ts";
import { compare, hash } from "./names.ts";
import { keyOf, type Certificate } from "./parts.ts";
import { isLeftOut, type Context } from "./render-context.ts";

/** A name that a certificate serves. Any other text would be parsed as an option of the certificate list. */
const SERVED_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;
/** OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED. */
const EXPIRED = 10;
/** OpenSSL's X509_V_ERR_UNABLE_TO_GET_CRL. */
const NO_LIST = 3;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

export function usableCertificates(listener: BalancerListener, context: Context): readonly Certificate[] {
  return listener.certificates.filter(
    (certificate) => !isLeftOut(context, () => keyOf.certificate(certificate)),
  );
}

export function servedNames(certificate: Certificate): readonly string[] {
  return certificate.names.filter((name) => SERVED_NAME.test(name));
}

/**
 * Renders the TLS options of a bind line, or nothing without TLS. Writes the certificates and the certificate
 * list; the first certificate is the default.
 */
export function renderTls(users: readonly ListenerUse[], context: Context): string {
  const [first] = users;
  if (first?.listener.tls !== true) return "";
  const lines = users.flatMap(({ listener }) =>
    usableCertificates(listener, context).map((certificate, index) => {
      const file = certificateFile(certificate);
      context.files[file] = certificate.pem;
      const names = index === 0 ? [] : servedNames(certificate);
      return [`${context.options.folder}/${file}`, ...renderSecurity(listener), ...names].join(" ");
    }),
  );
  const list = `crtlist_${hash(lines.join())}`;
  context.files[list] = `${lines.join("\n")}\n`;
  const protocols = protocolsOf(users);
  return [
    ` ssl crt-list ${context.options.folder}/${list}`,
    ...(protocols === "" ? [] : [`alpn ${protocols}`]),
    ...renderVersions(users),
    // A listener with mutual TLS has its host port to itself.
    ...renderMutual(first.listener, context),
  ].join(" ");
}

function protocolsOf(users: readonly ListenerUse[]): string {
  const [first] = users;
  if (first?.balancer.isNetwork === true) return (first.listener.alpn ?? []).join(",");
  return users.some(({ balancer }) => requestsOf(balancer).http2) ? "h2,http/1.1" : "http/1.1";
}

/** The union of the listeners' TLS versions: the version is negotiated before the certificate is chosen. */
function renderVersions(users: readonly ListenerUse[]): readonly string[] {
  const policies = users.flatMap(({ listener }) => listener.security ?? []);
  if (policies.length === 0) return [];
  const oldest = policies.map(({ versionMin }) => versionMin).toSorted(compare)[0];
  const newest = policies
    .map(({ versionMax }) => versionMax)
    .toSorted(compare)
    .at(-1);
  return [`ssl-min-ver ${oldest}`, `ssl-max-ver ${newest}`];
}

/**
 * Renders what is asked of a client's certificate. In the verify mode a connection without a valid one is
 * refused during the handshake; in the passthrough mode any certificate is accepted and none is needed.
 * Source: "Mutual authentication with TLS in Application Load Balancer".
 */
function renderMutual({ mutual, certificates }: BalancerListener, context: Context): readonly string[] {
  if (mutual === undefined) return [];
  const { folder } = context.options;
  const keep = (kind: "ca" | "crl", pem: string): string => {
    const file = `${kind}_${hash(pem)}.pem`;
    context.files[file] = pem;
    return `${folder}/${file}`;
  };
  if (mutual.mode === "passthrough") {
    // The proxy asks for certificates only where it has an authority: every error is ignored.
    const own = certificates.flatMap(({ pem }) => pem.match(CERTIFICATE) ?? []).slice(0, 1);
    return [
      `ca-file ${keep("ca", `${own.join("\n")}\n`)}`,
      "verify optional ca-ignore-err all crt-ignore-err all no-ca-names",
    ];
  }
  // An authority without a list revokes nothing.
  const ignored = [...(mutual.crlPem === "" ? [] : [NO_LIST]), ...(mutual.ignoresExpiry ? [EXPIRED] : [])];
  return [
    `ca-file ${keep("ca", mutual.caPem)} verify required`,
    ...(mutual.crlPem === "" ? [] : [`crl-file ${keep("crl", mutual.crlPem)}`]),
    ...(ignored.length === 0
      ? []
      : [`ca-ignore-err ${ignored.join(",")} crt-ignore-err ${ignored.join(",")}`]),
    ...(mutual.advertises ? [] : ["no-ca-names"]),
  ];
}

export function certificateFile(certificate: Certificate): string {
  return `cert_${hash(certificate.pem)}.pem`;
}

function renderSecurity({ security }: BalancerListener): readonly string[] {
  if (security === undefined) return [];
  const { versionMin, versionMax, ciphers } = security;
  const list = ciphers.length === 0 ? "" : ` ciphers ${ciphers.join(":")}`;
  return [`[ssl-min-ver ${versionMin} ssl-max-ver ${versionMax}${list}]`];
}
