import type {
  AlarmCheck,
  CalculatedCheck,
  EndpointCheck,
  HealthCheckObservationRecord,
  HealthCheckRecord,
  HealthCheckResult,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

export function healthCheckArn(id: string): string {
  return `arn:aws:route53:::healthcheck/${id}`;
}

/**
 * Whether a health check counts as healthy: one that is new or gone does. Source: Amazon Route 53 Developer Guide, "How
 * Amazon Route 53 determines whether a health check is healthy".
 */
export function isHealthy(reader: Reader, id: string | undefined): boolean {
  return id === undefined || reader.get("healthCheckStatus", healthCheckArn(id))?.isHealthy !== false;
}

/** Records whether a check is healthy, before the result is turned around. It writes only what changes. */
export function recordHealth(tx: Transaction, check: HealthCheckRecord, result: boolean): void {
  const { account, arn, config } = check;
  const healthy = (config.disabled || result) !== config.inverted;
  if (tx.get("healthCheckStatus", arn)?.isHealthy !== healthy)
    tx.put("healthCheckStatus", arn, { account, arn, isHealthy: healthy });
}

/** Records a result of an endpoint's check, unless the check has changed or is gone meanwhile. */
export function recordResult(
  tx: Transaction,
  check: HealthCheckRecord & { readonly config: EndpointCheck },
  result: HealthCheckResult,
): void {
  if (tx.get("healthCheck", check.arn)?.version !== check.version) return;
  const next = nextObservation(check, tx.get("healthCheckObservation", check.arn), result);
  tx.put("healthCheckObservation", check.arn, next);
  recordHealth(tx, check, next.isHealthy);
}

/**
 * The status changes after as many equal results in a row as the check's threshold. A new endpoint counts as healthy.
 * Source: Amazon Route 53 API Reference, HealthCheckConfig, FailureThreshold.
 */
export function nextObservation(
  { account, arn, version, config }: HealthCheckRecord & { readonly config: EndpointCheck },
  before: HealthCheckObservationRecord | undefined,
  result: HealthCheckResult,
): HealthCheckObservationRecord {
  const { isHealthy: wasHealthy = true } = before ?? {};
  const isSame = before?.version === version && before.last.passed === result.passed;
  const inARow = isSame ? Math.min(before.inARow + 1, config.failureThreshold) : 1;
  return {
    ...{ account, arn, version, last: result, inARow },
    lastFailure: result.passed ? before?.lastFailure : result,
    isHealthy: inARow >= config.failureThreshold ? result.passed : wasHealthy,
  };
}

/** Whether enough of a check's children are healthy. A child that is gone is not. */
export function isCalculatedHealthy(
  reader: Reader,
  { account }: Pick<HealthCheckRecord, "account">,
  { children, healthThreshold }: CalculatedCheck,
): boolean {
  const healthy = children.filter(
    (id) => reader.get("healthCheck", healthCheckArn(id))?.account === account && isHealthy(reader, id),
  );
  return healthy.length >= healthThreshold;
}

/** Whether the alarm of a check says that it is healthy. An alarm that is gone has no data. */
export function isAlarmHealthy(
  reader: Reader,
  { arn, account, config: { inverted } }: HealthCheckRecord,
  { alarm, insufficientData }: AlarmCheck,
): boolean {
  const state = reader.get("alarm", checkedAlarmArn(account, alarm))?.stateValue;
  if (state === "OK" || state === "ALARM") return state === "OK";
  switch (insufficientData) {
    case "Healthy":
      return true;
    case "Unhealthy":
      return false;
    case "LastKnownStatus": {
      const known = reader.get("healthCheckStatus", arn)?.isHealthy;
      return known === undefined || known !== inverted;
    }
  }
}

/** The ARN of an alarm that a check of the account names. */
export function checkedAlarmArn(account: string, { name, region }: AlarmCheck["alarm"]): string {
  return `arn:aws:cloudwatch:${region}:${account}:alarm:${name}`;
}
