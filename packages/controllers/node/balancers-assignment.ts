import type {
  BalancerAction,
  BalancerAuthentication,
  BalancerClientRule,
  BalancerListener,
  BalancerLogs,
  BalancerRequests,
  BalancersAssignment,
  BalancerTargetGroup,
} from "@gantry/agent-protocol";
import { present, type Vault } from "@gantry/kernel";
import { alpnOf, headersOf, mutualOf } from "./listener-settings.ts";
import {
  DEFAULT_SECURITY_POLICY,
  endpointEntries,
  hostOf,
  prefixListBlocks,
  securityPolicyOf,
  vpcBlocks,
  type ActionRecord,
  type ListenerRecord,
  type LoadBalancerRecord,
  type Reader,
  type TargetGroupRecord,
} from "@gantry/state";
import { targetGroupsOf } from "@gantry/state/transactions/balancer-health";

const IDLE_SECONDS = 60;
const CLIENT_KEEP_ALIVE_SECONDS = 3_600;
const PORT_MAX = 65_535;

/**
 * The load balancers of a node in the form that its proxy needs, with the target groups that listeners
 * forward to.
 */
export function balancersAssignment(reader: Reader, vault: Vault, nodeId: string): BalancersAssignment {
  const records = balancersOn(reader, nodeId);
  const balancers = records.map((record) => ({
    arn: record.arn,
    dnsName: record.dnsName,
    vpcId: record.vpcId,
    addresses: record.networkInterfaceIds.flatMap(
      (id) => reader.get("networkInterface", id)?.privateIp ?? [],
    ),
    internetFacing: record.scheme === "internet-facing",
    ...(record.type === "network" ? { isNetwork: true } : {}),
    idleTimeoutSeconds: idleSecondsOf(record),
    clientKeepAliveSeconds: Number(
      record.attributes["client_keep_alive.seconds"] ?? CLIENT_KEEP_ALIVE_SECONDS,
    ),
    // A network load balancer without security groups lets every client in.
    clientRules:
      record.type === "network" && record.securityGroups.length === 0
        ? undefined
        : clientRulesOf(reader, record),
    ...endpointsOf(reader, record),
    requests: requestsOf(record),
    logs: logsOf(record),
    listeners: reader
      .listBy("listener", "loadBalancer", record.arn)
      .map((listener) => renderListener(reader, vault, record, listener)),
  }));
  return {
    kind: "balancers",
    key: "balancers",
    balancers,
    targetGroups: records
      .flatMap((record) => groupsOf(reader, record))
      .filter((group, index, all) => all.findIndex((other) => other.arn === group.arn) === index),
  };
}

/** The load balancers that a node serves. */
export function balancersOn(reader: Reader, nodeId: string): readonly LoadBalancerRecord[] {
  return reader.list("loadBalancer").filter((balancer) => hostOf(reader, balancer) === nodeId);
}

/**
 * The endpoints of other VPCs that lead to a network load balancer. Its security groups bind their clients
 * unless that is turned off. Source: API_SetSecurityGroups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic.
 */
function endpointsOf(
  reader: Reader,
  balancer: LoadBalancerRecord,
): Pick<BalancersAssignment["balancers"][number], "endpoints" | "bindsEndpoints"> {
  const endpoints = balancer.type === "network" ? endpointEntries(reader, balancer.arn) : [];
  return endpoints.length === 0 ? {} : { endpoints, bindsEndpoints: balancer.privateLinkRules !== "off" };
}

function idleSecondsOf(balancer: LoadBalancerRecord): number {
  return Number(balancer.attributes["idle_timeout.timeout_seconds"] ?? IDLE_SECONDS);
}

