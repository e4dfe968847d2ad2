import type { BalancerTarget, BalancerTargetGroup } from "@gantry/agent-protocol";
import { isIn } from "@gantry/kernel";
import { quote } from "./conditions.ts";
import { backendName, compare, hash, serverName } from "./names.ts";
import { keyOf } from "./parts.ts";
import { isLeftOut, mark, type Context } from "./render-context.ts";

const IDLE_SECONDS = 60;
/** Source: "Listeners for your Network Load Balancers", connection idle timeout. */
const NETWORK_IDLE_SECONDS = 350;
const RETRIES_MAX = 3;
/**
 * Requests of a second beyond which a request that its target leaves unanswered is not sent again: a retry needs
 * a copy of every request, which takes a seventh of the request's processor time (docs/decisions/0049).
 */
const RETRIED_RATE_MAX = 1_000;
/** Source: API_Matcher, GrpcCode. */
const GRPC_CODES = 100;

/** The targets of a group that are rendered. */
export function usableTargets(group: BalancerTargetGroup, context: Context): readonly BalancerTarget[] {
  if (isLeftOut(context, () => keyOf.group(group))) return [];
  return group.targets
    .filter((target) => !isLeftOut(context, () => keyOf.target(group, target)))
    .toSorted((a, b) => compare(serverName(a), serverName(b)));
}

/**
 * Renders a target group as a backend. One that is left out has no servers, so that requests routed to it are
 * answered with 503.
 */
export function renderBackend(group: BalancerTargetGroup, context: Context): readonly string[] {
  const key = () => keyOf.group(group);
  const head = `backend ${backendName(group.arn)}`;
  const isNetwork = group.protocol === "TCP" || group.protocol === "TLS";
  if (isLeftOut(context, key))
    return [head, isNetwork ? "  mode tcp" : "  http-request return status 503", ""];
  const targets = usableTargets(group, context);
  return [
    ...mark(context, key, [
      head,
      ...(isNetwork
        ? renderNetworkSettings(group, targets)
        : renderSettings(group, targets, context.keeping.has(group.arn))),
      ...renderCheck(group),
    ]),
    ...targets.flatMap((target) =>
      mark(context, () => keyOf.target(group, target), renderServer(group, target)),
    ),
    "",
  ];
}

/** Settings of a target group of a network load balancer. */
function renderNetworkSettings(
  group: BalancerTargetGroup,
  targets: readonly BalancerTarget[],
): readonly string[] {
  const idle = group.idleTimeoutSeconds ?? NETWORK_IDLE_SECONDS;
  const receiving = targets.filter((target) => !target.draining).length;
  return [
    "  mode tcp",
    "  no log",
    ...(group.stickySource === true
      ? ["  balance source", "  hash-type consistent"]
      : ["  balance roundrobin"]),
    `  timeout server ${idle}s`,
    `  timeout tunnel ${idle}s`,
    `  retries ${Math.max(1, Math.min(RETRIES_MAX, receiving - 1))}`,
    "  option allbackups",
  ];
}

function renderSettings(
  group: BalancerTargetGroup,
  targets: readonly BalancerTarget[],
  keepsClients: boolean,
): readonly string[] {
  const idle = group.idleTimeoutSeconds ?? IDLE_SECONDS;
  const receiving = targets.filter((target) => !target.draining).length;
  const balance = {
    least_outstanding_requests: "leastconn",
    weighted_random: "random",
    round_robin: "roundrobin",
  }[group.algorithm];
  return [
    `  balance ${balance}`,
    `  timeout server ${idle}s`,
    `  timeout tunnel ${idle}s`,
    // A second attempt at the same target would wait for a second, so there are as many attempts as other
    // targets.
    `  retries ${Math.max(1, Math.min(RETRIES_MAX, receiving - 1))}`,
    ...renderRetries(`{ be_sess_rate gt ${RETRIED_RATE_MAX} }`),
    ...(group.stickySeconds === undefined ? [] : renderStickiness(group, group.stickySeconds)),
    // Where no target is healthy all are used. Source: "Target group health", fail open.
    "  option allbackups",
    "  http-response set-var(txn.answered) bool(true) if { status 503 }",
    // A target that cannot be connected to gives 502; a group without targets gives 503.
    '  http-after-response set-status 502 reason "Bad Gateway" if { status 503 } { nbsrv gt 0 } !{ ' +
      "var(txn.answered) -m found }",
    `  http-error status 503 content-type text/html lf-string "${UNAVAILABLE_PAGE}"`,
    // Source: "Sticky sessions for your Application Load Balancer", target group stickiness; each response
    // sets the cookie again.
    ...(keepsClients ? ["AWSALBTG", "AWSALBTGCORS"] : []).map(
      (name) =>
        `  http-response add-header Set-Cookie "${name}=${hash(group.arn)}; ` +
        `Max-Age=%[var(txn.sticky)]; Path=/${name === "AWSALBTG" ? "" : "; SameSite=None; Secure"}" if ` +
        "{ var(txn.sticky) -m found }",
    ),
  ];
}

