import type * as sdk from "@aws-sdk/client-route-53";
import { isPublicAddress } from "@gantry/kernel/public-address";
import type {
  AlarmCheck,
  CalculatedCheck,
  EndpointCheck,
  HealthCheckConfig,
  HealthCheckRecord,
  Reader,
} from "@gantry/state";
import { checkedAlarmArn, healthCheckArn } from "@gantry/state/transactions/health-checks";
import { invalidInput } from "./lookups.ts";

/** Source: Amazon Route 53 API Reference, HealthCheckConfig. */
const TEXT_MAX = 255;
const CHILDREN_MAX = 255;
const REGIONS_MIN = 3;
/** Checks that count checks that count checks. */
const DEPTH_MAX = 8;

type Given = Partial<sdk.HealthCheckConfig>;

/** What a health check is about: whose it is, and its id where it is there already. */
interface Owner {
  readonly account: string;
  readonly id?: string;
}

/** A configuration with everything decided. Errors: InvalidInput. */
export function toHealthCheckConfig(reader: Reader, owner: Owner, given: Given): HealthCheckConfig {
  const common = { inverted: given.Inverted === true, disabled: given.Disabled === true };
  const { Type: type } = given;
  switch (type) {
    case "HTTP":
    case "HTTPS":
    case "HTTP_STR_MATCH":
    case "HTTPS_STR_MATCH":
    case "TCP":
      only(given, ENDPOINT_MEMBERS);
      return { ...common, ...toEndpoint(type, given) };
    case "CALCULATED":
      only(given, ["ChildHealthChecks", "HealthThreshold"]);
      return { ...common, ...toCalculated(reader, owner, given) };
    case "CLOUDWATCH_METRIC":
      only(given, ["AlarmIdentifier", "InsufficientDataHealthStatus"]);
      return { ...common, ...toAlarmCheck(reader, owner, given) };
    case "RECOVERY_CONTROL":
    case undefined:
      throw invalidInput(`Gantry does not support health checks of the type ${type ?? ""}.`);
  }
}

const ENDPOINT_MEMBERS: readonly (keyof Given)[] = [
  ...(["IPAddress", "Port", "ResourcePath", "FullyQualifiedDomainName", "SearchString"] as const),
  ...(["RequestInterval", "FailureThreshold", "MeasureLatency", "EnableSNI", "Regions"] as const),
];

/** Errors: InvalidInput for members that a check of the type does not have. */
function only(given: Given, members: readonly (keyof Given)[]): void {
  const isThere = ([name, value]: readonly [string, unknown]): boolean =>
    value !== undefined &&
    value !== false &&
    !(Array.isArray(value) && value.length === 0) &&
    !["Type", "Inverted", "Disabled", ...members].includes(name);
  const [other] = Object.entries(given).filter(isThere);
  if (other !== undefined)
    throw invalidInput(`A health check of the type ${given.Type ?? ""} has no ${other[0]}.`);
}

function toEndpoint(type: EndpointCheck["type"], given: Given): Omit<EndpointCheck, "inverted" | "disabled"> {
  const { IPAddress: ipAddress, FullyQualifiedDomainName: hostName, ResourcePath: path } = given;
  const isTls = type === "HTTPS" || type === "HTTPS_STR_MATCH";
  const matches = type === "HTTP_STR_MATCH" || type === "HTTPS_STR_MATCH";
  if (ipAddress === undefined && hostName === undefined)
    throw invalidInput("A health check needs an IPAddress or a FullyQualifiedDomainName.");
  if (ipAddress !== undefined && !isPublicAddress(ipAddress))
    throw invalidInput(
      `The IP address ${ipAddress} is not one that a health checker can reach: it is local, private, nonroutable or ` +
        "in a multicast range.",
    );
  if (hostName !== undefined && !isHostName(hostName))
    throw invalidInput(`The domain name '${hostName}' is not valid.`);
  if (type === "TCP" && (given.Port === undefined || path !== undefined))
    throw invalidInput("A health check of the type TCP has a Port and no ResourcePath.");
  if (matches !== (given.SearchString !== undefined))
    throw invalidInput(`A health check of the type ${type} has ${matches ? "a" : "no"} SearchString.`);
  if (path !== undefined && !/^[\x21-\x7e]{0,255}$/.test(path))
    throw invalidInput(
      `The ResourcePath has characters other than those of a URL, or more than ${TEXT_MAX}.`,
    );
  const regions = given.Regions ?? [];
  if (regions.length > 0 && new Set<string>(regions).size < REGIONS_MIN)
    throw invalidInput(`At least ${REGIONS_MIN} different Regions are needed.`);
  const interval = given.RequestInterval ?? 30;
  if (interval !== 10 && interval !== 30) throw invalidInput("The RequestInterval is 10 or 30 seconds.");
  return {
    ...{ type, ipAddress, hostName, path, regions, intervalSeconds: interval },
    port: within("Port", given.Port ?? (isTls ? 443 : 80), 1, 65_535),
    searchString: given.SearchString,
    failureThreshold: within("FailureThreshold", given.FailureThreshold ?? 3, 1, 10),
    measuresLatency: given.MeasureLatency === true,
    usesSni: given.EnableSNI ?? isTls,
  };
}

