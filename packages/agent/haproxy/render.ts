import { createHash } from "node:crypto";
import type {
  Balancer,
  BalancerAction,
  BalancerListener,
  BalancersAssignment,
  BalancerTarget,
  BalancerTargetGroup,
} from "@gantry/agent-protocol";
import { matcher, quote, renderCondition } from "./conditions.ts";

/** The proxy's whole configuration as values: the main text and the files it names. */
export interface ProxyConfiguration {
  readonly text: string;
  /** File name to content: certificates, lists of them, fixed response bodies. */
  readonly files: Readonly<Record<string, string>>;
  /** Every server of every backend, for the state that new ones begin with. */
  readonly servers: readonly {
    readonly backend: string;
    readonly server: string;
    readonly target: BalancerTarget;
    readonly targetGroupArn: string;
    readonly rise: number;
  }[];
}

export interface RenderOptions {
  /** The folder of the files, as the proxy sees it. */
  readonly folder: string;
  /** Host port for each listener, by `ARN port`. */
  readonly hostPortOf: (balancer: Balancer, listener: BalancerListener) => number | undefined;
  /** Target groups' namespaces must be there when the proxy starts: those whose router is not are left out. */
  readonly namespaces: ReadonlySet<string>;
  readonly connectionsMax: number;
}

/** Renders the whole configuration. Same assignment, same text. Source: docs/decisions/0006 and the HAProxy 2.6 manual. */
export function renderProxy(assignment: BalancersAssignment, options: RenderOptions): ProxyConfiguration {
  const files: Record<string, string> = {};
  const groups = assignment.targetGroups
    .filter((group) => options.namespaces.has(group.vpcId))
    .toSorted((a, b) => compare(a.arn, b.arn));
  const known = new Set(groups.map((group) => group.arn));
  const balancers = assignment.balancers
    .filter((balancer) => options.namespaces.has(balancer.vpcId))
    .toSorted((a, b) => compare(a.arn, b.arn));
  const context: Context = { options, files, known };
  const text = [
    ...renderGlobal(options),
    ...balancers.flatMap((balancer) =>
      balancer.listeners.flatMap((listener) => renderFrontend(balancer, listener, balancers, context)),
    ),
    ...renderSharedFrontends(balancers, context),
    ...groups.flatMap((group) => renderBackend(group, context)),
    "",
  ].join("\n");
  const servers = groups.flatMap((group) =>
    group.targets.map((target) => ({
      backend: backendName(group.arn),
      server: serverName(target),
      target,
      targetGroupArn: group.arn,
      rise: group.healthCheck.healthyThreshold,
    })),
  );
  return { text, files, servers };
}

interface Context {
  readonly options: RenderOptions;
  readonly files: Record<string, string>;
  readonly known: ReadonlySet<string>;
}

function renderGlobal(options: RenderOptions): readonly string[] {
  return [
    "global",
    `  stats socket ${options.folder}/run/admin.sock mode 600 level admin expose-fd listeners`,
    `  server-state-file ${options.folder}/servers.state`,
    "  log stdout format raw daemon",
    "  hard-stop-after 60s",
    "  max-spread-checks 10",
    `  maxconn ${options.connectionsMax}`,
    "  tune.ssl.default-dh-param 2048",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2",
    "",
    "defaults",
    "  mode http",
    // Health changes and what went wrong alone: `docker logs` of the proxy says why a request failed.
    "  log global",
    "  option httplog",
    "  option dontlog-normal",
    "  timeout connect 1s",
    "  timeout client 60s",
    "  timeout server 60s",
    "  timeout tunnel 1h",
    "  timeout http-request 60s",
    "  timeout http-keep-alive 60s",
    "  option idle-close-on-response",
    "  option redispatch 1",
    "  option http-keep-alive",
    "  retries 3",
    "  retry-on conn-failure empty-response",
    "  load-server-state-from-file global",
    "",
  ];
}

function renderFrontend(
  balancer: Balancer,
  listener: BalancerListener,
  all: readonly Balancer[],
  context: Context,
): readonly string[] {
  const hostPort = context.options.hostPortOf(balancer, listener);
  const alone = hostPort !== undefined && usersOf(hostPort, all, context).length === 1;
  const tls = listener.tls
    ? ` ssl crt-list ${certificateList(balancer, [listener], context)} alpn h2,http/1.1`
    : "";
  const name = frontendName(balancer, listener);
  return [
    ...renderHandover(name, context),
    `frontend ${name}`,
    `  bind ${handoverSocket(name, context)} accept-proxy`,
    ...balancer.addresses.map(
      (address) => `  bind ${address}:${listener.port} namespace ${balancer.vpcId}${tls}`,
    ),
    ...(alone ? [`  bind 127.0.0.1:${hostPort}${tls}`] : []),
    `  timeout client ${balancer.idleTimeoutSeconds}s`,
    ...picksLast([
      ...renderLeaving(name),
      ...renderHeaders(listener.tls, listener.port),
      ...renderRules(listener, `r`, "", context),
    ]),
    "",
  ];
}

