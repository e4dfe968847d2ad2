import type { BalancersAssignment, BalancerTarget } from "@gantry/agent-protocol";
import { authenticationScript } from "./authentication/render-authentication.ts";
import { renderBackend, usableTargets } from "./backends.ts";
import { renderFrontends } from "./frontends.ts";
import { renderNetworkFrontends } from "./network-frontends.ts";
import { backendName, compare, serverName } from "./names.ts";
import type { Context, RenderOptions } from "./render-context.ts";
import { keepsClients, NETWORK_UNAVAILABLE_BACKEND, UNAVAILABLE_BACKEND } from "./render-weights.ts";

export type { RenderOptions } from "./render-context.ts";

/** The proxy's whole configuration as values: the main text and the files it refers to. */
export interface ProxyConfiguration {
  readonly text: string;
  /** File name to content: certificates, certificate lists, fixed response bodies, weights. */
  readonly files: Readonly<Record<string, string>>;
  /** Every server of every backend, for the initial state of new ones. */
  readonly servers: readonly {
    readonly backend: string;
    readonly server: string;
    readonly target: BalancerTarget;
    readonly targetGroupArn: string;
    readonly rise: number;
  }[];
}

/**
 * Renders the whole configuration. It is deterministic. Source: docs/decisions/0006 and the HAProxy 2.6
 * manual.
 */
export function renderProxy(assignment: BalancersAssignment, options: RenderOptions): ProxyConfiguration {
  const files: Record<string, string> = {};
  const groups = assignment.targetGroups
    .filter((group) => options.namespaces.has(group.vpcId))
    .toSorted((a, b) => compare(a.arn, b.arn));
  const balancers = assignment.balancers
    .filter((balancer) => options.namespaces.has(balancer.vpcId))
    .toSorted((a, b) => compare(a.arn, b.arn));
  const known = new Set(groups.map((group) => group.arn));
  const preserving = new Set(groups.filter((group) => group.preservesClients).map((group) => group.arn));
  const context: Context = { options, files, known, preserving, keeping: keepingGroups(balancers) };
  const authentication = authenticationScript(balancers, options.folder);
  Object.assign(files, authentication.files);
  const text = [
    ...renderGlobal(options, authentication.lines),
    ...renderFrontends(
      balancers.filter(({ isNetwork }) => isNetwork !== true),
      context,
    ),
    ...renderNetworkFrontends(
      balancers.filter(({ isNetwork }) => isNetwork === true),
      context,
    ),
    ...groups.flatMap((group) => renderBackend(group, context)),
    `backend ${UNAVAILABLE_BACKEND}`,
    "  http-request return status 503",
    "",
    ...(balancers.some(({ isNetwork }) => isNetwork)
      ? [`backend ${NETWORK_UNAVAILABLE_BACKEND}`, "  mode tcp", ""]
      : []),
  ].join("\n");
  const servers = groups.flatMap((group) =>
    usableTargets(group, context).map((target) => ({
      backend: backendName(group.arn),
      server: serverName(target),
      target,
      targetGroupArn: group.arn,
      rise: group.healthCheck.healthyThreshold,
    })),
  );
  return { text, files, servers };
}

function keepingGroups(balancers: BalancersAssignment["balancers"]): ReadonlySet<string> {
  const actions = balancers
    .flatMap(({ listeners }) => listeners)
    .flatMap(({ rules, defaultAction }) => [...rules.map(({ action }) => action), defaultAction]);
  return new Set(
    actions.flatMap((action) =>
      action.type === "forward" && keepsClients(action)
        ? action.targets.map(({ targetGroupArn }) => targetGroupArn)
        : [],
    ),
  );
}

function renderGlobal(options: RenderOptions, scripts: readonly string[]): readonly string[] {
  return [
    "global",
    `  stats socket ${options.folder}/run/admin.sock mode 600 level admin expose-fd listeners`,
    `  server-state-file ${options.folder}/servers.state`,
    // Health changes and failures are logged: `docker logs` of the proxy shows why a request failed.
    "  log stdout format raw daemon notice",
    // The next worker inherits the listening sockets (`expose-fd`). With SO_REUSEPORT, another proxy of the
    // same user, such as another instance's, could listen on the same port and get half of the connections.
    "  noreuseport",
    "  hard-stop-after 60s",
    "  max-spread-checks 10",
    `  maxconn ${options.connectionsMax}`,
    "  tune.ssl.default-dh-param 2048",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2",
    ...scripts,
    "",
    "defaults",
    "  mode http",
    "  log global",
    "  option log-separate-errors",
    // Longer than Linux takes to send a SYN again that was dropped, one second. A second attempt may come too
    // late: a leaving worker cannot make one (docs/decisions/0006).
    "  timeout connect 3s",
    "  timeout client 60s",
    "  timeout server 60s",
    "  timeout tunnel 60s",
    "  timeout http-request 60s",
    "  timeout http-keep-alive 60s",
    "  option idle-close-on-response",
    "  option redispatch 1",
    "  option http-keep-alive",
    "  retries 3",
    "  load-server-state-from-file global",
    "",
  ];
}
