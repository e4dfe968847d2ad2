import { rmSync } from "node:fs";
import { join } from "node:path";
import { bindStoredPolicies } from "@gantry/api/iam/policy-principals";
import { BlobStore } from "@gantry/content/blob-store";
import { LogStore } from "@gantry/content/log-store";
import { MetricStore } from "@gantry/content/metrics/metric-store";
import { ObjectStore } from "@gantry/content/object-store";
import { QueueStore } from "@gantry/content/queue-store";
import {
  jsonLogger,
  messageOf,
  PlatformClock,
  randomIds,
  SystemClock,
  type Clock,
  type Ids,
  type Logger,
  type Vault,
} from "@gantry/kernel";
import { clockSegments, deleteExpiredMaterial, logCiphers, SqliteStore } from "@gantry/state";
import type { Authority } from "@gantry/tls";
import { ensureAuthority, reissueCertificates } from "./certificates.ts";
import { COPY_FOLDER } from "./copy-state.ts";
import { finishVaultRotation, openKeyRing, vaultOf, type KeyRing } from "./key-ring.ts";
import { identityOf, type ProcessIdentity } from "./process-identity.ts";
import { ensureRootCredentials } from "./root-credentials.ts";
import { ensureInstance, type InstanceSettings } from "./settings.ts";
import { stateFolder } from "./state-folder.ts";

/** An instance of the platform: its settings, clocks, keys and stores, opened from its state folder. */
export interface Instance {
  readonly folder: string;
  readonly settings: InstanceSettings;
  readonly identity: ProcessIdentity;
  /** Real time: for logs, certificates, credentials, signatures, data at rest and all connections. */
  readonly machineClock: Clock;
  /** The platform's time: for all waiting, and the timestamps of resources that wait. */
  readonly clock: PlatformClock;
  /** When the stores were opened, by the machine's clock. */
  readonly openedAt: number;
  readonly ids: Ids;
  readonly log: Logger;
  readonly keys: KeyRing;
  readonly vault: Vault;
  readonly authority: Authority;
  readonly store: SqliteStore;
  readonly logs: LogStore;
  readonly metrics: MetricStore;
  readonly queues: QueueStore;
  readonly blobs: BlobStore;
  readonly objects: ObjectStore;
}

/**
 * Opens the instance of a state folder, and creates what its first start needs. Ends the process where the
 * state cannot be opened.
 */
export async function openInstance(path: string | undefined): Promise<Instance> {
  const folder = stateFolder(path);
  const settings = ensureInstance(folder, undefined);
  const machineClock = new SystemClock();
  const ids = randomIds();
  const log = standardOutputLog(machineClock);
  rmSync(join(folder, COPY_FOLDER), { recursive: true, force: true });
  const store = openState(folder, log);
  finishVaultRotation(folder, store);
  const keys = openKeyRing(folder);
  const vault = vaultOf(keys);
  const objects = new ObjectStore(join(folder, "objects"), keys.objects, () => store.settled());
  await objects.clean();
  const openedAt = machineClock.now();
  // Before the first request: the controller that deletes it is loaded afterwards.
  deleteExpiredMaterial(store, openedAt);
  bindStoredPolicies(store);
  ensureRootCredentials({ store, vault, ids, clock: machineClock, folder, account: settings.account });
  const authority = await ensureAuthority(folder, machineClock);
  const reissued = await reissueCertificates({ store, vault, authority, clock: machineClock });
  if (reissued > 0) log.info("Certificates were issued by the new authority", { count: reissued });
  return {
    folder,
    settings,
    identity: identityOf(process.pid) ?? { pid: process.pid, startedAt: "" },
    machineClock,
    clock: new PlatformClock(machineClock, clockSegments(store)),
    openedAt,
    ids,
    log,
    keys,
    vault,
    authority,
    store,
    logs: new LogStore(join(folder, "logs.db"), logCiphers(store, vault)),
    metrics: new MetricStore(join(folder, "metrics.db"), (reason) =>
      log.warn("Metrics could not be written", { reason }),
    ),
    queues: new QueueStore(join(folder, "queues.db")),
    blobs: new BlobStore(join(folder, "registry"), () => store.settled()),
    objects,
  };
}

function standardOutputLog(clock: Clock): Logger {
  // Where the disk is full, only the log line is lost.
  process.stdout.on("error", () => {});
  return jsonLogger({
    clock,
    write: (line) => process.stdout.write(line),
    level: process.env["GANTRY_LOG_LEVEL"] === "debug" ? "debug" : "info",
  });
}

/** A state that is damaged, or of a newer version, is reported in one sentence and left unchanged. */
function openState(folder: string, log: Logger): SqliteStore {
  try {
    return new SqliteStore(join(folder, "state.db"));
  } catch (thrown) {
    log.error("The state cannot be opened", { reason: messageOf(thrown) });
    process.exit(1);
  }
}