/** What sets and answers stands before what picks a backend: the proxy goes by kind of rule, not by line, and warns otherwise. */
function picksLast(lines: readonly string[]): readonly string[] {
  const picks = (line: string) => line.startsWith("  use_backend ");
  return [...lines.filter((line) => !picks(line)), ...lines.filter(picks)];
}

/** One frontend for a host port that several load balancers share: the Host picks whose rules hold, else the name that TLS asked for. */
function renderSharedFrontends(balancers: readonly Balancer[], context: Context): readonly string[] {
  const ports = new Set(
    balancers.flatMap((balancer) =>
      balancer.listeners
        .map((listener) => context.options.hostPortOf(balancer, listener))
        .filter((port) => port !== undefined),
    ),
  );
  return [...ports]
    .toSorted((a, b) => a - b)
    .flatMap((port) => {
      const users = usersOf(port, balancers, context);
      const [first] = users;
      if (users.length < 2 || first === undefined) return [];
      const tls = first.listener.tls
        ? ` ssl crt-list ${certificateList(
            first.balancer,
            users.map((user) => user.listener),
            context,
          )} alpn h2,http/1.1`
        : "";
      const name = `host_${port}`;
      return [
        ...renderHandover(name, context),
        `frontend ${name}`,
        `  bind ${handoverSocket(name, context)} accept-proxy`,
        `  bind 127.0.0.1:${port}${tls}`,
        ...picksLast([
          ...renderLeaving(name),
          ...renderHeaders(first.listener.tls, first.listener.port),
          ...users.map(
            ({ balancer }, index) =>
              `  acl is_${index} req.hdr(host),host_only,lower -m str ${balancer.dnsName.toLowerCase()}`,
          ),
          ...users.flatMap(({ listener }, index) =>
            listener.rules.flatMap((rule) =>
              rule.conditions.flatMap((condition) =>
                (condition.field === "host-header" ? condition.values : []).map(
                  (value) =>
                    `  acl is_${index} req.hdr(host),host_only,lower ${matcher(value.toLowerCase())}`,
                ),
              ),
            ),
          ),
          ...users.map(
            (_, index) =>
              `  http-request set-var(txn.lb) str(${index}) if !{ var(txn.lb) -m found } is_${index}`,
          ),
          // A name that no Host rule knows is still one load balancer's where its certificate was asked for.
          ...users.flatMap(({ listener }, index) =>
            listener.certificates
              .flatMap((certificate) => certificate.names)
              .map(
                (served) =>
                  `  http-request set-var(txn.lb) str(${index}) if !{ var(txn.lb) -m found } { ssl_fc_sni,lower ${matcher(served.toLowerCase())} }`,
              ),
          ),
          "  http-request set-var(txn.lb) str(0) if !{ var(txn.lb) -m found }",
          ...users.flatMap(({ listener }, index) =>
            renderRules(listener, `r${index}_`, `{ var(txn.lb) -m str ${index} } `, context),
          ),
        ]),
        "",
      ];
    });
}

function usersOf(
  port: number,
  balancers: readonly Balancer[],
  context: Context,
): readonly { balancer: Balancer; listener: BalancerListener }[] {
  return balancers.flatMap((balancer) =>
    balancer.listeners
      .filter((listener) => context.options.hostPortOf(balancer, listener) === port)
      .map((listener) => ({ balancer, listener })),
  );
}

/**
 * A worker that is told to leave closes its namespaces at once and can open no connection to a target any more: what
 * still reaches it by a kept connection is passed on, as it came, to the worker that took over (docs/decisions/0006).
 */
function renderHandover(name: string, context: Context): readonly string[] {
  return [`backend handover_${name}`, `  server next ${handoverSocket(name, context)} send-proxy-v2`, ""];
}

function renderLeaving(name: string): readonly string[] {
  return ["  http-request allow if { stopping }", `  use_backend handover_${name} if { stopping }`];
}

function handoverSocket(name: string, context: Context): string {
  return `unix@${context.options.folder}/run/${name}.sock`;
}

/** Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html */
function renderHeaders(tls: boolean, port: number): readonly string[] {
  return [
    '  http-request set-header X-Forwarded-For "%[req.fhdr(x-forwarded-for)], %[src]" if { req.fhdr(x-forwarded-for) -m found }',
    "  http-request set-header X-Forwarded-For %[src] if !{ req.fhdr(x-forwarded-for) -m found }",
    `  http-request set-header X-Forwarded-Proto ${tls ? "https" : "http"}`,
    `  http-request set-header X-Forwarded-Port ${port}`,
    '  http-request set-header X-Amzn-Trace-Id "Root=1-%[date,hex,bytes(8,8),lower]-%[rand,hex,bytes(8,8),lower]%[rand,hex,bytes(8,8),lower]%[rand,hex,bytes(8,8),lower]" if !{ req.hdr(x-amzn-trace-id) -m found }',
    // A request that changes something is never sent twice.
    "  http-request disable-l7-retry if !METH_GET",
  ];
}

