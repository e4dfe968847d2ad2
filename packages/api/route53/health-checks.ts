import type * as sdk from "@aws-sdk/client-route-53";
import type { HealthCheckRecord, HealthCheckResult, Reader } from "@gantry/state";
import { checkedAlarmArn, healthCheckArn, isHealthy } from "@gantry/state/transactions/health-checks";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { presentHealthCheckConfig, toHealthCheckConfig } from "./health-check-config.ts";
import { findHealthCheck, invalidInput } from "./lookups.ts";

/** Source: Amazon Route 53 Developer Guide, "Quotas". */
export const HEALTH_CHECKS_MAX = 200;
const PAGE = 100;

/** Health checks: what is wanted. The health check controller connects to endpoints and records the results. */
export function healthCheckOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateHealthCheck: (input, context) => createHealthCheck(deps, input, context),
    GetHealthCheck: (input, context) => ({
      HealthCheck: presentHealthCheck(store, findHealthCheck(store, context, input.HealthCheckId)),
    }),
    UpdateHealthCheck: (input, context) => updateHealthCheck(deps, input, context),
    DeleteHealthCheck(input, context) {
      store.transact((tx) => {
        const { arn } = findHealthCheck(tx, context, input.HealthCheckId);
        for (const kind of ["healthCheck", "healthCheckStatus", "healthCheckObservation"] as const)
          if (tx.get(kind, arn) !== undefined) tx.delete(kind, arn);
      });
      return {};
    },
    ListHealthChecks: (input, context) => listHealthChecks(deps, input, context),
    GetHealthCheckCount: (_input, { account }) => ({
      HealthCheckCount: store.countBy("healthCheck", "account", account),
    }),
    GetHealthCheckStatus(input, context) {
      const check = findHealthCheck(store, context, input.HealthCheckId);
      const last = store.get("healthCheckObservation", check.arn)?.last;
      return { HealthCheckObservations: observationsOf(store, check, last) };
    },
    GetHealthCheckLastFailureReason(input, context) {
      const check = findHealthCheck(store, context, input.HealthCheckId);
      const failure = store.get("healthCheckObservation", check.arn)?.lastFailure;
      return { HealthCheckObservations: failure === undefined ? [] : [presentResult(failure)] };
    },
  } satisfies Implementation<typeof sdk>;
}

function createHealthCheck(
  { store, ids, clock }: ApiDeps,
  input: sdk.CreateHealthCheckRequest,
  { account }: RequestContext,
): sdk.CreateHealthCheckResponse {
  const { CallerReference: callerReference = "" } = input;
  return store.transact((tx) => {
    const all = tx.listBy("healthCheck", "account", account);
    const config = toHealthCheckConfig(tx, { account }, input.HealthCheckConfig ?? {});
    const known = all.find((check) => check.callerReference === callerReference);
    if (known !== undefined) {
      if (JSON.stringify(known.config) !== JSON.stringify(config))
        throw new ApiError(
          "HealthCheckAlreadyExists",
          `A health check has already been created with the specified caller reference: ${callerReference}`,
          { status: 409 },
        );
      return { HealthCheck: presentHealthCheck(tx, known), Location: locationOf(known) };
    }
    if (all.length >= HEALTH_CHECKS_MAX)
      throw new ApiError(
        "TooManyHealthChecks",
        `The account has ${HEALTH_CHECKS_MAX} health checks, the most it can have.`,
        { status: 400 },
      );
    const id = ids.uuid();
    const arn = healthCheckArn(id);
    const now = clock.now();
    const check = { account, arn, id, callerReference, version: 1, config, tags: {}, createdAt: now };
    tx.put("healthCheck", arn, check);
    return { HealthCheck: presentHealthCheck(tx, check), Location: locationOf(check) };
  });
}

function locationOf({ id }: HealthCheckRecord): string {
  return `https://route53.amazonaws.com/2013-04-01/healthcheck/${id}`;
}

