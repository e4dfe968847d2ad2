import type { ListenerRecord, LoadBalancerRecord, TargetGroupRecord } from "@gantry/state";
import { validation } from "./validation.ts";

interface Attribute {
  readonly initial: string;
  /** Describes the valid values where the attribute is acted on and the value is not valid. */
  readonly check?: (value: string) => string | undefined;
}

export type AttributeTable = Readonly<Record<string, Attribute>>;

const constant = (initial: string): Attribute => ({ initial });
const oneOf = (initial: string, ...values: readonly string[]): Attribute => ({
  initial,
  check: (value) => (values.includes(value) ? undefined : `must be one of '[${values.join(", ")}]'`),
});
const flag = (initial: "true" | "false"): Attribute => oneOf(initial, "true", "false");
/** Any text; the operation that acts on it checks more. */
const text: Attribute = {
  initial: "",
  check: (value) => (value.length <= 1_024 ? undefined : "must have 1024 characters at most"),
};
const seconds = (initial: number, least: number, most: number, also?: number): Attribute => ({
  initial: String(initial),
  check(value) {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    if ((number >= least && number <= most) || number === also) return undefined;
    return `must be ${also === undefined ? "" : `${also}, or `}between '${least}' and '${most}'`;
  },
});

/** A name of a header, or nothing: the initial one. */
const headerName: Attribute = {
  initial: "",
  check: (value) =>
    /^[A-Za-z0-9_-]{0,256}$/.test(value)
      ? undefined
      : "can only contain letters, digits, hyphens and underscores",
};
const headerValue: Attribute = {
  initial: "",
  check: (value) =>
    /^[\u0020-\u007e]{0,1024}$/.test(value) ? undefined : "must have 1024 printable ASCII characters at most",
};
/** A number, or `off`. */
const minimum = (initial: string): Attribute => ({
  initial,
  check: (value) => (/^(?:off|[1-9]\d{0,4})$/.test(value) ? undefined : "must be 'off' or a positive number"),
});

/** Source: API_LoadBalancerAttribute. Those without a check are not acted on and keep their initial value. */
const LOAD_BALANCER_ATTRIBUTES: AttributeTable = {
  "idle_timeout.timeout_seconds": seconds(60, 1, 4_000),
  "deletion_protection.enabled": flag("false"),
  "routing.http2.enabled": flag("true"),
  "access_logs.s3.enabled": flag("false"),
  "access_logs.s3.bucket": text,
  "access_logs.s3.prefix": text,
  "connection_logs.s3.enabled": flag("false"),
  "connection_logs.s3.bucket": text,
  "connection_logs.s3.prefix": text,
  "health_check_logs.s3.enabled": constant("false"),
  "health_check_logs.s3.bucket": text,
  "health_check_logs.s3.prefix": text,
  "routing.http.desync_mitigation_mode": oneOf("defensive", "monitor", "defensive", "strictest"),
  "routing.http.drop_invalid_header_fields.enabled": flag("false"),
  "routing.http.preserve_host_header.enabled": flag("false"),
  "routing.http.xff_client_port.enabled": flag("false"),
  "routing.http.xff_header_processing.mode": oneOf("append", "append", "preserve", "remove"),
  "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": flag("false"),
  "waf.fail_open.enabled": flag("false"),
  "load_balancing.cross_zone.enabled": constant("true"),
  "zonal_shift.config.enabled": flag("false"),
  "client_keep_alive.seconds": seconds(3_600, 60, 604_800),
  "ipv6.deny_all_igw_traffic": flag("false"),
};

/** Source: API_LoadBalancerAttribute, network load balancers. */
const NETWORK_LOAD_BALANCER_ATTRIBUTES: AttributeTable = {
  "deletion_protection.enabled": flag("false"),
  "access_logs.s3.enabled": flag("false"),
  "access_logs.s3.bucket": text,
  "access_logs.s3.prefix": text,
  "load_balancing.cross_zone.enabled": flag("false"),
  "dns_record.client_routing_policy": oneOf(
    "any_availability_zone",
    "availability_zone_affinity",
    "partial_availability_zone_affinity",
    "any_availability_zone",
  ),
  "secondary_ips.auto_assigned.per_subnet": constant("0"),
  "zonal_shift.config.enabled": flag("false"),
  "ipv6.deny_all_igw_traffic": flag("false"),
};

/** Of target groups of every kind. Source: API_TargetGroupAttribute. */
const OF_TARGET_GROUPS: AttributeTable = {
  "deregistration_delay.timeout_seconds": seconds(300, 0, 3_600),
  "stickiness.enabled": flag("false"),
  "load_balancing.cross_zone.enabled": oneOf(
    "use_load_balancer_configuration",
    "use_load_balancer_configuration",
    "true",
    "false",
  ),
  "target_group_health.dns_failover.minimum_healthy_targets.count": minimum("1"),
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": minimum("off"),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": minimum("1"),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": minimum("off"),
};