function renderRules(
  listener: BalancerListener,
  prefix: string,
  guard: string,
  context: Context,
): readonly string[] {
  const lines: string[] = [];
  const actions: { name: string; action: BalancerAction }[] = [];
  for (const [index, rule] of listener.rules.entries()) {
    const name = `${prefix}${index}`;
    const acls = rule.conditions.map((condition, part) => ({
      acl: `${name}_${part}`,
      tests: renderCondition(condition),
    }));
    lines.push(...acls.flatMap(({ acl, tests }) => tests.map((test) => `  acl ${acl} ${test}`)));
    const unmatched = index === 0 ? "" : "!{ var(txn.rule) -m found } ";
    lines.push(
      `  http-request set-var(txn.rule) str(${name}) if ${guard}${unmatched}${acls.map(({ acl }) => acl).join(" ")}`,
    );
    actions.push({ name, action: rule.action });
  }
  const dices = [...actions.map(({ action }) => action), listener.defaultAction].some(
    (action) => action.type === "forward" && action.targets.filter((target) => target.weight > 0).length > 1,
  );
  if (dices) lines.push("  http-request set-var(txn.dice) rand(1000000)");
  const fallback = listener.rules.length === 0 ? guard.trim() : `${guard}!{ var(txn.rule) -m found }`;
  lines.push(
    ...actions.flatMap(({ name, action }) =>
      renderAction(action, `{ var(txn.rule) -m str ${name} }`, context),
    ),
    ...renderAction(listener.defaultAction, fallback, context),
  );
  return lines;
}

/** `when` is a condition, or empty where it always holds. */
function renderAction(action: BalancerAction, when: string, context: Context): readonly string[] {
  const only = when === "" ? "" : ` if ${when}`;
  switch (action.type) {
    case "redirect":
      return [
        `  http-request redirect code ${action.statusCode} location "${redirectLocation(action)}"${only}`,
      ];
    case "fixed-response": {
      const file = `body_${hash(action.body)}`;
      context.files[file] = action.body;
      if (action.body === "") return [`  http-request return status ${action.statusCode}${only}`];
      return [
        `  http-request return status ${action.statusCode} content-type ${quote(action.contentType)} file ${context.options.folder}/${file}${only}`,
      ];
    }
    case "forward": {
      const live = action.targets.filter(
        (target) => target.weight > 0 && context.known.has(target.targetGroupArn),
      );
      const total = live.reduce((sum, target) => sum + target.weight, 0);
      if (total === 0) return [`  http-request return status 503${only}`];
      let sum = 0;
      const sticky = live.length > 1 ? action.stickySeconds : undefined;
      const kept = live.map(({ targetGroupArn }) => {
        const condition = [when, `{ req.cook(AWSALBTG) -m str ${hash(targetGroupArn)} }`]
          .filter((part) => part !== "")
          .join(" ");
        return `  use_backend ${backendName(targetGroupArn)} if ${condition}`;
      });
      const picked = live.map((target, index) => {
        sum += target.weight;
        const share =
          index === live.length - 1
            ? ""
            : `{ var(txn.dice) -m int lt ${Math.round((sum / total) * 1_000_000)} }`;
        const condition = [when, share].filter((part) => part !== "").join(" ");
        return `  use_backend ${backendName(target.targetGroupArn)}${condition === "" ? "" : ` if ${condition}`}`;
      });
      return sticky === undefined
        ? picked
        : [`  http-request set-var(txn.sticky) int(${sticky})${only}`, ...kept, ...picked];
    }
  }
}

