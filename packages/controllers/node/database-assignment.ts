import { createHash } from "node:crypto";
import { REVISION_LABEL, type ContainerAssignment, type PodAssignment } from "@gantry/agent-protocol";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { databaseSize } from "@gantry/state/database-parameters/parameter-values";
import { renderParameters } from "@gantry/state/database-parameters/render-parameters";
import { isStorageReadable } from "@gantry/state/transactions/managed-secrets";
import { isCopied } from "./database-snapshots.ts";
import { interfaceAssignment, type AssignmentDeps } from "./pod-assignment.ts";

/** A database server as a pod: it is restarted whenever it ends, and its data are in a folder of its own. */
export function databaseAssignment(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): PodAssignment | undefined {
  const eni = reader.get("networkInterface", database.networkInterfaceId);
  if (eni === undefined || (database.stopped && !isCopied(reader, database))) return undefined;
  const path = `rds/${database.resourceId}`;
  const { restoredFrom, status } = database;
  const passwordHash = nativePasswordHash(deps.vault.open(database.sealedPassword));
  return {
    kind: "pod",
    key: `pod/${database.resourceId}`,
    role: "database",
    desired: isToRun(database) && isStorageReadable(reader, database) ? "RUNNING" : "STOPPED",
    interface: interfaceAssignment(reader, eni),
    cpuUnits: undefined,
    memoryMiB: undefined,
    containers: [databaseContainer(deps, database, passwordHash)],
    volumes: [
      {
        ...{ type: "folder", id: "data", path },
        ...(restoredFrom === undefined || status !== "creating" ? {} : { source: `rds/${restoredFrom}` }),
      },
      {
        type: "secrets",
        id: "secrets",
        files: { "password-hash": passwordHash, ...parameterFiles(database) },
      },
    ],
    purge: database.deleting ? [path, ...(restoredFrom === undefined ? [] : [`${path}-new`])] : [],
    restart: true,
    metadata: undefined,
    credentials: [],
    trustBundle: false,
  };
}

function isToRun({ deleting, status }: DatabaseInstanceRecord): boolean {
  return !deleting && status !== "stopping" && status !== "stopped";
}

/** The server's options, read when it starts, and its settings, which are also applied while it runs. */
function parameterFiles(database: DatabaseInstanceRecord): { options: string; settings: string } {
  const { engine, engineVersion, parameters } = database;
  const family = `${engine}${engineVersion.split(".").slice(0, 2).join(".")}`;
  return renderParameters(family, parameters?.values ?? {}, databaseSize(database));
}

function databaseContainer(
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
  passwordHash: string,
): ContainerAssignment {
  return {
    name: "database",
    image: deps.databaseImage,
    registryAuth: undefined,
    essential: true,
    command: undefined,
    entryPoint: undefined,
    workingDirectory: undefined,
    user: undefined,
    environment: [
      `MASTER_USER=${database.masterUsername}`,
      `DATABASE_NAME=${database.databaseName ?? ""}`,
      `PORT=${database.port}`,
    ],
    cpuShares: 1024,
    memoryMiB: undefined,
    memoryReservationMiB: undefined,
    mounts: [
      { volume: "data", containerPath: "/var/lib/mysql", readOnly: false },
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
    labels: { [REVISION_LABEL]: deps.secretId(`database/${passwordHash}/${database.restarts ?? 0}`) },
    logs: undefined,
    arn: database.arn,
  };
}

/**
 * The hash that the server stores for a password; the password itself is not sent to a node.
 * Source: MariaDB Knowledge Base, "Authentication Plugin - mysql_native_password".
 */
function nativePasswordHash(password: string): string {
  const once = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
}
