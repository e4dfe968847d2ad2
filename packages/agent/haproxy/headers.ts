import type {
  Balancer,
  BalancerHeaders,
  BalancerListener,
  BalancerMutualTls,
  BalancerRequests,
} from "@gantry/agent-protocol";
import { quote } from "./conditions.ts";

/** The initial values of API_LoadBalancerAttribute. */
const INITIAL: BalancerRequests = {
  http2: true,
  dropsInvalidHeaders: false,
  forwardedFor: "append",
  forwardsClientPort: false,
  tellsTls: false,
};

/** Eight random hexadecimal digits. */
export const RANDOM_DIGITS = "%[rand,hex,bytes(8,8),lower]";

/** A listener of a load balancer. */
export interface ListenerUse {
  readonly balancer: Balancer;
  readonly listener: BalancerListener;
}

export function requestsOf(balancer: Balancer): BalancerRequests {
  return balancer.requests ?? INITIAL;
}

/**
 * Renders the changes of headers by the load balancers of a frontend. Each of `guards` is a condition that
 * selects the requests of one of them; they are served on ports of the same kind.
 * Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
 */
export function renderHeaders(uses: readonly ListenerUse[], guards: readonly string[]): readonly string[] {
  const own = uses.map(({ balancer, listener }) => ownHeaders(requestsOf(balancer), listener));
  const areSame = own.every((each) => JSON.stringify(each) === JSON.stringify(own[0]));
  const { tls = false, port = 0 } = uses[0]?.listener ?? {};
  return [
    ...(areSame ? own.slice(0, 1) : own).flatMap((each, index) =>
      each.map(({ line, test }) => {
        const when = [areSame ? "" : (guards[index] ?? ""), test].filter((part) => part !== "");
        return `  ${line}${when.length === 0 ? "" : ` if ${when.join(" ")}`}`;
      }),
    ),
    `  http-request set-header X-Forwarded-Proto ${tls ? "https" : "http"}`,
    `  http-request set-header X-Forwarded-Port ${port}`,
    // The first 16 random digits are the connection's: each further conversion of a request costs time. So the
    // others have no letters. There is no header to replace, so the headers are not searched for it again.
    `  http-request add-header X-Amzn-Trace-Id "Root=1-%[date,hex,bytes(8,8),lower]-%[var(sess.trace)]` +
      `%[rand(90000000),add(10000000)]" if !{ req.hdr(x-amzn-trace-id) -m found }`,
  ];
}

/** A change of headers and its condition, which is empty where there is none. */
interface HeaderChange {
  readonly line: string;
  readonly test: string;
}

function ownHeaders(requests: BalancerRequests, listener: BalancerListener): readonly HeaderChange[] {
  const { forwardedFor, forwardsClientPort, tellsTls } = requests;
  const { headers, mutual } = listener;
  const client = forwardsClientPort ? "%[var(sess.client)]:%[src_port]" : "%[var(sess.client)]";
  const setHeader = "http-request set-header";
  const forwarded: Record<BalancerRequests["forwardedFor"], readonly HeaderChange[]> = {
    append: [
      // The first expression is empty where there is no header.
      {
        line: `${setHeader} X-Forwarded-For "%[req.fhdr(x-forwarded-for),concat(', ')]${client}"`,
        test: "",
      },
    ],
    preserve: [],
    remove: [{ line: "http-request del-header X-Forwarded-For", test: "" }],
  };
  const [version, cipher] = [
    headers?.tlsVersionName ?? "X-Amzn-Tls-Version",
    headers?.tlsCipherName ?? "X-Amzn-Tls-Cipher-Suite",
  ];
  return [
    ...forwarded[forwardedFor],
    ...(tellsTls && listener.tls
      ? [
          { line: `${setHeader} ${version} %[ssl_fc_protocol]`, test: "{ ssl_fc }" },
          { line: `${setHeader} ${cipher} %[ssl_fc_cipher]`, test: "{ ssl_fc }" },
        ]
      : []),
    ...(mutual === undefined ? [] : mutualHeaders(mutual)),
    ...responseHeaders(headers),
  ];
}

/** Source: "HTTP header modification for your Application Load Balancer". */
function responseHeaders(headers: BalancerHeaders | undefined): readonly HeaderChange[] {
  if (headers === undefined) return [];
  return [
    ...headers.responses.map(({ name, value }) => ({
      line: `http-after-response set-header ${name} ${quote(value.replaceAll("%", "%%"))}`,
      test: "",
    })),
    ...(headers.server ? [] : [{ line: "http-after-response del-header Server", test: "" }]),
  ];
}

/**
 * The headers that tell a target of the client's certificate. Those that a client sends are removed: it must
 * not be able to claim a certificate.
 * Source: "Mutual authentication with TLS in Application Load Balancer", passthrough and verify.
 */
function mutualHeaders({ mode, headerNames }: BalancerMutualTls): readonly HeaderChange[] {
  const keys =
    mode === "passthrough"
      ? (["certificate"] as const)
      : (["serialNumber", "issuer", "subject", "validity", "leaf"] as const);
  return keys.flatMap((key) => {
    const name = headerNames[key] ?? MUTUAL[key].name;
    return [
      { line: `http-request del-header ${name}`, test: "" },
      { line: `http-request set-header ${name} ${MUTUAL[key].value}`, test: "{ ssl_c_used }" },
    ];
  });
}

/** PEM with its spaces and newlines URL-encoded; `+`, `=` and `/` are safe characters. */
const PEM =
  '\'-----BEGIN%%20CERTIFICATE-----%%0A%[ssl_c_der,base64,regsub("(.{1,64})","\\1%0A",g)]-----END%%20CERTIFICATE-----%%0A\'';
const isoTime = (fetch: string) =>
  `%[${fetch},regsub("^(..)(..)(..)(..)(..)(..)Z?$","20\\1-\\2-\\3T\\4:\\5:\\6Z")]`;

const MUTUAL = {
  certificate: { name: "X-Amzn-Mtls-Clientcert", value: PEM },
  serialNumber: { name: "X-Amzn-Mtls-Clientcert-Serial-Number", value: "%[ssl_c_serial,hex]" },
  issuer: { name: "X-Amzn-Mtls-Clientcert-Issuer", value: "'%[ssl_c_i_dn(\"\",0,rfc2253)]'" },
  subject: { name: "X-Amzn-Mtls-Clientcert-Subject", value: "'%[ssl_c_s_dn(\"\",0,rfc2253)]'" },
  validity: {
    name: "X-Amzn-Mtls-Clientcert-Validity",
    value: `'NotBefore=${isoTime("ssl_c_notbefore")};NotAfter=${isoTime("ssl_c_notafter")}'`,
  },
  leaf: { name: "X-Amzn-Mtls-Clientcert-Leaf", value: PEM },
} as const;
