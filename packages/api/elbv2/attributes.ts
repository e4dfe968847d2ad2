import { validation } from "./validation.ts";

interface Attribute {
  readonly initial: string;
  /** Says what a value must be where the attribute is acted on and the value is not that. */
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

/** Source: API_LoadBalancerAttribute. Those without a check are not acted on and keep their initial value. */
export const LOAD_BALANCER_ATTRIBUTES: AttributeTable = {
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
  "zonal_shift.config.enabled": constant("false"),
  "client_keep_alive.seconds": seconds(3_600, 60, 604_800),
};

/** Source: API_TargetGroupAttribute. Those without a check are not acted on and keep their initial value. */
export const TARGET_GROUP_ATTRIBUTES: AttributeTable = {
  "deregistration_delay.timeout_seconds": seconds(300, 0, 3_600),
  "stickiness.enabled": flag("false"),
  "stickiness.type": constant("lb_cookie"),
  "stickiness.lb_cookie.duration_seconds": seconds(86_400, 1, 604_800),
  "stickiness.app_cookie.cookie_name": constant(""),
  "stickiness.app_cookie.duration_seconds": constant("86400"),
  "slow_start.duration_seconds": seconds(0, 30, 900, 0),
  "load_balancing.algorithm.type": oneOf(
    "round_robin",
    "round_robin",
    "least_outstanding_requests",
    "weighted_random",
  ),
  "load_balancing.algorithm.anomaly_mitigation": constant("off"),
  "load_balancing.cross_zone.enabled": oneOf(
    "use_load_balancer_configuration",
    "use_load_balancer_configuration",
    "true",
  ),
  "target_group_health.dns_failover.minimum_healthy_targets.count": constant("1"),
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": constant("off"),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": constant("1"),
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": constant("off"),
};

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
