import type * as sdk from "@aws-sdk/client-rds";
import { ApiError } from "./api-error.ts";
import { licenseOf } from "./engines.ts";
import { RECORDED_SETTINGS } from "./members.ts";

/** The settings of a request that are recorded as they are given. */
export function settingsOf(
  input: sdk.CreateDBInstanceMessage | sdk.ModifyDBInstanceMessage | sdk.PromoteReadReplicaMessage,
): Readonly<Record<string, string | number | boolean>> {
  return Object.fromEntries(
    RECORDED_SETTINGS.flatMap((name) => {
      const value = (input as sdk.CreateDBInstanceMessage)[name]; // The others have fewer members.
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

const STORAGE_MIN_GIB: Readonly<Record<string, number>> = {
  gp2: 20,
  gp3: 20,
  io1: 100,
  io2: 100,
  standard: 5,
};
const STORAGE_MAX_GIB = 65_536;

/** Checks the settings that can be checked without other records. Source: API_CreateDBInstance. */
export function checkSettings(
  input: sdk.CreateDBInstanceMessage | sdk.ModifyDBInstanceMessage,
  engine: string,
): void {
  const refuse = (message: string): never => {
    throw new ApiError("InvalidParameterValue", message);
  };
  const {
    DBInstanceClass: size,
    StorageType: storage = "gp2",
    AllocatedStorage: allocated,
    LicenseModel: license,
    NetworkType: network,
  } = input;
  if (size !== undefined && !/^db\.[a-z0-9]+\.[a-z0-9]+$/.test(size))
    refuse(`Invalid DB Instance class: ${size}`);
  const least = STORAGE_MIN_GIB[storage] ?? refuse(`Invalid storage type: ${storage}`);
  if (allocated !== undefined && (allocated < least || allocated > STORAGE_MAX_GIB))
    refuse(`Invalid storage size for engine name ${engine} and storage type ${storage}: ${allocated}`);
  if (license !== undefined && license !== licenseOf(engine))
    refuse(`Invalid license model '${license}' for engine '${engine}'.`);
  if (network !== undefined && network !== "IPV4")
    refuse(`Gantry supports the network type IPV4, not ${network}.`);
  const {
    BackupRetentionPeriod: days,
    PreferredBackupWindow: backup,
    PreferredMaintenanceWindow: maintenance,
  } = input;
  if (days !== undefined && (days < 0 || days > 35))
    refuse(`Invalid backup retention period: ${days}. Must be between 0 and 35.`);
  if (backup !== undefined && !/^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/.test(backup))
    refuse(`The parameter PreferredBackupWindow must be of the form hh24:mi-hh24:mi: ${backup}`);
  if (maintenance !== undefined && !/^[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d$/i.test(maintenance))
    refuse(
      `The parameter PreferredMaintenanceWindow must be of the form ddd:hh24:mi-ddd:hh24:mi: ${maintenance}`,
    );
}
