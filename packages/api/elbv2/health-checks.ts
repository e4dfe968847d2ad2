import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { ProtocolVersion, TargetGroupRecord } from "@gantry/state";
import { validation } from "./validation.ts";

const PORT_MAX = 65_535;

/** Of target groups of type ip with the protocol HTTP or HTTPS. Source: API_CreateTargetGroup. */
const HEALTH_CHECK_DEFAULTS: TargetGroupRecord["healthCheck"] = {
  enabled: true,
  protocol: "HTTP",
  port: "traffic-port",
  path: "/",
  intervalSeconds: 30,
  timeoutSeconds: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  matcher: "200",
};

/** Of a target group for gRPC. Source: API_CreateTargetGroup, HealthCheckPath and Matcher. */
const GRPC_DEFAULTS: TargetGroupRecord["healthCheck"] = {
  ...HEALTH_CHECK_DEFAULTS,
  path: "/AWS.ALB/healthcheck",
  matcher: "12",
};

/** Of target groups of network load balancers. Source: API_CreateTargetGroup. */
const TCP_DEFAULTS: TargetGroupRecord["healthCheck"] = {
  ...HEALTH_CHECK_DEFAULTS,
  protocol: "TCP",
  path: "",
  timeoutSeconds: 10,
  matcher: "",
};

/** The defaults of a health check. `given` is the protocol that the request names. Source: API_CreateTargetGroup. */
export function healthCheckDefaults(
  { protocol, targetType, version }: Checked,
  given: string | undefined,
): TargetGroupRecord["healthCheck"] {
  if (protocol === "HTTP" || protocol === "HTTPS")
    return version === "GRPC" ? GRPC_DEFAULTS : HEALTH_CHECK_DEFAULTS;
  if (given === undefined && targetType !== "alb") return TCP_DEFAULTS;
  if (given === "TCP") return TCP_DEFAULTS;
  const timeoutSeconds = given === "HTTPS" ? 10 : 6;
  return { ...HEALTH_CHECK_DEFAULTS, timeoutSeconds, matcher: "200-399" };
}

/** The properties that the defaults of a health check depend on. */
export interface Checked {
  readonly protocol: TargetGroupRecord["protocol"];
  readonly targetType: TargetGroupRecord["targetType"];
  readonly version: ProtocolVersion;
}