/** Members that are not given stay as they are; ResetElements goes back to the defaults. */
function updateHealthCheck(
  { store }: ApiDeps,
  input: sdk.UpdateHealthCheckRequest,
  context: RequestContext,
): sdk.UpdateHealthCheckResponse {
  const { HealthCheckId, HealthCheckVersion, ResetElements = [], ...changes } = input;
  return store.transact((tx) => {
    const before = findHealthCheck(tx, context, HealthCheckId);
    if (HealthCheckVersion !== undefined && HealthCheckVersion !== before.version)
      throw new ApiError(
        "HealthCheckVersionMismatch",
        `The value of HealthCheckVersion doesn't match the version of the health check, which is ${before.version}.`,
        { status: 409 },
      );
    const kept = Object.entries(presentHealthCheckConfig(before.config)).filter(
      ([name]) => !ResetElements.some((element) => element === name),
    );
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    // The members of the configuration that were shown, with those of the request.
    const merged = Object.fromEntries([...kept, ...given]) as Partial<sdk.HealthCheckConfig>;
    const check: HealthCheckRecord = {
      ...before,
      version: before.version + 1,
      config: toHealthCheckConfig(tx, before, merged),
    };
    tx.put("healthCheck", check.arn, check);
    return { HealthCheck: presentHealthCheck(tx, check) };
  });
}

function listHealthChecks(
  { store }: ApiDeps,
  { Marker, MaxItems: size = PAGE }: sdk.ListHealthChecksRequest,
  { account }: RequestContext,
): sdk.ListHealthChecksResponse {
  const all = store.listBy("healthCheck", "account", account).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const start = Marker === undefined ? 0 : all.findIndex(({ id }) => id === Marker);
  if (start < 0) throw invalidInput(`The marker ${Marker ?? ""} is not the id of a health check.`);
  const next = all[start + size];
  return {
    HealthChecks: all.slice(start, start + size).map((check) => presentHealthCheck(store, check)),
    Marker: Marker ?? "",
    IsTruncated: next !== undefined,
    MaxItems: size,
    ...(next === undefined ? {} : { NextMarker: next.id }),
  };
}

/** A check that connects shows its last result, the others what they follow from. */
function observationsOf(
  reader: Reader,
  { id, config }: HealthCheckRecord,
  last: HealthCheckResult | undefined,
): sdk.HealthCheckObservation[] {
  if (config.type !== "CALCULATED" && config.type !== "CLOUDWATCH_METRIC")
    return last === undefined ? [] : [presentResult(last)];
  const Status = isHealthy(reader, id) ? "Success: the health check is healthy" : "Failure: it is unhealthy";
  return [{ StatusReport: { Status } }];
}

function presentResult({ report, address, checkedAt }: HealthCheckResult): sdk.HealthCheckObservation {
  return {
    ...(address === undefined ? {} : { IPAddress: address }),
    StatusReport: { Status: report, CheckedTime: new Date(checkedAt) },
  };
}

function presentHealthCheck(reader: Reader, check: HealthCheckRecord): sdk.HealthCheck {
  const { id, callerReference, config, version } = check;
  return {
    Id: id,
    CallerReference: callerReference,
    HealthCheckConfig: presentHealthCheckConfig(config),
    HealthCheckVersion: version,
    ...(config.type === "CLOUDWATCH_METRIC"
      ? { CloudWatchAlarmConfiguration: presentAlarm(reader, checkedAlarmArn(check.account, config.alarm)) }
      : {}),
  };
}

function presentAlarm(reader: Reader, arn: string): sdk.CloudWatchAlarmConfiguration | undefined {
  const spec = reader.get("alarm", arn)?.spec;
  if (spec?.type !== "metric" || spec.source.type !== "metric") return undefined;
  const { stat } = spec.source;
  return {
    EvaluationPeriods: spec.evaluationPeriods,
    Threshold: spec.threshold,
    ComparisonOperator: spec.comparison,
    Period: stat.period,
    MetricName: stat.metricName,
    Namespace: stat.namespace,
    Statistic: stat.statistic as sdk.Statistic, // Percentiles are shown too.
    Dimensions: Object.entries(stat.dimensions).map(([Name, Value]) => ({ Name, Value })),
  };
}
