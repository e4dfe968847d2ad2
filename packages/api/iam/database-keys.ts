import type { DatabaseInstanceRecord } from "@gantry/state";
import { flag, text, type Read } from "./key-readers.ts";

/** Condition keys of RDS. Source: Service Authorization Reference, Amazon RDS. */
export const DATABASE_KEYS: Readonly<Record<string, Read>> = {
  "rds:ManageMasterUserPassword": flag("ManageMasterUserPassword"),
  "rds:PubliclyAccessible": flag("PubliclyAccessible"),
  "rds:DatabaseClass": ofDatabase("DBInstanceClass", (record) => record?.instanceClass),
  "rds:DatabaseEngine": ofDatabase("Engine", (record) => record?.engine),
  "rds:DatabaseName": ofDatabase("DBName", (record) => record?.databaseName),
  "rds:MultiAz": ofDatabase("MultiAZ", (record) => record?.multiAz ?? false),
  "rds:Piops": ofDatabase("Iops", (record) => record?.settings?.["Iops"] ?? 0),
  "rds:StorageEncrypted": ofDatabase("StorageEncrypted", (record) => record?.storageEncrypted ?? false),
  "rds:StorageSize": ofDatabase("AllocatedStorage", (record) => record?.allocatedStorageGiB),
  "rds:Vpc": ofDatabase("", () => true),
};

/** The value that the request asks for, else that of the database, else the default of a database that is created. */
function ofDatabase(
  name: string,
  of: (record: DatabaseInstanceRecord | undefined) => string | number | boolean | undefined,
): Read {
  return ({ resource, input }, store) =>
    resource.split(":")[5] === "db"
      ? (text(input[name]) ?? text(of(store.get("databaseInstance", resource))))
      : undefined;
}
