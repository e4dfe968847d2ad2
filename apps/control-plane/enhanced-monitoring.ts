import type { UsageSample } from "@gantry/agent-protocol";
import type { LogStore } from "@gantry/content";
import type { NodeGatewayDeps, Permissions } from "@gantry/controllers";
import { servicePrincipal } from "@gantry/controllers/service-principal";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import { hostOf, type DatabaseInstanceRecord, type Reader } from "@gantry/state";
import { databaseSize } from "@gantry/state/database-parameters/parameter-values";
import { primaryIdOf } from "@gantry/state/transactions/standbys";
import type { InnerCall } from "@gantry/wire";

const SERVICE = "monitoring.rds.amazonaws.com";
const GROUP = "RDSOSMetrics";
/** Source: Amazon RDS User Guide, "Viewing OS metrics using CloudWatch Logs": kept for 30 days. */
const RETENTION_DAYS = 30;
const KIB = 1024;
/** Digits of a time (ms), so that cursors sort as text. */
const CURSOR_DIGITS = 16;
const SAMPLE_MAX_MS = 60 * 60_000;

const ENGINES = { mysql: "MYSQL", mariadb: "MARIADB", postgres: "POSTGRES" } as const;

interface MonitoringDeps {
  readonly store: Reader;
  readonly logs: Pick<LogStore, "take">;
  readonly permissions: Permissions;
  /** Runs an operation of the API for a role, with the permissions that it needs. */
  readonly callApi: (call: InnerCall) => Promise<object>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts the metrics of databases with enhanced monitoring into the log group RDSOSMetrics, with the role that each of
 * them has. What the role may not put is lost. A node reports its own databases alone, and a sample that is sent twice
 * is there once.
 */
export function enhancedMonitoring(deps: MonitoringDeps): NodeGatewayDeps["takeMetrics"] {
  const { store, log } = deps;
  return async (nodeId, { usage }) => {
    const samples = usage.filter(({ pod }) => pod.startsWith("pod/db-"));
    if (samples.length === 0) return;
    const byPod = new Map(store.list("databaseInstance").map((each) => [`pod/${primaryIdOf(each)}`, each]));
    for (const sample of samples) {
      const database = byPod.get(sample.pod);
      if (database === undefined || hostOf(store, database) !== nodeId) continue;
      if (!isDue(database, sample, deps.clock.now())) continue;
      const problem = await put(deps, database, sample);
      if (problem !== undefined)
        log.warn("OS metrics of a database are not delivered", { database: database.arn, reason: problem });
    }
  };
}

/** A sample is put where it ends the interval of its database; samples are longer than the short intervals. */
function isDue({ monitoring }: DatabaseInstanceRecord, { from, until }: UsageSample, now: number): boolean {
  if (monitoring === undefined || !(until > from) || until - from > SAMPLE_MAX_MS) return false;
  if (Math.abs(now - until) > SAMPLE_MAX_MS) return false;
  const interval = monitoring.intervalSeconds * 1_000;
  return Math.floor(until / interval) > Math.floor(from / interval);
}

/** Writes a sample to the log group. Returns the reason if the role may not, or the log group cannot be made. */
async function put(
  { store, logs, permissions, callApi, clock }: MonitoringDeps,
  database: DatabaseInstanceRecord,
  sample: UsageSample,
): Promise<string | undefined> {
  const { account, region, arn, resourceId, monitoring } = database;
  const roleArn = monitoring?.roleArn ?? "";
  const principal = servicePrincipal(store, roleArn, {
    ...{ service: SERVICE, sourceArn: arn, account, session: resourceId, now: clock.now() },
  });
  if (principal === undefined) return `The role ${roleArn} cannot be assumed by ${SERVICE}.`;
  const group = `arn:aws:logs:${region}:${account}:log-group:${GROUP}`;
  try {
    if (store.get("logGroup", group) === undefined)
      for (const [operation, input] of Object.entries({
        CreateLogGroup: { logGroupName: GROUP },
        PutRetentionPolicy: { logGroupName: GROUP, retentionInDays: RETENTION_DAYS },
      }))
        await callApi({ service: "logs", operation, input, principal, region });
    const resource = `${group}:log-stream:${resourceId}`;
    for (const action of ["logs:CreateLogStream", "logs:PutLogEvents"]) {
      const denied = permissions.deniedBecause(principal, action, resource, () => ({}));
      if (denied !== undefined) return denied;
    }
    const message = JSON.stringify(presentSample(database, sample));
    const cursor = String(sample.until).padStart(CURSOR_DIGITS, "0");
    const lines = [{ timestamp: sample.until, message, cursor }];
    logs.take(`monitoring/${resourceId}`, { group, stream: resourceId }, lines, clock.now());
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/**
 * A sample in the format of enhanced monitoring, with the fields that are measured: percent of the virtual processors,
 * KB of memory and of the file system, bytes of the network and KB of devices each second.
 * Source: Amazon RDS User Guide, "OS metrics in Enhanced Monitoring".
 */
function presentSample(database: DatabaseInstanceRecord, sample: UsageSample): object {
  const { engine, identifier, resourceId, allocatedStorageGiB } = database;
  const { vcpus, memoryBytes } = databaseSize(database);
  const seconds = (sample.until - sample.from) / 1_000;
  const total = rounded(Math.min(100, (sample.cpuSeconds / seconds / vcpus) * 100));
  const rate = (bytes: number, unit = 1): number => rounded(bytes / unit / seconds);
  const kilobytes = (bytes: number): number => Math.max(0, Math.round(bytes / KIB));
  const storage = allocatedStorageGiB * 1024 ** 3;
  return {
    engine: ENGINES[engine],
    instanceID: identifier,
    instanceResourceID: resourceId,
    timestamp: `${new Date(sample.until).toISOString().slice(0, 19)}Z`,
    version: 1,
    numVCPUs: vcpus,
    cpuUtilization: { total, idle: rounded(100 - total) },
    memory: { total: kilobytes(memoryBytes), free: kilobytes(memoryBytes - sample.memoryBytes) },
    ...(sample.rxBytes === undefined
      ? {}
      : { network: [{ interface: "eth0", rx: rate(sample.rxBytes), tx: rate(sample.txBytes ?? 0) }] }),
    ...(sample.readBytes === undefined
      ? {}
      : {
          diskIO: [
            {
              device: "rdsdev",
              readKbPS: rate(sample.readBytes, KIB),
              writeKbPS: rate(sample.writeBytes ?? 0, KIB),
            },
          ],
        }),
    ...(sample.storedBytes === undefined
      ? {}
      : {
          fileSys: [
            {
              ...{ name: "rdsfilesys", mountPoint: "/rdsdbdata" },
              ...{ total: kilobytes(storage), used: kilobytes(sample.storedBytes) },
              usedPercent: rounded((sample.storedBytes / storage) * 100),
            },
          ],
        }),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