/**
 * A GET request that a server leaves unanswered is sent again, where `unless` does not hold. A request that
 * changes state is never sent again.
 */
export function renderRetries(unless?: string): readonly string[] {
  const never = unless === undefined ? "" : ` or ${unless}`;
  return ["  retry-on conn-failure empty-response", `  http-request disable-l7-retry if !METH_GET${never}`];
}

/** The page has the same status as the status line, because `nbsrv` determines both. */
const ERROR_NAME = "%[nbsrv,bool,iif(502 Bad Gateway,503 Service Temporarily Unavailable)]";
const UNAVAILABLE_PAGE = `<html>\\r\\n<head><title>${ERROR_NAME}</title></head>\\r\\n<body>\\r\\n<center><h1>${ERROR_NAME}</h1></center>\\r\\n</body>\\r\\n</html>\\r\\n`;

/**
 * Duration-based stickiness. AWSALBCORS carries the value of AWSALB for cross-site clients, which return only
 * AWSALBCORS.
 * Source: "Sticky sessions for your Application Load Balancer".
 */
function renderStickiness(group: BalancerTargetGroup, seconds: number): readonly string[] {
  const { stickyCookie } = group;
  const name = stickyCookie === undefined ? "AWSALB" : "AWSALBAPP-0";
  const keeping = [
    `  dynamic-cookie-key ${hash(group.arn)}`,
    `  cookie ${name} insert indirect nocache dynamic maxlife ${seconds}`,
  ];
  // Application-based: a client is kept as long as it sends the application's cookie. `ignore-persist` would
  // keep the proxy from setting its own cookie with the answer that sets the application's.
  if (stickyCookie !== undefined)
    return [
      ...keeping,
      `  http-request replace-header Cookie '(.*)${name}=[^;]*(.*)' '\\1\\2' if !{ ` +
        `req.cook(${quote(stickyCookie)}) -m found }`,
    ];
  return [
    ...keeping,
    '  http-request add-header Cookie "AWSALB=%[req.cook(AWSALBCORS)]" if { req.cook(AWSALBCORS) -m ' +
      "found } !{ req.cook(AWSALB) -m found }",
    '  http-after-response add-header Set-Cookie "AWSALBCORS=%[res.cook(AWSALB)]; Path=/; ' +
      'SameSite=None; Secure" if { res.cook(AWSALB) -m found }',
  ];
}

function renderCheck(group: BalancerTargetGroup): readonly string[] {
  const check = group.healthCheck;
  return [
    ...(check.protocol === "TCP"
      ? []
      : [
          "  option httpchk",
          `  http-check send ${renderCheckRequest(group)} hdr Host ${hash(group.arn)} hdr User-Agent ` +
            "ELB-HealthChecker/2.0",
          ...renderExpectation(group),
        ]),
    `  timeout check ${check.timeoutSeconds}s`,
    `  default-server inter ${check.intervalSeconds}s downinter ${Math.min(1, check.intervalSeconds)}s ` +
      `rise ${check.healthyThreshold} fall ${check.unhealthyThreshold} weight ` +
      `100${group.slowStartSeconds > 0 ? ` slowstart ${group.slowStartSeconds}s` : ""}`,
  ];
}

