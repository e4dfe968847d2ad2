import type { BalancerHeaders, BalancerMutualTls, MutualHeaderNames } from "@gantry/agent-protocol";
import type { ListenerRecord, Reader } from "@gantry/state";

/** The protocols of an ALPN policy, the preferred one first. Source: API_CreateListener, AlpnPolicy. */
const ALPN: Readonly<Record<string, readonly string[]>> = {
  HTTP1Only: ["http/1.1", "http/1.0"],
  HTTP2Only: ["h2"],
  HTTP2Optional: ["http/1.1", "http/1.0", "h2"],
  HTTP2Preferred: ["h2", "http/1.1", "http/1.0"],
  None: [],
};

export function alpnOf(policy: string | undefined): readonly string[] {
  return (policy === undefined ? undefined : ALPN[policy]) ?? [];
}

/** How a listener verifies clients' certificates. Where its trust store is missing, no certificate is accepted. */
export function mutualOf(reader: Reader, listener: ListenerRecord): BalancerMutualTls | undefined {
  const { mutual } = listener;
  if (mutual === undefined) return undefined;
  const headerNames = headerNamesOf(listener);
  if (mutual.mode === "passthrough") return { mode: "passthrough", headerNames };
  const store = reader.get("trustStore", mutual.trustStoreArn);
  return {
    mode: "verify",
    caPem: store?.bundle ?? "",
    crlPem: Object.values(store?.revocations ?? {})
      .map(({ pem }) => pem)
      .join("\n"),
    ignoresExpiry: mutual.ignoresExpiry,
    advertises: mutual.advertises,
    headerNames,
  };
}

const MTLS = "routing.http.request.x_amzn_mtls_clientcert";
const MUTUAL_NAMES = {
  certificate: MTLS,
  serialNumber: `${MTLS}_serial_number`,
  issuer: `${MTLS}_issuer`,
  subject: `${MTLS}_subject`,
  validity: `${MTLS}_validity`,
  leaf: `${MTLS}_leaf`,
} as const;

function headerNamesOf({ attributes = {} }: ListenerRecord): MutualHeaderNames {
  return Object.fromEntries(
    Object.entries(MUTUAL_NAMES).flatMap(([key, name]) => {
      const value = attributes[`${name}.header_name`];
      return value === undefined || value === "" ? [] : [[key, value]];
    }),
  );
}

const RESPONSE = /^routing\.http\.response\.([a-z_]+)\.header_value$/;

/** The header settings among the listener's attributes; undefined where all have their initial values. */
export function headersOf({ attributes = {} }: ListenerRecord): BalancerHeaders | undefined {
  const given = Object.entries(attributes).filter(([, value]) => value !== "");
  const responses = given.flatMap(([key, value]) => {
    const name = RESPONSE.exec(key)?.[1]?.replaceAll("_", "-");
    return name === undefined ? [] : [{ name, value }];
  });
  const nameOf = (header: string) => attributes[`routing.http.request.${header}.header_name`] || undefined;
  const headers = {
    server: attributes["routing.http.response.server.enabled"] !== "false",
    responses,
    tlsVersionName: nameOf("x_amzn_tls_version"),
    tlsCipherName: nameOf("x_amzn_tls_cipher_suite"),
  };
  const isInitial =
    headers.server &&
    responses.length === 0 &&
    headers.tlsVersionName === undefined &&
    headers.tlsCipherName === undefined;
  return isInitial ? undefined : headers;
}
