import { elapsedSince, type Reconciler } from "@gantry/kernel";
import type { EndpointCheck, HealthCheckRecord, Reader } from "@gantry/state";
import {
  checkedAlarmArn,
  isAlarmHealthy,
  isCalculatedHealthy,
  recordHealth,
  recordResult,
} from "@gantry/state/transactions/health-checks";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import type { ProbeResult } from "./probe-endpoint.ts";

/** Endpoints that are connected to at a time: of the instance, and of one account. */
const PROBES_MAX = 200;
const ACCOUNT_PROBES_MAX = 50;
const BUSY_RETRY_MS = 500;

export interface HealthCheckDeps extends ControllerDeps {
  /** Connects to an endpoint once; never rejects. */
  readonly probe: (check: EndpointCheck, id: string) => Promise<ProbeResult>;
}

type Checked = HealthCheckRecord & { readonly config: EndpointCheck };

/**
 * Finds out whether health checks are healthy: it connects to endpoints every 10 or 30 seconds, counts the healthy
 * children of calculated checks, and reads the states of alarms. The time of the last result is in its record, so that
 * a restart neither delays a check nor repeats it.
 */
export function healthCheckController(deps: HealthCheckDeps): Reconciler {
  const { store } = deps;
  const running = new Map<string, number>();
  return {
    name: "health-check",
    concurrencyMax: PROBES_MAX,
    keys: () => store.keys("healthCheck"),
    watch: watchKinds(store, {
      healthCheck: (key) => [key],
      healthCheckStatus: (key) => calculatedFrom(store, key),
      alarm: (key) => checksOfAlarm(store, key),
    }),
    async reconcile(key) {
      const check = store.get("healthCheck", key);
      if (check === undefined) return undefined;
      const { config } = check;
      if (config.disabled || config.type === "CALCULATED" || config.type === "CLOUDWATCH_METRIC") {
        store.transact((tx) => {
          const current = tx.get("healthCheck", key);
          if (current !== undefined) recordHealth(tx, current, derivedHealth(tx, current));
        });
        return undefined;
      }
      const { account } = check;
      const count = running.get(account) ?? 0;
      if (count >= ACCOUNT_PROBES_MAX) return BUSY_RETRY_MS;
      running.set(account, count + 1);
      try {
        return await checkEndpoint(deps, { ...check, config });
      } finally {
        running.set(account, (running.get(account) ?? 1) - 1);
      }
    },
  };
}

/** Whether a check that connects to nothing is healthy. */
function derivedHealth(reader: Reader, check: HealthCheckRecord): boolean {
  const { config } = check;
  if (config.type === "CALCULATED") return isCalculatedHealthy(reader, check, config);
  if (config.type === "CLOUDWATCH_METRIC") return isAlarmHealthy(reader, check, config);
  return true;
}

/** Connects to the endpoint if it is time. Returns the ms until the next time. */
async function checkEndpoint({ store, clock, probe }: HealthCheckDeps, check: Checked): Promise<number> {
  const intervalMs = check.config.intervalSeconds * 1_000;
  const known = store.get("healthCheckObservation", check.arn);
  const leftMs =
    known?.version === check.version ? intervalMs - elapsedSince(known.last.checkedAt, clock.now()) : 0;
  if (leftMs > 0) return leftMs;
  const checkedAt = clock.now();
  const result = await probe(check.config, check.id);
  store.transact((tx) => recordResult(tx, check, { ...result, checkedAt }));
  return Math.max(0, intervalMs - elapsedSince(checkedAt, clock.now()));
}

function calculatedFrom(reader: Reader, key: string): readonly string[] {
  const id = key.slice(key.indexOf("/") + 1);
  return reader
    .list("healthCheck")
    .flatMap(({ arn, config }) =>
      config.type === "CALCULATED" && config.children.includes(id) ? [arn] : [],
    );
}

function checksOfAlarm(reader: Reader, alarmArn: string): readonly string[] {
  return reader
    .list("healthCheck")
    .flatMap(({ arn, account, config }) =>
      config.type === "CLOUDWATCH_METRIC" && checkedAlarmArn(account, config.alarm) === alarmArn ? [arn] : [],
    );
}