/** Source: API_LoadBalancerAttribute. */
function requestsOf({ attributes }: LoadBalancerRecord): BalancerRequests {
  const isOn = (name: string, initial = "false") => (attributes[name] ?? initial) === "true";
  const mode = attributes["routing.http.xff_header_processing.mode"];
  return {
    http2: isOn("routing.http2.enabled", "true"),
    dropsInvalidHeaders: isOn("routing.http.drop_invalid_header_fields.enabled"),
    forwardedFor: mode === "preserve" || mode === "remove" ? mode : "append",
    forwardsClientPort: isOn("routing.http.xff_client_port.enabled"),
    tellsTls: isOn("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
  };
}

function logsOf({ attributes }: LoadBalancerRecord): BalancerLogs {
  return {
    access: attributes["access_logs.s3.enabled"] === "true",
    connection: attributes["connection_logs.s3.enabled"] === "true",
  };
}

/**
 * The address ranges that the security groups allow. Rules that name a group allow its members, which are
 * inside the VPC.
 */
function clientRulesOf(reader: Reader, balancer: LoadBalancerRecord): readonly BalancerClientRule[] {
  return balancer.securityGroups
    .flatMap((id) => reader.get("securityGroup", id)?.rules ?? [])
    .filter((rule) => rule.direction === "ingress" && (rule.protocol === "tcp" || rule.protocol === "-1"))
    .flatMap(({ cidr, prefixListId, protocol, ...ports }) => {
      const blocks =
        prefixListId === undefined ? [cidr ?? []].flat() : prefixListBlocks(reader, balancer, prefixListId);
      const { fromPort, toPort } = protocol === "tcp" ? ports : { fromPort: 0, toPort: PORT_MAX };
      return blocks.map((block) => ({ cidr: block, fromPort, toPort }));
    });
}

function groupsOf(reader: Reader, balancer: LoadBalancerRecord): readonly BalancerTargetGroup[] {
  const source = reader.get("networkInterface", balancer.networkInterfaceIds[0])?.privateIp ?? "";
  return [...targetGroupsOf(reader, balancer.arn)].flatMap((arn) => {
    const group = reader.get("targetGroup", arn);
    // A load balancer reaches only its own VPC.
    return group?.vpcId !== balancer.vpcId ? [] : [renderGroup(reader, group, balancer, source)];
  });
}

/** On where it is not set. Source: API_TargetGroupAttribute. */
const UNHEALTHY_TERMINATION = "target_health_state.unhealthy.connection_termination.enabled";

function renderGroup(
  reader: Reader,
  group: TargetGroupRecord,
  balancer: LoadBalancerRecord,
  sourceAddress: string,
): BalancerTargetGroup {
  const vpc = reader.get("vpc", group.vpcId);
  const { attributes } = group;
  const isSticky = attributes["stickiness.enabled"] === "true";
  const isNetwork = group.protocol === "TCP" || group.protocol === "TLS";
  const cookie = attributes["stickiness.type"] === "app_cookie" ? "app_cookie" : "lb_cookie";
  const sticky = isSticky && !isNetwork;
  const algorithm = attributes["load_balancing.algorithm.type"];
  return {
    arn: group.arn,
    vpcId: group.vpcId,
    protocol: group.protocol,
    protocolVersion: group.protocolVersion ?? "HTTP1",
    healthCheck: group.healthCheck,
    algorithm:
      algorithm === "least_outstanding_requests" || algorithm === "weighted_random"
        ? algorithm
        : "round_robin",
    stickySeconds: sticky ? Number(attributes[`stickiness.${cookie}.duration_seconds`] ?? 86_400) : undefined,
    ...(sticky && cookie === "app_cookie"
      ? { stickyCookie: attributes["stickiness.app_cookie.cookie_name"] ?? "" }
      : {}),
    ...(isNetwork && isSticky ? { stickySource: true } : {}),
    ...(isNetwork && attributes[UNHEALTHY_TERMINATION] !== "false" ? { endsUnhealthy: true } : {}),
    ...(preservesClients(group) ? { preservesClients: true } : {}),
    ...(attributes["proxy_protocol_v2.enabled"] === "true" ? { proxyProtocol: true } : {}),
    slowStartSeconds: Number(attributes["slow_start.duration_seconds"] ?? 0),
    sourceAddress,
    idleTimeoutSeconds: isNetwork ? networkIdleOf(reader, balancer) : idleSecondsOf(balancer),
    vpcCidrs: vpc === undefined ? [] : vpcBlocks(vpc),
    targets: reader.listBy("target", "group", group.arn).flatMap((target) => {
      const address = targetAddressOf(reader, group, target.address);
      if (address === undefined) return [];
      const { port, state, drainingSince } = target;
      return [{ address, port, isNew: state === "initial", draining: drainingSince !== undefined }];
    }),
  };
}

/** Whether a network load balancer's targets see their clients' addresses. Source: API_TargetGroupAttribute. */
export function preservesClients({ protocol, targetType, attributes }: TargetGroupRecord): boolean {
  const isNetwork = protocol === "TCP" || protocol === "TLS";
  const initial = targetType === "ip" ? "false" : "true";
  return isNetwork && (attributes["preserve_client_ip.enabled"] ?? initial) === "true";
}

/**
 * The address that connections to a target go to: the first address of a load balancer that is a target.
 * Undefined where the load balancer is gone.
 */
export function targetAddressOf(
  reader: Reader,
  group: Pick<TargetGroupRecord, "targetType">,
  address: string,
): string | undefined {
  if (group.targetType !== "alb") return address;
  const balancer = reader.get("loadBalancer", address);
  return reader.get("networkInterface", balancer?.networkInterfaceIds[0])?.privateIp;
}

const NETWORK_IDLE_SECONDS = 350;

/** The longest idle timeout of the listeners: a target group may belong to several. */
function networkIdleOf(reader: Reader, balancer: LoadBalancerRecord): number {
  const listeners = reader.listBy("listener", "loadBalancer", balancer.arn);
  return Math.max(...listeners.map(listenerIdleOf), 60);
}

function listenerIdleOf({ attributes }: ListenerRecord): number {
  return Number(attributes?.["tcp.idle_timeout.seconds"] ?? NETWORK_IDLE_SECONDS);
}

function renderListener(
  reader: Reader,
  vault: Vault,
  balancer: LoadBalancerRecord,
  listener: ListenerRecord,
): BalancerListener {
  const rules = reader.listBy("rule", "listener", listener.arn).toSorted((a, b) => a.priority - b.priority);
  const isTls = listener.protocol === "HTTPS" || listener.protocol === "TLS";
  return {
    id: listener.arn.split("/").at(-1),
    port: listener.port,
    tls: isTls,
    ...(balancer.type === "network"
      ? { alpn: alpnOf(listener.alpnPolicy), idleSeconds: listenerIdleOf(listener) }
      : { mutual: mutualOf(reader, listener), headers: headersOf(listener) }),
    security: securityPolicyOf(listener.sslPolicy ?? DEFAULT_SECURITY_POLICY),
    certificates: isTls
      ? [
          ...[...new Set(listener.certificates)].flatMap((arn) => renderCertificate(reader, vault, arn)),
          ...renderOwnCertificate(vault, balancer),
        ]
      : [],
    rules: rules.map((rule) => ({
      priority: rule.priority,
      conditions: rule.conditions,
      action: renderAction(rule.actions),
      ...authenticationOf(vault, rule.actions, "authentication"),
      ...(rule.transforms === undefined ? {} : { transforms: rule.transforms }),
    })),
    defaultAction: renderAction(listener.defaultActions),
    ...authenticationOf(vault, listener.defaultActions, "defaultAuthentication"),
  };
}

type Certificates = BalancerListener["certificates"];

function renderCertificate(reader: Reader, vault: Vault, arn: string): Certificates {
  const certificate = reader.get("certificate", arn);
  if (certificate !== undefined) {
    const { domainName, subjectAlternativeNames } = certificate;
    const names = [...new Set([domainName, ...subjectAlternativeNames])];
    return [{ names, pem: toPem(vault, certificate), arn }];
  }
  const uploaded = reader.get("serverCertificate", arn);
  return uploaded === undefined ? [] : [{ names: uploaded.names, pem: toPem(vault, uploaded), arn }];
}

/**
 * The load balancer's own name is served by a certificate of the platform, whatever certificates its
 * listeners have.
 */
function renderOwnCertificate(vault: Vault, balancer: LoadBalancerRecord): Certificates {
  const own = balancer.ownCertificate;
  return own === undefined ? [] : [{ names: [balancer.dnsName], pem: toPem(vault, own) }];
}

function toPem(
  vault: Vault,
  certificate: { readonly certificatePem: string; readonly chainPem: string; readonly sealedKey: string },
): string {
  return [certificate.certificatePem, certificate.chainPem, openKey(vault, certificate.sealedKey)].join("\n");
}

/**
 * The key, or nothing where the vault cannot open it: the proxy then rejects this certificate alone, and the load
 * balancer's state names it. A throw here would keep every load balancer of the node from changing.
 */
function openKey(vault: Vault, sealed: string): string {
  try {
    return vault.open(sealed);
  } catch {
    return "";
  }
}

/**
 * The authentication among the actions, under the name of a rule's or a listener's field. A secret that the
 * vault cannot open becomes empty, so that nobody can sign in.
 */
function authenticationOf<Name extends "authentication" | "defaultAuthentication">(
  vault: Vault,
  actions: readonly ActionRecord[],
  name: Name,
): { readonly [N in Name]?: BalancerAuthentication } {
  const record = actions.find((action) => action.type === "authenticate-oidc");
  if (record === undefined) return {};
  const {
    type: _type,
    order: _order,
    sealedClientSecret,
    sealedSessionKey,
    sealedSigningKey,
    signingKeyPem: _pem,
    ...rest
  } = record;
  const authentication: BalancerAuthentication = {
    ...rest,
    clientSecret: openKey(vault, sealedClientSecret),
    sessionKey: openKey(vault, sealedSessionKey),
    signingKey: openKey(vault, sealedSigningKey),
  };
  return { [name]: authentication } as { readonly [N in Name]?: BalancerAuthentication }; // The name is the only key.
}

function renderAction(actions: readonly ActionRecord[]): BalancerAction {
  const action = present(actions.at(-1), "A rule has an action.");
  switch (action.type) {
    case "forward":
      return { type: "forward", targets: action.targets, stickySeconds: action.stickySeconds };
    case "redirect":
      return { ...action, statusCode: action.statusCode === "HTTP_301" ? 301 : 302 };
    case "fixed-response":
      return { ...action, statusCode: Number(action.statusCode) };
    case "authenticate-oidc":
      throw new Error("Internal invariant violated: authentication is not the last action of a rule.");
  }
}
