import { createApp } from "./app.ts";
import { openDatabase, migrateWhenReachable } from "./database.ts";
import { openFileStorage, openS3Storage } from "./storage.ts";
import { fileURLToPath } from "node:url";
import { join, dirname } from "node:path";

// The website's back end. Settings come from the environment, credentials for S3 from wherever the SDK finds them.
const setting = (name: string, fallback?: string): string => {
  const value = process.env[name] ?? fallback;
  if (value === undefined) throw new Error(`Set the environment variable ${name}.`);
  return value;
};
const database = openDatabase({
  host: setting("DB_HOST"),
  port: Number(setting("DB_PORT", "3306")),
  user: setting("DB_USER", "fileshare"),
  password: setting("DB_PASSWORD"),
  database: setting("DB_NAME", "fileshare"),
});
const app = await createApp({
  database,
  storages: {
    FS: openFileStorage(setting("USER_FILE_PATH")),
    s3: openS3Storage({ bucket: setting("S3_BUCKET"), region: setting("AWS_REGION") }),
  },
  webFolder: process.env["WEB_FOLDER"] ?? join(dirname(fileURLToPath(import.meta.url)), "web"),
  version: setting("APP_VERSION", "1"),
});
await app.listen({ host: "0.0.0.0", port: Number(setting("PORT", "8080")) });
// Never rejects: it retries until the database answers.
void migrateWhenReachable(database, (message) => app.log.warn(message));
process.on("SIGTERM", () => void app.close().then(() => process.exit(0))); // Requests under way are answered first.