/** Whether targets use HTTP/2 without an upgrade from HTTP/1.1; gRPC uses it as well. */
function isHttp2({ protocolVersion }: BalancerTargetGroup): boolean {
  return protocolVersion === "HTTP2" || protocolVersion === "GRPC";
}

function renderCheckRequest({ protocolVersion, healthCheck: { path } }: BalancerTargetGroup): string {
  switch (protocolVersion) {
    case "GRPC":
      return `meth POST uri ${quote(path)} ver HTTP/2 hdr content-type application/grpc hdr te trailers`;
    case "HTTP2":
      return `meth GET uri ${quote(path)} ver HTTP/2`;
    case "HTTP1":
    case undefined:
      return `meth GET uri ${quote(path)} ver HTTP/1.1 hdr Connection close`;
  }
}

function renderCheckVersion(group: BalancerTargetGroup): string {
  if (!isHttp2(group)) return "";
  return ` check-proto h2${group.healthCheck.protocol === "HTTPS" ? " check-alpn h2" : ""}`;
}

/**
 * Renders the responses that pass a health check. A gRPC server puts a status other than 0 into the headers
 * of a response without a message; after a message the status is in the trailers, which the proxy does not
 * read: such a response counts as status 0.
 */
function renderExpectation({ protocolVersion, healthCheck }: BalancerTargetGroup): readonly string[] {
  const matcher = healthCheck.matcher.replace(/[^0-9,-]/g, "");
  if (protocolVersion !== "GRPC") return [`  http-check expect status ${matcher}`];
  const codes = matcher.split(",").flatMap((part) => {
    const [first = "", last = first] = part.split("-");
    return Array.from({ length: GRPC_CODES }, (_, code) => code).filter(
      (code) => code >= Number(first) && code <= Number(last),
    );
  });
  const isAnyOf = (list: readonly number[]) => `fhdr name grpc-status value -m reg '^(${list.join("|")})$'`;
  if (!codes.includes(0)) return [`  http-check expect ${isAnyOf(codes)}`];
  const others = Array.from({ length: GRPC_CODES }, (_, code) => code).filter(
    (code) => !codes.includes(code),
  );
  return ["  http-check expect status 200", `  http-check expect ! ${isAnyOf(others)}`];
}

function renderServer(group: BalancerTargetGroup, target: BalancerTarget): readonly string[] {
  const check = group.healthCheck;
  const isTls = group.protocol === "HTTPS" || group.protocol === "TLS";
  const way = [
    `${target.address}:${target.port} namespace ${group.vpcId} source ${group.sourceAddress}` +
      (preservesClients(group, target) ? " usesrc clientip" : ""),
    ...(isTls ? ["ssl verify none"] : []),
    ...(isHttp2(group) ? [`proto h2${isTls ? " alpn h2" : ""}`] : []),
    ...(group.proxyProtocol === true ? ["send-proxy-v2"] : []),
  ].join(" ");
  const checked = check.enabled ? renderServerCheck(group, isTls) : "";
  return [
    `  server ${serverName(target)} ${way}${checked}${target.draining ? " weight 0" : ""}`,
    ...(check.enabled && !target.draining ? [`  server ${serverName(target)}.open ${way} backup`] : []),
  ];
}

/**
 * Whether connections to a target have the client's address. The answers of a target outside the VPC would not pass
 * the VPC's router. Health checks have the load balancer's address in any case.
 */
function preservesClients(
  { preservesClients, vpcCidrs = [] }: BalancerTargetGroup,
  { address }: BalancerTarget,
) {
  return preservesClients === true && isIn(address, vpcCidrs);
}

function renderServerCheck(group: BalancerTargetGroup, isTls: boolean): string {
  const check = group.healthCheck;
  return [
    " check",
    ...(check.port === "traffic-port" ? [] : [`port ${check.port}`]),
    ...(check.protocol === "HTTPS" ? ["check-ssl verify none"] : isTls ? ["no-check-ssl"] : []),
    // Source: "Target groups for your Network Load Balancers", proxy protocol: health checks have it as well.
    ...(group.proxyProtocol === true ? ["check-send-proxy"] : []),
    ...(group.endsUnhealthy === true ? ["on-marked-down shutdown-sessions"] : []),
  ]
    .join(" ")
    .concat(renderCheckVersion(group));
}
