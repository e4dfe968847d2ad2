import { createHash } from "node:crypto";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import { databaseSize } from "@gantry/state/database-parameters/parameter-values";
import { renderParameters } from "@gantry/state/database-parameters/render-parameters";
import { PLATFORM_ALONE, renderPostgres } from "@gantry/state/database-parameters/render-postgres";
import { databaseLoginKey } from "@gantry/state/transactions/database-login-key";
import { isStandby, standbyOf, standbyToken } from "@gantry/state/transactions/standbys";
import { followedServer, mariadbReplication, postgresReplication } from "./database-replication.ts";
import type { AssignmentDeps } from "./pod-assignment.ts";
import { scramVerifier } from "./scram-verifier.ts";

/** What the containers of database servers differ in. */
export interface DatabaseServer {
  readonly image: string;
  /** Where the container has the data. */
  readonly dataFolder: string;
  /** The files that the container reads, by their names: the server's are read again when they change. */
  readonly files: Readonly<Record<string, string>>;
  /** What the server checks passwords with: with another one it starts anew. */
  readonly passwordHash: string;
  /** Options that it starts anew with when they change. */
  readonly startOptions: string;
}

/** The server of an instance; undefined while something is missing that it needs to start. */
export function databaseServer(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): DatabaseServer | undefined {
  return database.engine === "postgres"
    ? postgresServer(reader, deps, database)
    : mariadbServer(reader, deps, database);
}

/** A server that began before servers of its engine had certificates runs on without one. */
function mariadbServer(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): DatabaseServer | undefined {
  const { engine, engineVersion, parameters, certificate } = database;
  if (certificate === undefined && database.status === "creating" && !database.deleting) return undefined;
  const family = `${engine}${engineVersion.split(".").slice(0, 2).join(".")}`;
  const passwordHash = nativePasswordHash(deps.vault.open(database.sealedPassword));
  const files = renderParameters(family, parameters?.values ?? {}, databaseSize(database));
  const replication = mariadbReplication(reader, deps, database);
  return {
    image: deps.databaseImage,
    dataFolder: "/var/lib/mysql",
    files: {
      ...{ "password-hash": passwordHash, ...files, ...replication.files },
      ...(certificate === undefined ? {} : certificateFiles(deps, certificate)),
    },
    passwordHash,
    startOptions: replication.options,
  };
}

function postgresServer(
  reader: Reader,
  deps: AssignmentDeps,
  database: DatabaseInstanceRecord,
): DatabaseServer | undefined {
  const { certificate, parameters } = database;
  if (certificate === undefined && !database.deleting) return undefined;
  const passwordHash = verifierOf(deps, database);
  const { settings, access } = renderPostgres(
    parameters?.values ?? {},
    databaseSize(database),
    database.iamAuthentication,
  );
  const replication = postgresReplication(reader, deps, database);
  return {
    image: deps.postgresImage,
    dataFolder: "/var/lib/postgresql/data",
    files: {
      // Nobody connects to a standby.
      access: isStandby(database) ? PLATFORM_ALONE : `${replication.access}${access}`,
      ...{ "password-verifier": passwordHash, settings },
      ...replication.files,
      ...loginFiles(deps, database),
      ...(certificate === undefined
        ? { certificate: "", "certificate-key": "" }
        : certificateFiles(deps, certificate)),
    },
    passwordHash,
    startOptions: isStandby(database)
      ? ` standby ${standbyToken(standbyOf(reader, database))}`
      : followedServer(reader, database),
  };
}

/** What a server asks the platform with whether a user may log in with a token. */
function loginFiles(
  { secretId }: AssignmentDeps,
  { iamAuthentication, region, resourceId }: DatabaseInstanceRecord,
): { readonly "login-key": string; readonly "login-address": string } {
  if (iamAuthentication !== true) return { "login-key": "", "login-address": "" };
  return {
    "login-key": databaseLoginKey(secretId, resourceId),
    "login-address": `rds.${region}.amazonaws.com /gantry/database-login/${resourceId}\n`,
  };
}

function certificateFiles(
  { vault }: AssignmentDeps,
  { certificatePem, chainPem, sealedKey }: NonNullable<DatabaseInstanceRecord["certificate"]>,
): { readonly certificate: string; readonly "certificate-key": string } {
  const pem = [certificatePem, chainPem].map((each) => `${each.trim()}\n`);
  return { certificate: pem.join(""), "certificate-key": vault.open(sealedKey) };
}

/** Verifiers that were computed: one takes milliseconds, and assignments are made again with every change. */
const verifiers = new WeakMap<DatabaseInstanceRecord, string>();

/** The salt is derived from the database, so that the same password gives the same verifier. */
function verifierOf({ vault, secretId }: AssignmentDeps, database: DatabaseInstanceRecord): string {
  const known = verifiers.get(database);
  if (known !== undefined) return known;
  const salt = createHash("sha256")
    .update(secretId(`database-salt/${database.resourceId}`))
    .digest();
  const verifier = scramVerifier(vault.open(database.sealedPassword), salt.subarray(0, 16));
  verifiers.set(database, verifier);
  return verifier;
}

/**
 * The hash that the server stores for a password; the password itself is not sent to a node.
 * Source: MariaDB Knowledge Base, "Authentication Plugin - mysql_native_password".
 */
function nativePasswordHash(password: string): string {
  const once = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
}
