import { writesOf, type WriterCheck } from "./field-writers.ts";

const TRANSACTIONS = "packages/state/transactions/";
const CONTROLLERS = "packages/controllers/";
const GATEWAY = "packages/controllers/node/"; // The reports of nodes are recorded here.
const MANAGED_SECRETS = `${TRANSACTIONS}managed-secrets.ts`;

/** The rows of ARCHITECTURE.md, "Who writes what", that are about databases. */
export const DATABASE_CHECKS: Readonly<Record<string, WriterCheck>> = {
  "databaseInstance.certificate": {
    pattern: /\.\.\.current, certificate \}/,
    writers: [`${CONTROLLERS}database/database-certificate-controller.ts`],
  },
  "databaseInstance.status": {
    pattern: writesOf("databaseInstance"),
    writers: [
      "packages/api/rds/",
      `${CONTROLLERS}database/database-certificate-controller.ts`, // Writes the certificate.
      `${CONTROLLERS}database/automated-backup-controller.ts`, // Writes the latest restorable time.
      GATEWAY,
      MANAGED_SECRETS,
      `${TRANSACTIONS}replicas.ts`, // Called by the API.
      `${TRANSACTIONS}standbys.ts`, // Called by the API and the standby controller.
    ],
  },
  "databaseInstance.sealedPassword": {
    pattern: /\bsealedPassword: (?:deps\.)?vault\.seal|\bmanagedSecretArn: (?:secret|undefined)/,
    writers: ["packages/api/rds/", MANAGED_SECRETS],
  },
  "databaseInstance.replicaOf": {
    pattern: /\breplicaOf: (?:request|\{ arn)|\breplicaOf: _,/,
    writers: [
      "packages/api/rds/",
      `${TRANSACTIONS}replicas.ts`,
      `${TRANSACTIONS}standbys.ts`, // Of the record as a standby runs it, which is not stored.
    ],
  },
  "databaseInstance.primaryId": {
    pattern: /\bprimaryId: standby|"databaseStandby", [\w.]+, |delete\("databaseStandby"/,
    writers: [
      `${TRANSACTIONS}standbys.ts`,
      `${CONTROLLERS}node/database-standbys.ts`,
      `${CONTROLLERS}node/record-pod.ts`,
    ],
  },
  "databaseInstance.conversion": {
    pattern: /\bconversion: (?:"|undefined)|\bfailingOver: (?:true|_)|\bunhealthySince: (?:database|_)/,
    writers: [
      "packages/api/rds/",
      `${TRANSACTIONS}replicas.ts`, // Called by the API.
      `${TRANSACTIONS}standbys.ts`,
      GATEWAY,
    ],
  },
  "databaseInstance.replicating": {
    pattern: /"databaseInstance", [\w.]+, \{ [^}]*\breplicating\b/,
    writers: [GATEWAY],
  },
  "databaseInstance.restorableAt": {
    pattern: /\brestorableAt: platform\b|\bputAutomatedSnapshot\(tx/,
    writers: [`${CONTROLLERS}database/automated-backup-controller.ts`],
  },
  "databaseSnapshot.completedAt": {
    pattern: /"databaseSnapshot", [\w.]+, \{ [^}]*\bcompletedAt: /,
    writers: [GATEWAY],
  },
  "databaseInstance.parameters": {
    pattern: /"databaseInstance", [\w.]+, \{ [^}]*\bparameters\b|\bparameters: parametersAtStart/,
    writers: ["packages/api/rds/"],
  },
};