/** Source: API_TargetGroupAttribute. Those without a check are not acted on and keep their initial value. */
const TARGET_GROUP_ATTRIBUTES: AttributeTable = {
  ...OF_TARGET_GROUPS,
  "stickiness.type": oneOf("lb_cookie", "lb_cookie", "app_cookie"),
  "stickiness.lb_cookie.duration_seconds": seconds(86_400, 1, 604_800),
  "stickiness.app_cookie.cookie_name": {
    initial: "",
    check: (value) =>
      /^[A-Za-z0-9!#$&^_`|~.+*-]{0,255}$/.test(value) && !/^(?:AWSALB|AWSALBAPP|AWSALBTG)/.test(value)
        ? undefined
        : "must be the name of a cookie, and none of AWSALB, AWSALBAPP and AWSALBTG",
  },
  "stickiness.app_cookie.duration_seconds": seconds(86_400, 1, 604_800),
  "slow_start.duration_seconds": seconds(0, 30, 900, 0),
  "load_balancing.algorithm.type": oneOf(
    "round_robin",
    "round_robin",
    "least_outstanding_requests",
    "weighted_random",
  ),
  "load_balancing.algorithm.anomaly_mitigation": oneOf("off", "on", "off"),
};

/** Source: API_TargetGroupAttribute, network load balancers. */
const NETWORK_TARGET_GROUP_ATTRIBUTES: AttributeTable = {
  ...OF_TARGET_GROUPS,
  "stickiness.type": oneOf("source_ip", "source_ip"),
  "deregistration_delay.connection_termination.enabled": flag("false"),
  "preserve_client_ip.enabled": flag("false"),
  "proxy_protocol_v2.enabled": flag("false"),
  "target_health_state.unhealthy.connection_termination.enabled": flag("true"),
  "target_health_state.unhealthy.draining_interval_seconds": seconds(0, 0, 360_000),
};

const REQUEST_HEADER = "routing.http.request.x_amzn";
const RESPONSE_HEADER = "routing.http.response";

/** Of HTTP listeners. Source: API_ListenerAttribute. */
const HTTP_LISTENER_ATTRIBUTES: AttributeTable = {
  [`${RESPONSE_HEADER}.server.enabled`]: flag("true"),
  ...Object.fromEntries(
    [
      "strict_transport_security",
      "access_control_allow_origin",
      "access_control_allow_methods",
      "access_control_allow_headers",
      "access_control_allow_credentials",
      "access_control_expose_headers",
      "access_control_max_age",
      "content_security_policy",
      "x_content_type_options",
      "x_frame_options",
    ].map((header) => [`${RESPONSE_HEADER}.${header}.header_value`, headerValue]),
  ),
};

/** Of HTTPS listeners. Source: API_ListenerAttribute. */
const HTTPS_LISTENER_ATTRIBUTES: AttributeTable = {
  ...HTTP_LISTENER_ATTRIBUTES,
  ...Object.fromEntries(
    [
      "mtls_clientcert_serial_number",
      "mtls_clientcert_issuer",
      "mtls_clientcert_subject",
      "mtls_clientcert_validity",
      "mtls_clientcert_leaf",
      "mtls_clientcert",
      "tls_version",
      "tls_cipher_suite",
    ].map((header) => [`${REQUEST_HEADER}_${header}.header_name`, headerName]),
  ),
};

/** The attributes that a listener has, by its protocol. */
export function listenerAttributes(protocol: ListenerRecord["protocol"]): AttributeTable {
  switch (protocol) {
    case "HTTP":
      return HTTP_LISTENER_ATTRIBUTES;
    case "HTTPS":
      return HTTPS_LISTENER_ATTRIBUTES;
    case "TCP":
      return { "tcp.idle_timeout.seconds": seconds(350, 60, 6_000) };
    case "TLS":
      return {};
  }
}

/** The attributes that a load balancer has, by its type. */
export function loadBalancerAttributes({ type }: Pick<LoadBalancerRecord, "type">): AttributeTable {
  return type === "network" ? NETWORK_LOAD_BALANCER_ATTRIBUTES : LOAD_BALANCER_ATTRIBUTES;
}

/** The attributes that a target group has, by its protocol. */
export function targetGroupAttributes({ protocol }: Pick<TargetGroupRecord, "protocol">): AttributeTable {
  return protocol === "TCP" || protocol === "TLS" ? NETWORK_TARGET_GROUP_ATTRIBUTES : TARGET_GROUP_ATTRIBUTES;
}

/** Every attribute with its value: the caller's, else the initial one. */
export function presentAttributes(
  table: AttributeTable,
  own: Readonly<Record<string, string>>,
): { Key: string; Value: string }[] {
  const initial = Object.entries(table).map(([key, attribute]) => [key, attribute.initial] as const);
  return Object.entries({ ...Object.fromEntries(initial), ...own }).map(([Key, Value]) => ({ Key, Value }));
}

/** Attributes with the given ones set. Errors: ValidationError for an unknown key or a value that is not valid. */
export function withAttributes(
  current: Readonly<Record<string, string>>,
  given: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  table: AttributeTable,
): Readonly<Record<string, string>> {
  const next = { ...current };
  for (const { Key = "", Value = "" } of given ?? []) {
    const attribute = Object.hasOwn(table, Key) ? table[Key] : undefined;
    if (attribute === undefined) throw validation(`Attribute key '${Key}' is not recognized`);
    if (attribute.check === undefined && Value !== attribute.initial)
      throw validation(`Gantry does not act on the attribute '${Key}' yet: it stays '${attribute.initial}'.`);
    const problem = attribute.check?.(Value);
    if (problem !== undefined)
      throw validation(`The value '${Value}' of '${Key}' is not valid: it ${problem}`);
    next[Key] = Value;
  }
  return next;
}
