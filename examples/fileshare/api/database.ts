import { Kysely, MysqlDialect, sql, type Generated } from "kysely";
import { createPool } from "mysql2";

export type UploadType = "FS" | "s3";

export interface UserTable {
  readonly id: Generated<number>;
  readonly name: string;
  readonly lastname: string;
  readonly email: string;
  readonly username: string;
}

export interface AttachmentTable {
  readonly id: Generated<number>;
  readonly file_name: string;
  readonly date: Date;
  readonly upload_type: UploadType;
  readonly user_id: number;
}

export interface Tables {
  readonly user: UserTable;
  readonly attachment: AttachmentTable;
}

export type Database = Kysely<Tables>;

const RETRY_MS = 1_000;

export function openDatabase(settings: {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}): Database {
  return new Kysely<Tables>({
    dialect: new MysqlDialect({
      pool: createPool({ ...settings, connectionLimit: 10, connectTimeout: 5_000, enableKeepAlive: true }),
    }),
  });
}

/** Makes the tables where they are missing, as soon as the database answers. */
export async function migrateWhenReachable(
  database: Database,
  warn: (message: string) => void,
): Promise<void> {
  for (;;) {
    try {
      await migrate(database);
      return;
    } catch (thrown) {
      warn(`The database is not ready: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function migrate(database: Database): Promise<void> {
  await database.schema
    .createTable("user")
    .ifNotExists()
    .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("name", "varchar(100)", (column) => column.notNull())
    .addColumn("lastname", "varchar(100)", (column) => column.notNull())
    .addColumn("email", "varchar(190)", (column) => column.notNull().unique())
    .addColumn("username", "varchar(64)", (column) => column.notNull().unique())
    .execute();
  await database.schema
    .createTable("attachment")
    .ifNotExists()
    .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("file_name", "varchar(190)", (column) => column.notNull())
    .addColumn("date", "datetime", (column) => column.notNull().defaultTo(sql`current_timestamp`))
    .addColumn("upload_type", "varchar(8)", (column) => column.notNull())
    .addColumn("user_id", "integer", (column) => column.notNull().references("user.id").onDelete("restrict"))
    .addUniqueConstraint("attachment_once", ["user_id", "upload_type", "file_name"])
    .execute();
}
