import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { randomUUID } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

/** Where files lie: the same for a filesystem and for S3. A file is there whole, or not at all. */
export interface Storage {
  save(username: string, fileName: string, body: Readable): Promise<void>;
  read(username: string, fileName: string): Promise<{ body: Readable; size: number | undefined }>;
  remove(username: string, fileName: string): Promise<void>;
}

/** Files under a folder, which may be shared by many (EFS): written beside, then renamed. */
export function openFileStorage(folder: string): Storage {
  return {
    async save(username, fileName, body) {
      await mkdir(join(folder, username), { recursive: true });
      const incoming = join(folder, username, `.incoming-${randomUUID()}`);
      try {
        await pipeline(body, createWriteStream(incoming, { flush: true }));
        await rename(incoming, join(folder, username, fileName));
      } catch (thrown) {
        await rm(incoming, { force: true });
        throw thrown;
      }
    },
    async read(username, fileName) {
      const path = join(folder, username, fileName);
      const { size } = await stat(path);
      return { body: createReadStream(path), size };
    },
    remove: (username, fileName) => rm(join(folder, username, fileName), { force: true }),
  };
}

export function openS3Storage(settings: { bucket: string; region: string }): Storage {
  const client = new S3Client({ region: settings.region });
  const place = (username: string, fileName: string) => ({
    Bucket: settings.bucket,
    Key: `${username}/${fileName}`,
  });
  return {
    async save(username, fileName, body) {
      await new Upload({ client, params: { ...place(username, fileName), Body: body } }).done();
    },
    async read(username, fileName) {
      const { Body, ContentLength } = await client.send(new GetObjectCommand(place(username, fileName)));
      if (Body === undefined) throw new Error("S3 gave no body.");
      return { body: Body as Readable, size: ContentLength }; // In Node the body is a Readable.
    },
    async remove(username, fileName) {
      await client.send(new DeleteObjectCommand(place(username, fileName)));
    },
  };
}