/** The health check that a request asks for; members that it leaves out keep their values. Errors: ValidationError. */
export function toHealthCheck(
  input: elb.ModifyTargetGroupInput | elb.CreateTargetGroupInput,
  kept: TargetGroupRecord["healthCheck"],
  checked: Checked,
): TargetGroupRecord["healthCheck"] {
  const { version } = checked;
  const { GrpcCode, HttpCode } = input.Matcher ?? {};
  if (version === "GRPC" ? HttpCode !== undefined : GrpcCode !== undefined)
    throw validation(
      `The matcher of a target group with the protocol version '${version}' must be ` +
        (version === "GRPC" ? "a GrpcCode" : "an HttpCode"),
    );
  const check: TargetGroupRecord["healthCheck"] = {
    enabled: input.HealthCheckEnabled ?? kept.enabled,
    protocol: toCheckProtocol(input.HealthCheckProtocol, kept, checked),
    port: input.HealthCheckPort ?? kept.port,
    path: input.HealthCheckPath ?? kept.path,
    intervalSeconds: input.HealthCheckIntervalSeconds ?? kept.intervalSeconds,
    timeoutSeconds: input.HealthCheckTimeoutSeconds ?? kept.timeoutSeconds,
    healthyThreshold: input.HealthyThresholdCount ?? kept.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? kept.unhealthyThreshold,
    matcher: (version === "GRPC" ? GrpcCode : HttpCode) ?? kept.matcher,
  };
  if (check.intervalSeconds < 5 || check.intervalSeconds > 300)
    throw validation(`Health check interval '${check.intervalSeconds}' must be between 5 and 300 seconds`);
  if (check.timeoutSeconds < 2 || check.timeoutSeconds > 120)
    throw validation(`Health check timeout '${check.timeoutSeconds}' must be between 2 and 120 seconds`);
  // Network load balancers check every 10 seconds with a timeout of 10 seconds.
  const isNetwork = checked.protocol === "TCP" || checked.protocol === "TLS";
  if (check.timeoutSeconds > check.intervalSeconds - (isNetwork ? 0 : 1))
    throw validation(
      `Health check timeout '${check.timeoutSeconds}' must be smaller than the interval '${check.intervalSeconds}'`,
    );
  for (const threshold of [check.healthyThreshold, check.unhealthyThreshold])
    if (threshold < 2 || threshold > 10)
      throw validation(`Health check threshold '${threshold}' must be between 2 and 10`);
  if (check.port !== "traffic-port" && !(/^[1-9]\d{0,4}$/.test(check.port) && Number(check.port) <= PORT_MAX))
    throw validation(
      `Health check port '${check.port}' must be either 'traffic-port' or from 1 to ${PORT_MAX}`,
    );
  if (check.protocol === "TCP") {
    if (input.HealthCheckPath !== undefined)
      throw validation("Health check path cannot be specified for health checks with the protocol 'TCP'");
    if (HttpCode !== undefined)
      throw validation("Health check matcher cannot be specified for health checks with the protocol 'TCP'");
    return { ...check, path: "", matcher: "" };
  }
  return checkedHttp(
    check.path === "" ? { ...check, path: "/", matcher: check.matcher || "200-399" } : check,
    version,
  );
}

/** Errors: ValidationError. */
function checkedHttp(
  check: TargetGroupRecord["healthCheck"],
  version: ProtocolVersion,
): TargetGroupRecord["healthCheck"] {
  if (!/^\/[\u0021-\u007e]*$/.test(check.path))
    throw validation(
      `Health check path '${check.path}' must begin with a '/' character, and can only contain ` +
        "printable ASCII characters, without spaces",
    );
  if (version === "GRPC" && !isGrpcMatcher(check.matcher))
    throw validation(`Health check matcher GRPC code '${check.matcher}' must be within '0-99'`);
  if (version !== "GRPC" && !isMatcher(check.matcher))
    throw validation(`Health check matcher HTTP code '${check.matcher}' must be within '200-499'`);
  return check;
}

/** The protocol of a health check. Errors: ValidationError. */
function toCheckProtocol(
  given: string | undefined,
  kept: TargetGroupRecord["healthCheck"],
  { protocol }: Checked,
): TargetGroupRecord["healthCheck"]["protocol"] {
  const isNetwork = protocol === "TCP" || protocol === "TLS";
  const known = (["HTTP", "HTTPS", "TCP"] as const).find((each) => each === (given ?? kept.protocol));
  if (known !== undefined && (known !== "TCP" || isNetwork)) return known;
  throw validation(
    `Health check protocol '${given}' must be one of '[${isNetwork ? "HTTP, HTTPS, TCP" : "HTTP, HTTPS"}]'`,
  );
}

/** Codes and ranges of codes from 200 to 499, separated by commas. Source: API_Matcher. */
function isMatcher(text: string): boolean {
  return text.split(",").every((part) => {
    const [first = "", last = first, ...rest] = part.split("-");
    return rest.length === 0 && [first, last].every((code) => /^[2-4]\d\d$/.test(code)) && first <= last;
  });
}

/** Codes and ranges of codes from 0 to 99, separated by commas. Source: API_Matcher. */
function isGrpcMatcher(text: string): boolean {
  return text.split(",").every((part) => {
    const [first = "", last = first, ...rest] = part.split("-");
    return rest.length === 0 && [first, last].every((code) => /^\d{1,2}$/.test(code)) && +first <= +last;
  });
}
