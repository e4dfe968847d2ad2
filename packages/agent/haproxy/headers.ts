import type { Balancer, BalancerRequests } from "@gantry/agent-protocol";

/** The initial values of API_LoadBalancerAttribute. */
const INITIAL: BalancerRequests = {
  http2: true,
  dropsInvalidHeaders: false,
  forwardedFor: "append",
  forwardsClientPort: false,
  tellsTls: false,
};

export function requestsOf(balancer: Balancer): BalancerRequests {
  return balancer.requests ?? INITIAL;
}

/**
 * Renders the changes of request headers by the load balancers of a frontend. Each of `guards` is a condition
 * that selects one load balancer's requests.
 * Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
 */
export function renderHeaders(
  balancers: readonly Balancer[],
  guards: readonly string[],
  { tls, port }: { readonly tls: boolean; readonly port: number },
): readonly string[] {
  const own = balancers.map((balancer) => ownHeaders(requestsOf(balancer), tls));
  const areSame = own.every((each) => JSON.stringify(each) === JSON.stringify(own[0]));
  return [
    ...(areSame ? own.slice(0, 1) : own).flatMap((each, index) =>
      each.map(({ line, test }) => {
        const when = [areSame ? "" : (guards[index] ?? ""), test].filter((part) => part !== "");
        return `  http-request ${line}${when.length === 0 ? "" : ` if ${when.join(" ")}`}`;
      }),
    ),
    `  http-request set-header X-Forwarded-Proto ${tls ? "https" : "http"}`,
    `  http-request set-header X-Forwarded-Port ${port}`,
    '  http-request set-header X-Amzn-Trace-Id "Root=1-%[date,hex,bytes(8,8),lower]-%[rand,hex,bytes(8,8),lower]%[rand,hex,bytes(8,8),lower]%[rand,hex,bytes(8,8),lower]" if !{ req.hdr(x-amzn-trace-id) -m found }',
    // A request that changes state is never retried.
    "  http-request disable-l7-retry if !METH_GET",
  ];
}

/** A change of headers and its condition, which is empty where there is none. */
interface HeaderChange {
  readonly line: string;
  readonly test: string;
}

function ownHeaders(requests: BalancerRequests, tls: boolean): readonly HeaderChange[] {
  const { forwardedFor, forwardsClientPort, tellsTls } = requests;
  const client = forwardsClientPort ? "%[src]:%[src_port]" : "%[src]";
  const isGiven = "{ req.fhdr(x-forwarded-for) -m found }";
  const forwarded: Record<BalancerRequests["forwardedFor"], readonly HeaderChange[]> = {
    append: [
      { line: `set-header X-Forwarded-For "%[req.fhdr(x-forwarded-for)], ${client}"`, test: isGiven },
      { line: `set-header X-Forwarded-For ${client}`, test: `!${isGiven}` },
    ],
    preserve: [],
    remove: [{ line: "del-header X-Forwarded-For", test: "" }],
  };
  return [
    ...forwarded[forwardedFor],
    ...(tellsTls && tls
      ? [
          { line: "set-header X-Amzn-Tls-Version %[ssl_fc_protocol]", test: "{ ssl_fc }" },
          { line: "set-header X-Amzn-Tls-Cipher-Suite %[ssl_fc_cipher]", test: "{ ssl_fc }" },
        ]
      : []),
  ];
}
