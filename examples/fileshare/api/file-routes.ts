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

/** Uploading, listing, downloading and deleting files. A record is made once its file is stored, and goes once it is gone. */
export function fileRoutes(app: FastifyInstance, { database, storages }: AppDeps): void {
  const find = async (id: string): Promise<FoundAttachment> => {
    const found = await database
      .selectFrom("attachment")
      .innerJoin("user", "user.id", "attachment.user_id")
      .select(["attachment.id", "file_name", "date", "upload_type", "user_id", "username"])
      .where("attachment.id", "=", Number(id))
      .executeTakeFirst();
    if (found === undefined) throw new RequestError(404, "Attachment not found!");
    return found;
  };
  const userId = async (username: string): Promise<number> => {
    const user = await database
      .selectFrom("user")
      .select("id")
      .where("username", "=", username)
      .executeTakeFirst();
    if (user === undefined) throw new RequestError(400, "Username not found!");
    return user.id;
  };

  app.get<{ Params: { username: string } }>("/user-files/attachments/:username", async (request) => {
    const id = await userId(request.params.username);
    return database
      .selectFrom("attachment")
      .select(["id", "file_name", "date", "upload_type", "user_id"])
      .where("user_id", "=", id)
      .orderBy("id")
      .execute();
  });

  const upload = async (request: {
    params: { username: string; place?: string };
    file: () => Promise<UploadedFile | undefined>;
  }) => {
    const { username, place = "FS" } = request.params;
    const type: UploadType = place === "" || place === "FS" ? "FS" : "s3";
    const user = await userId(username);
    const part = await request.file();
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
      .select(["id", "file_name", "date", "upload_type", "user_id"])
      .where("user_id", "=", user)
      .where("upload_type", "=", type)
      .where("file_name", "=", fileName)
      .executeTakeFirstOrThrow();
  };
  app.post<{ Params: { username: string } }>("/user-files/attachment/:username", async (request) =>
    upload({ params: request.params, file: () => request.file() }),
  );
  app.post<{ Params: { username: string; place: string } }>(
    "/user-files/attachment/:username/:place",
    async (request) => upload({ params: request.params, file: () => request.file() }),
  );

  app.get<{ Params: { id: string } }>("/user-files/attachment/:id", async (request) => {
    const { username: _, ...attachment } = await find(request.params.id);
    return attachment;
  });
  app.get<{ Params: { id: string } }>("/user-files/attachment/:id/get", async (request, reply) => {
    const found = await find(request.params.id);
    const { body, size } = await storages[found.upload_type].read(found.username, found.file_name);
    if (size !== undefined) reply.header("content-length", size);
    return reply
      .header("content-disposition", `attachment; filename*=UTF-8''${encodeURIComponent(found.file_name)}`)
      .header("x-content-type-options", "nosniff")
      .type("application/octet-stream")
      .send(body);
  });
  app.delete<{ Params: { id: string } }>("/user-files/attachment/:id", async (request) => {
    const found = await find(request.params.id);
    await storages[found.upload_type].remove(found.username, found.file_name);
    await database.deleteFrom("attachment").where("id", "=", found.id).execute();
    return { id: found.id, deleted: true };
  });
}

interface UploadedFile {
  readonly filename: string;
  readonly file: import("node:stream").Readable & { truncated: boolean };
}

/** A name, never a path: what could lead elsewhere is refused, not repaired. */
export function checkFileName(given: string): string {
  const name = given.normalize("NFC").trim();
  if (name === "" || name.length > 180 || name.startsWith(".") || /[/\\\u0000-\u001f]/.test(name))
    throw new RequestError(400, "This file name is not allowed: please rename the file.");
  return name;
}

/** The bytes of an upload; one that was cut off at the limit fails at its end, before it could take a stored file's place. */
export async function* wholeOf(
  file: AsyncIterable<Buffer> & { readonly truncated: boolean },
): AsyncGenerator<Buffer> {
  yield* file;
  if (file.truncated) throw new RequestError(413, "The file is larger than 100 MB.");
}