function isHostName(name: string): boolean {
  return name.length <= TEXT_MAX && /^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_.])?$/.test(name);
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidInput(`The ${name} ${value} is not from ${least} to ${most}.`);
}

function toCalculated(
  reader: Reader,
  { account, id }: Owner,
  given: Given,
): Omit<CalculatedCheck, "inverted" | "disabled"> {
  const children = [...new Set(given.ChildHealthChecks)];
  if (children.length > CHILDREN_MAX)
    throw invalidInput(`A calculated health check has at most ${CHILDREN_MAX} ChildHealthChecks.`);
  const childOf = (child: string): HealthCheckRecord | undefined => {
    const found = reader.get("healthCheck", healthCheckArn(child));
    return found?.account === account ? found : undefined;
  };
  const missing = children.find((child) => childOf(child) === undefined);
  if (missing !== undefined) throw invalidInput(`The child health check ${missing} does not exist.`);
  // Found breadth first: a check that counts itself would never come to rest.
  let level: readonly string[] = children;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= DEPTH_MAX || (id !== undefined && level.includes(id)))
      throw invalidInput(
        "A calculated health check cannot count itself, nor checks that are nested too deep.",
      );
    const next = level.flatMap((child) => {
      const config = childOf(child)?.config;
      return config?.type === "CALCULATED" ? config.children : [];
    });
    level = [...new Set(next)];
  }
  const healthThreshold = within("HealthThreshold", given.HealthThreshold ?? 0, 0, 256);
  return { type: "CALCULATED", children, healthThreshold };
}

function toAlarmCheck(
  reader: Reader,
  { account }: Owner,
  { AlarmIdentifier, InsufficientDataHealthStatus }: Given,
): Omit<AlarmCheck, "inverted" | "disabled"> {
  const { Name: name, Region: region } = AlarmIdentifier ?? {};
  if (name === undefined || region === undefined)
    throw invalidInput("A health check of the type CLOUDWATCH_METRIC has an AlarmIdentifier.");
  const alarm = { name, region };
  const spec = reader.get("alarm", checkedAlarmArn(account, alarm))?.spec;
  if (spec === undefined) throw invalidInput(`The alarm ${name} does not exist in ${region}.`);
  if (spec.type === "composite" || spec.source.type !== "metric")
    throw invalidInput(`The alarm ${name} is not one on a single metric.`);
  return {
    ...{ type: "CLOUDWATCH_METRIC", alarm },
    insufficientData: InsufficientDataHealthStatus ?? "LastKnownStatus",
  };
}

/** A configuration as the API shows it. */
export function presentHealthCheckConfig(config: HealthCheckConfig): sdk.HealthCheckConfig {
  const common = { Type: config.type, Inverted: config.inverted, Disabled: config.disabled };
  switch (config.type) {
    case "CALCULATED":
      return {
        ...common,
        ChildHealthChecks: [...config.children],
        HealthThreshold: config.healthThreshold,
      };
    case "CLOUDWATCH_METRIC":
      return {
        ...common,
        // A region that the SDK's type does not list is one here.
        AlarmIdentifier: {
          Name: config.alarm.name,
          Region: config.alarm.region as sdk.CloudWatchRegion,
        },
        InsufficientDataHealthStatus: config.insufficientData,
      };
    case "HTTP":
    case "HTTPS":
    case "HTTP_STR_MATCH":
    case "HTTPS_STR_MATCH":
    case "TCP":
      return {
        ...common,
        IPAddress: config.ipAddress,
        Port: config.port,
        ResourcePath: config.path,
        FullyQualifiedDomainName: config.hostName,
        SearchString: config.searchString,
        RequestInterval: config.intervalSeconds,
        FailureThreshold: config.failureThreshold,
        MeasureLatency: config.measuresLatency,
        EnableSNI: config.usesSni,
        ...(config.regions.length === 0 ? {} : { Regions: config.regions as sdk.HealthCheckRegion[] }), // As given.
      };
  }
}
