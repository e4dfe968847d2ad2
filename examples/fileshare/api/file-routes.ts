import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { AppDeps } from "./app-deps.ts";
import { RequestError } from "./request-error.ts";
import type { UploadType } from "./database.ts";

interface FoundAttachment {
  readonly id: number;
  readonly file_name: string;
  readonly date: Date;
  readonly upload_type: UploadType;
  readonly user_id: number;
  readonly username: string;
}

/** The columns of an attachment that clients see. */
const COLUMNS = ["id", "file_name", "date", "upload_type", "user_id"] as const;

/**
 * Uploads, lists, downloads and deletes files. A record is written after its file is stored, and deleted after its
 * file is deleted.
 */
export function fileRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { database, storages } = deps;
  app.get<{ Params: { username: string } }>("/user-files/attachments/:username", async (request) => {
    const id = await userIdOf(database, request.params.username);
    return database
      .selectFrom("attachment")
      .select(COLUMNS)
      .where("user_id", "=", id)
      .orderBy("id")
      .execute();
  });
  app.post<{ Params: { username: string } }>("/user-files/attachment/:username", async (request) =>
    upload(deps, request.params, () => request.file()),
  );
  app.post<{ Params: { username: string; place: string } }>(
    "/user-files/attachment/:username/:place",
    async (request) => upload(deps, request.params, () => request.file()),
  );
  app.get<{ Params: { id: string } }>("/user-files/attachment/:id", async (request) => {
    const { username: _, ...attachment } = await findAttachment(database, request.params.id);
    return attachment;
  });
  app.get<{ Params: { id: string } }>("/user-files/attachment/:id/get", async (request, reply) => {
    const found = await findAttachment(database, request.params.id);
    const { body, size } = await storages[found.upload_type].read(found.username, found.file_name);
    if (size !== undefined) reply.header("content-length", size);
    return reply
      .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(found.file_name)}`)
      .header("x-content-type-options", "nosniff")
      .type("application/octet-stream")
      .send(body);
  });
  app.delete<{ Params: { id: string } }>("/user-files/attachment/:id", async (request) => {
    const found = await findAttachment(database, request.params.id);
    await storages[found.upload_type].remove(found.username, found.file_name);
    await database.deleteFrom("attachment").where("id", "=", found.id).execute();
    return { id: found.id, deleted: true };
  });
}

/** Errors: RequestError 404. */
async function findAttachment(database: AppDeps["database"], id: string): Promise<FoundAttachment> {
  const found = await database
    .selectFrom("attachment")
    .innerJoin("user", "user.id", "attachment.user_id")
    .select(["attachment.id", "file_name", "date", "upload_type", "user_id", "username"])
    .where("attachment.id", "=", Number(id))
    .executeTakeFirst();
  if (found === undefined) throw new RequestError(404, "Attachment not found!");
  return found;
}

/** Errors: RequestError 400. */
async function userIdOf(database: AppDeps["database"], username: string): Promise<number> {
  const user = await database
    .selectFrom("user")
    .select("id")
    .where("username", "=", username)
    .executeTakeFirst();
  if (user === undefined) throw new RequestError(400, "Username not found!");
  return user.id;
}

/** Stores the file of a form and returns its record. Errors: RequestError 400 and 413. */
async function upload(
  { database, storages }: AppDeps,
  { username, place = "FS" }: { username: string; place?: string },
  readFile: () => Promise<UploadedFile | undefined>,
) {
  const type: UploadType = place === "" || place === "FS" ? "FS" : "s3";
  const user = await userIdOf(database, username);
  const part = await readFile();
  if (part === undefined) throw new RequestError(400, "Please choose a file.");
  const fileName = checkFileName(part.filename);
  await storages[type].save(username, fileName, Readable.from(wholeOf(part.file)));
  await database
    .insertInto("attachment")
    .values({ file_name: fileName, date: new Date(), upload_type: type, user_id: user })
    .onDuplicateKeyUpdate({ date: new Date() })
    .execute();
  return database
    .selectFrom("attachment")
    .select(COLUMNS)
    .where("user_id", "=", user)
    .where("upload_type", "=", type)
    .where("file_name", "=", fileName)
    .executeTakeFirstOrThrow();
}

interface UploadedFile {
  readonly filename: string;
  readonly file: import("node:stream").Readable & { truncated: boolean };
}

/**
 * Checks that a file's name is not a path. A name that could lead to another folder is refused.
 * Errors: RequestError 400.
 */
export function checkFileName(given: string): string {
  const name = given.normalize("NFC").trim();
  if (name === "" || name.length > 180 || name.startsWith(".") || /[/\\\u0000-\u001f]/.test(name))
    throw new RequestError(400, "This file name is not allowed: please rename the file.");
  return name;
}

/**
 * The bytes of an upload. An upload that was cut off at the size limit fails, so that it does not replace a
 * stored file.
 */
export async function* wholeOf(
  file: AsyncIterable<Buffer> & { readonly truncated: boolean },
): AsyncGenerator<Buffer> {
  yield* file;
  if (file.truncated) throw new RequestError(413, "The file is larger than 100 MB.");
}