/** The parts that a redirect keeps are the request's own. Source: API_RedirectActionConfig. */
function redirectLocation(action: Extract<BalancerAction, { type: "redirect" }>): string {
  const own: Readonly<Record<string, string>> = {
    "#{host}": "%[req.hdr(host),host_only]",
    "#{path}": "%[path,regsub(^/,)]",
    "#{query}": "%[query]",
    "#{port}": "%[dst_port]",
    "#{protocol}": "%[req.hdr(x-forwarded-proto)]",
  };
  const fill = (text: string) =>
    text
      .split(/(#\{(?:host|path|query|port|protocol)\})/)
      .map((part) => own[part] ?? literal(part))
      .join("");
  const protocol = fill(action.protocol.startsWith("#") ? action.protocol : action.protocol.toLowerCase());
  const usual =
    (action.protocol === "HTTPS" && action.port === "443") ||
    (action.protocol === "HTTP" && action.port === "80");
  const path = action.path.startsWith("/") ? fill(action.path) : `/${fill(action.path)}`;
  const query = action.query === "" ? "" : `?${fill(action.query)}`;
  return `${protocol}://${fill(action.host)}${usual ? "" : `:${fill(action.port)}`}${path}${query}`;
}

/** Text inside double quotes of a format: what would mean something there is escaped, for the format or for the URL. */
function literal(text: string): string {
  return text
    .replaceAll("%", "%%")
    .replaceAll("\\", "%%5C")
    .replaceAll("$", "\\$")
    .replace(
      /["\u0000-\u0020\u007f]/g,
      (character) => `%%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
    );
}

function renderBackend(group: BalancerTargetGroup, context: Context): readonly string[] {
  const check = group.healthCheck;
  const checked = check.enabled
    ? ` check${check.port === "traffic-port" ? "" : ` port ${check.port}`}${check.protocol === "HTTPS" ? " check-ssl verify none" : ""}`
    : "";
  const balance =
    group.algorithm === "least_outstanding_requests"
      ? "leastconn"
      : group.algorithm === "weighted_random"
        ? "random"
        : "roundrobin";
  return [
    `backend ${backendName(group.arn)}`,
    `  balance ${balance}`,
    ...(group.stickySeconds === undefined
      ? []
      : [
          `  dynamic-cookie-key ${hash(group.arn)}`,
          `  cookie AWSALB insert indirect nocache dynamic maxlife ${group.stickySeconds}`,
        ]),
    // Nobody left to ask who is healthy: all are asked, whatever their health. Source: "Target group health", fail open.
    "  option allbackups",
    "  http-response set-var(txn.answered) bool(true)",
    "  http-after-response set-status 502 if { status 503 } { nbsrv gt 0 } !{ var(txn.answered) -m found }",
    // Source: "Sticky sessions for your Application Load Balancer", target group stickiness; set anew by each answer.
    ...["AWSALBTG", "AWSALBTGCORS"].map(
      (name) =>
        `  http-response add-header Set-Cookie "${name}=${hash(group.arn)}; Max-Age=%[var(txn.sticky)]; Path=/${name === "AWSALBTG" ? "" : "; SameSite=None; Secure"}" if { var(txn.sticky) -m found }`,
    ),
    "  option httpchk",
    `  http-check send meth GET uri ${quote(check.path)} ver HTTP/1.1 hdr Host ${hash(group.arn)} hdr User-Agent ELB-HealthChecker/2.0 hdr Connection close`,
    `  http-check expect status ${check.matcher.replace(/[^0-9,-]/g, "")}`,
    `  timeout check ${check.timeoutSeconds}s`,
    `  default-server inter ${check.intervalSeconds}s downinter ${Math.min(1, check.intervalSeconds)}s rise ${check.healthyThreshold} fall ${check.unhealthyThreshold} weight 100${group.slowStartSeconds > 0 ? ` slowstart ${group.slowStartSeconds}s` : ""}`,
    ...group.targets
      .toSorted((a, b) => compare(serverName(a), serverName(b)))
      .flatMap((target) => {
        const way = `${target.address}:${target.port} namespace ${group.vpcId} source ${group.sourceAddress}${group.protocol === "HTTPS" ? " ssl verify none" : ""}`;
        return [
          `  server ${serverName(target)} ${way}${checked}${target.draining ? " weight 0" : ""}`,
          ...(check.enabled && !target.draining ? [`  server ${serverName(target)}.open ${way} backup`] : []),
        ];
      }),
    "",
  ].filter((line) => context.options.namespaces.has(group.vpcId) || line === "");
}

/** Writes certificates and the list that names them; the first is the default. */
function certificateList(
  balancer: Balancer,
  listeners: readonly BalancerListener[],
  context: Context,
): string {
  const lines = listeners.flatMap((listener) =>
    listener.certificates.map((certificate, index) => {
      const file = `cert_${hash(certificate.pem)}.pem`;
      context.files[file] = certificate.pem;
      return `${context.options.folder}/${file}${index === 0 ? "" : ` ${certificate.names.join(" ")}`}`;
    }),
  );
  const list = `crtlist_${hash(`${balancer.arn}${lines.join()}`)}`;
  context.files[list] = `${lines.join("\n")}\n`;
  return `${context.options.folder}/${list}`;
}

function frontendName(balancer: Balancer, listener: BalancerListener): string {
  return `lb_${hash(balancer.arn)}_${listener.port}`;
}

export function backendName(targetGroupArn: string): string {
  return `tg_${hash(targetGroupArn)}`;
}

export function serverName(target: { readonly address: string; readonly port: number }): string {
  return `t_${target.address.replaceAll(".", "_")}_${target.port}`;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
