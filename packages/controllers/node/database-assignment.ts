import { REVISION_LABEL, type ContainerAssignment, type PodAssignment } from "@gantry/agent-protocol";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { CONTINUED_LINE } from "@gantry/state/transactions/database-logs";
import { isStorageReadable } from "@gantry/state/transactions/managed-secrets";
import { isStandby, primaryIdOf, standbysOf } from "@gantry/state/transactions/standbys";
import { databaseServer, type DatabaseServer } from "./database-server.ts";
import { isSeedPending } from "./database-replication.ts";
import { isCopied } from "./database-snapshots.ts";
import { interfaceAssignment, type AssignmentDeps } from "./pod-assignment.ts";

const LOG_BUFFER_BYTES = 8 * 1024 * 1024;

/**
 * A database server as a pod: it is restarted whenever it ends, and its data are in a folder of its own. That of a
 * deleted instance stays until its standby is gone, which is known by it.
 */
export function databaseAssignment(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): PodAssignment | undefined {
  const eni = reader.get("networkInterface", database.networkInterfaceId);
  if (eni === undefined || (database.stopped && !isNeeded(reader, database))) return undefined;
  const server = databaseServer(reader, deps, database);
  if (server === undefined || isSeedPending(reader, database)) return undefined;
  const id = primaryIdOf(database);
  const path = `rds/${id}`;
  const { restoredFrom, status } = database;
  return {
    kind: "pod",
    key: `pod/${id}`,
    role: "database",
    desired: isToRun(database) && isStorageReadable(reader, database) ? "RUNNING" : "STOPPED",
    interface: interfaceAssignment(reader, eni),
    cpuUnits: undefined,
    memoryMiB: undefined,
    containers: [databaseContainer(deps, database, server)],
    volumes: [
      {
        ...{ type: "folder", id: "data", path },
        ...(restoredFrom === undefined || status !== "creating" ? {} : { source: `rds/${restoredFrom}` }),
      },
      { type: "secrets", id: "secrets", files: server.files },
    ],
    purge: database.deleting ? [path, ...(restoredFrom === undefined ? [] : [`${path}-new`])] : [],
    restart: true,
    metadata: undefined,
    credentials: [],
    trustBundle: false,
  };
}

function isNeeded(reader: Reader, database: DatabaseInstanceRecord): boolean {
  return !isStandby(database) && (isCopied(reader, database) || standbysOf(reader, database).length > 0);
}

function isToRun({ deleting, status }: DatabaseInstanceRecord): boolean {
  return !deleting && status !== "stopping" && status !== "stopped";
}

function databaseContainer(
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
  server: DatabaseServer,
): ContainerAssignment {
  return {
    name: "database",
    image: server.image,
    registryAuth: undefined,
    essential: true,
    command: undefined,
    entryPoint: undefined,
    workingDirectory: undefined,
    user: undefined,
    environment: [
      `MASTER_USER=${database.masterUsername}`,
      // A replica has the databases of its source.
      `DATABASE_NAME=${database.replicaOf === undefined ? (database.databaseName ?? "") : ""}`,
      `PORT=${database.port}`,
    ],
    cpuShares: 1024,
    memoryMiB: undefined,
    memoryReservationMiB: undefined,
    mounts: [
      { volume: "data", containerPath: server.dataFolder, readOnly: false },
      { volume: "secrets", containerPath: "/run/secrets", readOnly: true },
    ],
    privileged: false,
    pidHost: false,
    dependsOn: [],
    healthCheck: {
      // The server answers once it has run its initial statements. Changed settings are applied first.
      command: ["CMD", "/usr/bin/busybox", "sh", "/usr/local/bin/gantry-database-check"],
      intervalSeconds: 1,
      timeoutSeconds: 5,
      retries: 10,
      startPeriodSeconds: 30,
    },
    startTimeoutSeconds: undefined,
    stopTimeoutSeconds: 60,
    readonlyRootFilesystem: false,
    interactive: false,
    pseudoTerminal: false,
    init: false,
    capabilitiesAdd: [],
    capabilitiesDrop: [],
    ulimits: [],
    sysctls: {},
    labels: {
      [REVISION_LABEL]: deps.secretId(
        `database/${server.passwordHash}/${database.restarts ?? 0}${server.startOptions}`,
      ),
    },
    logs: logsOf(database),
    arn: database.arn,
  };
}

/** Where the lines of a server go. Those of a standby are not those of the instance: no instance has its name. */
function logsOf(database: DatabaseInstanceRecord): ContainerAssignment["logs"] {
  return {
    databaseId: isStandby(database) ? primaryIdOf(database) : database.resourceId,
    ...{ region: database.region, group: "", stream: "" },
    ...{ multilinePattern: CONTINUED_LINE, nonBlocking: false, bufferMaxBytes: LOG_BUFFER_BYTES },
  };
}
