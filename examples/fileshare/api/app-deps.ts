import type { Database, UploadType } from "./database.ts";
import type { Storage } from "./storage.ts";

/** What the routes of the web application need. */
export interface AppDeps {
  readonly database: Database;
  readonly storages: Readonly<Record<UploadType, Storage>>;
  /** The built front end. */
  readonly webFolder: string;
  readonly version: string;
}
