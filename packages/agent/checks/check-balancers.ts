import type {
  Balancer,
  BalancerAction,
  BalancerAuthentication,
  BalancerClientRule,
  BalancerEndpoint,
  BalancerHeaders,
  BalancerListener,
  BalancerLogs,
  BalancerMutualTls,
  BalancerPartLeftOut,
  BalancersAssignment,
  BalancersObservation,
  BalancerRequests,
  BalancerSecurity,
  BalancerTarget,
  BalancerTargetGroup,
  BalancerTransform,
  MutualHeaderNames,
} from "@gantry/agent-protocol";
import { isObject } from "@gantry/kernel";
import {
  address,
  ARN,
  block,
  boolean,
  count,
  dnsName,
  id,
  integer,
  list,
  matching,
  object,
  oneOf,
  optional,
  text,
  wordOf,
  type Check,
} from "./check.ts";

/** Load balancers without the parts that cannot be rendered, and a list of those parts. */
export interface CheckedBalancers {
  readonly assignment: BalancersAssignment;
  readonly leftOut: readonly BalancerPartLeftOut[];
}

const port = integer(1, 65_535);
const anyPort = integer(-1, 65_535);
/** Accepts any value, because its parts are checked separately. */
const anything: Check = () => undefined;

const balancer = object<Balancer>({
  arn: ARN,
  dnsName,
  vpcId: id,
  addresses: list(address),
  internetFacing: boolean,
  isNetwork: optional(boolean),
  idleTimeoutSeconds: count,
  clientKeepAliveSeconds: optional(count),
  clientRules: optional(
    list(object<BalancerClientRule>({ cidr: block, fromPort: anyPort, toPort: anyPort })),
  ),
  endpoints: optional(list(object<BalancerEndpoint>({ vpcId: id, address }))),
  bindsEndpoints: optional(boolean),
  requests: optional(
    object<BalancerRequests>({
      http2: boolean,
      dropsInvalidHeaders: boolean,
      forwardedFor: oneOf("append", "preserve", "remove"),
      forwardsClientPort: boolean,
      tellsTls: boolean,
    }),
  ),
  logs: optional(object<BalancerLogs>({ access: boolean, connection: boolean })),
  listeners: list(anything),
});

const headerName = matching(/^[A-Za-z0-9_-]{1,256}$/, "the name of a header");
const headerNames = object<MutualHeaderNames>({
  certificate: optional(headerName),
  serialNumber: optional(headerName),
  issuer: optional(headerName),
  subject: optional(headerName),
  validity: optional(headerName),
  leaf: optional(headerName),
});
const mutual = byMember("mode", {
  passthrough: object<MutualOf<"passthrough">>({ mode: anything, headerNames }),
  verify: object<MutualOf<"verify">>({
    mode: anything,
    caPem: text,
    crlPem: text,
    ignoresExpiry: boolean,
    advertises: boolean,
    headerNames,
  }),
});
type MutualOf<T extends BalancerMutualTls["mode"]> = Extract<BalancerMutualTls, { mode: T }>;

const listener = object<BalancerListener>({
  id: optional(matching(/^[0-9a-z]{1,64}$/, "the id of a listener")),
  port,
  tls: boolean,
  alpn: optional(list(oneOf("h2", "http/1.1", "http/1.0"))),
  idleSeconds: optional(count),
  mutual: optional(mutual),
  headers: optional(
    object<BalancerHeaders>({
      server: boolean,
      responses: list(object<{ name: string; value: string }>({ name: headerName, value: text })),
      tlsVersionName: optional(headerName),
      tlsCipherName: optional(headerName),
    }),
  ),
  certificates: list(anything),
  security: optional(
    object<BalancerSecurity>({
      versionMin: oneOf("TLSv1.2", "TLSv1.3"),
      versionMax: oneOf("TLSv1.2", "TLSv1.3"),
      ciphers: list(matching(/^[A-Za-z0-9_-]{1,64}$/, "a cipher")),
    }),
  ),
  rules: list(anything),
  defaultAction: anything,
  defaultAuthentication: optional(anything),
});

