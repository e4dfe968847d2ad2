import type { Tags } from "./common.ts";

/** A health check of Route 53, which has no region. The key is the ARN. */
export interface HealthCheckRecord {
  readonly account: string;
  readonly arn: string;
  readonly id: string;
  readonly callerReference: string;
  /** Grows with each UpdateHealthCheck. */
  readonly version: number;
  readonly config: HealthCheckConfig;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

interface Common {
  /** The result is turned around. */
  readonly inverted: boolean;
  /** A disabled check is healthy, before the result is turned around. */
  readonly disabled: boolean;
}

export type HealthCheckConfig = EndpointCheck | CalculatedCheck | AlarmCheck;

/** A check that connects to an endpoint. */
export interface EndpointCheck extends Common {
  readonly type: "HTTP" | "HTTPS" | "HTTP_STR_MATCH" | "HTTPS_STR_MATCH" | "TCP";
  /** The address that is connected to; undefined where the name is looked up. */
  readonly ipAddress: string | undefined;
  readonly hostName: string | undefined;
  readonly port: number;
  readonly path: string | undefined;
  readonly searchString: string | undefined;
  readonly intervalSeconds: number;
  /** Consecutive results that change the status. */
  readonly failureThreshold: number;
  readonly measuresLatency: boolean;
  readonly usesSni: boolean;
  readonly regions: readonly string[];
}

/** A check that counts the healthy ones of others. */
export interface CalculatedCheck extends Common {
  readonly type: "CALCULATED";
  /** Ids. */
  readonly children: readonly string[];
  readonly healthThreshold: number;
}

/** A check that has the state of an alarm of its account. */
export interface AlarmCheck extends Common {
  readonly type: "CLOUDWATCH_METRIC";
  readonly alarm: { readonly name: string; readonly region: string };
  readonly insufficientData: "Healthy" | "Unhealthy" | "LastKnownStatus";
}

/** Whether a health check is healthy. A check without this record is new, and counts as healthy. The key is the ARN. */
export interface HealthCheckStatusRecord {
  readonly account: string;
  readonly arn: string;
  readonly isHealthy: boolean;
}

/** The last results of an endpoint's checks. The key is the ARN. */
export interface HealthCheckObservationRecord {
  readonly account: string;
  readonly arn: string;
  /** The version of the health check that the results are of. */
  readonly version: number;
  readonly last: HealthCheckResult;
  readonly lastFailure: HealthCheckResult | undefined;
  /** How many results in a row, the last one included, passed or failed as the last one. */
  readonly inARow: number;
  /** Whether the endpoint counts as healthy, before the result is turned around. */
  readonly isHealthy: boolean;
}

export interface HealthCheckResult {
  readonly passed: boolean;
  /** The sentence that GetHealthCheckStatus shows. */
  readonly report: string;
  readonly address: string | undefined;
  /** Ms since the epoch. */
  readonly checkedAt: number;
}