const endpoint = matching(/^https:\/\/[^\s"\\@]+$/, "an HTTPS URL");
const authentication = optional(
  object<BalancerAuthentication>({
    issuer: endpoint,
    authorizationEndpoint: endpoint,
    tokenEndpoint: endpoint,
    userInfoEndpoint: endpoint,
    clientId: text,
    clientSecret: text,
    sessionCookieName: matching(/^[A-Za-z0-9_.-]{1,128}$/, "the name of a cookie"),
    scope: text,
    sessionTimeoutSeconds: count,
    extraParams: anything,
    onUnauthenticatedRequest: oneOf("authenticate", "allow", "deny"),
    sessionKey: text,
    signingKey: text,
    signingKeyId: matching(/^[0-9a-f-]{36}$/, "the id of a key"),
  }),
);

const certificate = object<BalancerListener["certificates"][number]>({
  names: list(text),
  pem: text,
  arn: optional(ARN),
});

/** Values are checked by the renderer, which quotes each one, and by the proxy. */
const action = byMember("type", {
  forward: object<ActionOf<"forward">>({
    type: anything,
    targets: list(object<{ targetGroupArn: string; weight: number }>({ targetGroupArn: ARN, weight: count })),
    stickySeconds: optional(count),
  }),
  redirect: object<ActionOf<"redirect">>({
    type: anything,
    statusCode: oneOf(301, 302),
    ...{ protocol: text, host: text, port: text, path: text, query: text },
  }),
  "fixed-response": object<ActionOf<"fixed-response">>({
    type: anything,
    statusCode: integer(200, 599),
    ...{ contentType: text, body: text },
  }),
});

type ActionOf<T extends BalancerAction["type"]> = Extract<BalancerAction, { type: T }>;

const values = object<{ values: readonly string[] }>({ values: list(text) });
const patterns = object<{ values: readonly string[]; regexValues?: readonly string[] }>({
  values: list(text),
  regexValues: optional(list(text)),
});
const pair = object<{ key: string | undefined; value: string }>({ key: optional(text), value: text });
const condition = byMember("field", {
  "host-header": patterns,
  "path-pattern": patterns,
  "http-request-method": values,
  "source-ip": values,
  "http-header": object<{ header: string; values: readonly string[]; regexValues?: readonly string[] }>({
    header: text,
    values: list(text),
    regexValues: optional(list(text)),
  }),
  "query-string": object<{ pairs: readonly unknown[] }>({ pairs: list(pair) }),
});

const transforms = optional(
  list(
    object<BalancerTransform>({
      type: oneOf("host-header-rewrite", "url-rewrite"),
      regex: text,
      replace: text,
    }),
  ),
);

const targetGroup = object<BalancerTargetGroup>({
  arn: ARN,
  vpcId: id,
  protocol: oneOf("HTTP", "HTTPS", "TCP", "TLS"),
  protocolVersion: optional(oneOf("HTTP1", "HTTP2", "GRPC")),
  healthCheck: object<BalancerTargetGroup["healthCheck"]>({
    enabled: boolean,
    protocol: oneOf("HTTP", "HTTPS", "TCP"),
    port: matching(/^(?:traffic-port|\d{1,5})$/, "a port"),
    path: text,
    intervalSeconds: count,
    timeoutSeconds: count,
    healthyThreshold: count,
    unhealthyThreshold: count,
    matcher: text,
  }),
  stickyCookie: optional(matching(/^[A-Za-z0-9!#$&^_`|~.+*-]{1,255}$/, "the name of a cookie")),
  proxyProtocol: optional(boolean),
  preservesClients: optional(boolean),
  endsUnhealthy: optional(boolean),
  stickySource: optional(boolean),
  algorithm: oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  stickySeconds: optional(count),
  slowStartSeconds: count,
  sourceAddress: address,
  idleTimeoutSeconds: optional(count),
  vpcCidrs: optional(list(block)),
  targets: list(anything),
});

/**
 * The permitted addresses and ports of a target are checked where its health is reported
 * (`haproxy/admission.ts`).
 */
const target = object<BalancerTarget>({
  address: text,
  port: integer(Number.MIN_SAFE_INTEGER),
  isNew: boolean,
  draining: boolean,
});

/** Replaces an action that cannot be rendered. */
const UNAVAILABLE: BalancerAction = { type: "fixed-response", statusCode: 503, contentType: "", body: "" };

/**
 * Checks load balancers part by part, because one proxy configuration serves all load balancers of a node: a
 * value that cannot be rendered disables only its own part. A rule with such a part answers 503 and matches
 * at least the requests that it would have matched. Returns a sentence where the assignment as a whole cannot
 * be used.
 */
export function checkBalancers(value: Readonly<Record<string, unknown>>): CheckedBalancers | string {
  const { key, balancers, targetGroups } = value;
  if (key !== "balancers" || !Array.isArray(balancers) || !Array.isArray(targetGroups))
    return "it is not a list of load balancers and of target groups";
  const leftOut: BalancerPartLeftOut[] = [];
  const checked = (balancers as readonly unknown[]).flatMap((each) => checkBalancer(each, leftOut));
  const groups = (targetGroups as readonly unknown[]).flatMap((each) => checkGroup(each, checked, leftOut));
  return { assignment: { kind: "balancers", key, balancers: checked, targetGroups: groups }, leftOut };
}

/**
 * Adds the parts that were left out to the proxy's observation. A load balancer that is left out as a whole
 * listens nowhere.
 */
export function withLeftOut(
  observed: BalancersObservation,
  leftOut: readonly BalancerPartLeftOut[],
): BalancersObservation {
  if (leftOut.length === 0) return observed;
  const nowhere = Object.fromEntries(leftOut.map(({ balancerArn }) => [balancerArn, {}]));
  return {
    ...observed,
    hostPorts: { ...nowhere, ...observed.hostPorts },
    leftOut: [...(observed.leftOut ?? []), ...leftOut],
  };
}

function checkBalancer(value: unknown, leftOut: BalancerPartLeftOut[]): readonly Balancer[] {
  const arn = isObject(value) ? wordOf(value["arn"]) : "";
  const problem = balancer(value, "");
  if (problem !== undefined) {
    leftOut.push({ balancerArn: arn, part: "the load balancer", reason: `${problem}.` });
    return [];
  }
  const frame = value as Balancer; // Checked, but for its listeners.
  const listeners = frame.listeners.flatMap((each: unknown): readonly BalancerListener[] => {
    const place = `the listener on port ${isObject(each) && typeof each["port"] === "number" ? each["port"] : "?"}`;
    const note = (part: string, reason: string) =>
      leftOut.push({ balancerArn: arn, part, reason: `${reason}.` });
    const wrong = listener(each, "");
    // Checked, but for its parts.
    if (wrong === undefined) return [checkListener(each as BalancerListener, place, note)];
    note(place, wrong);
    return [];
  });
  return [{ ...frame, listeners }];
}

type Note = (part: string, reason: string) => void;

function checkListener(given: BalancerListener, place: string, note: Note): BalancerListener {
  const usable =
    (check: Check, part: string) =>
    (each: unknown): boolean => {
      const problem = check(each, "it");
      if (problem !== undefined) note(part, problem);
      return problem === undefined;
    };
  const actionOf = (each: BalancerAction, part: string) =>
    usable(action, `${part} (action)`)(each) ? each : UNAVAILABLE;
  const rules = given.rules.map((rule: unknown, index) => {
    const { priority, conditions, action: wanted, transforms: changes, ...more } = isObject(rule) ? rule : {};
    const name = `rule ${typeof priority === "number" ? priority : index + 1} of ${place}`;
    const listed = Array.isArray(conditions) ? (conditions as readonly unknown[]) : [undefined];
    const kept = listed.filter(
      usable(condition, `${name} (condition)`),
    ) as BalancerListener["rules"][number]["conditions"]; // Checked.
    const isWhole =
      kept.length === listed.length &&
      usable(transforms, `${name} (transforms)`)(changes) &&
      usable(authentication, `${name} (authentication)`)(more["authentication"]);
    return {
      ...(isWhole && more["authentication"] !== undefined
        ? { authentication: more["authentication"] as BalancerAuthentication } // Checked.
        : {}),
      ...(typeof priority === "number" ? { priority } : {}),
      conditions: kept,
      ...(isWhole && changes !== undefined ? { transforms: changes as readonly BalancerTransform[] } : {}), // Checked.
      action: isWhole ? actionOf(wanted as BalancerAction, name) : UNAVAILABLE, // Checked by the function.
    };
  });
  const isKnown = usable(authentication, `the default action of ${place}`)(given.defaultAuthentication);
  const { defaultAuthentication, ...others } = given;
  return {
    ...others,
    ...(isKnown && defaultAuthentication !== undefined ? { defaultAuthentication } : {}),
    certificates: given.certificates.filter(usable(certificate, `a certificate of ${place}`)),
    rules,
    defaultAction: isKnown ? actionOf(given.defaultAction, `the default action of ${place}`) : UNAVAILABLE,
  };
}

function checkGroup(
  value: unknown,
  balancers: readonly Balancer[],
  leftOut: BalancerPartLeftOut[],
): readonly BalancerTargetGroup[] {
  const arn = isObject(value) ? wordOf(value["arn"]) : "";
  const name = arn.split(":").at(-1) ?? arn;
  const note: Note = (part, reason) => {
    for (const each of balancers)
      if (JSON.stringify(each.listeners).includes(JSON.stringify(arn)))
        leftOut.push({ balancerArn: each.arn, part, reason: `${reason}.` });
  };
  const problem = targetGroup(value, "");
  if (problem !== undefined) {
    note(name, problem);
    return [];
  }
  const group = value as BalancerTargetGroup; // Checked, but for its targets.
  const targets = group.targets.filter((each) => {
    const wrong = target(each, "it");
    if (wrong !== undefined) note(`a target of ${name}`, wrong);
    return wrong === undefined;
  });
  return [{ ...group, targets }];
}

/** Checks an object with the check that its named member selects. */
function byMember(member: string, checks: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    const kind = wordOf(value[member]);
    const check = Object.hasOwn(checks, kind) ? checks[kind] : undefined;
    return check === undefined ? oneOf()(value[member], `${path}.${member}`) : check(value, path);
  };
}
