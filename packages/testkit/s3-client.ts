import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "./api-server.ts";

/** Starts the API with a client of S3, and returns the common operations of its tests. */
export async function startS3(options: Parameters<typeof startApi>[0] = {}) {
  const api = await startApi(options);
  const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  let count = 0;
  return {
    api,
    client,
    newBucket: async (
      more: Partial<s3.CreateBucketCommandInput> = {},
      versioned = false,
    ): Promise<string> => {
      const Bucket = `bucket-${(count += 1)}`;
      await client.send(new s3.CreateBucketCommand({ Bucket, ...more }));
      if (versioned)
        await client.send(
          new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
        );
      return Bucket;
    },
    put: (Bucket: string, Key: string, Body: string | Buffer, more: Partial<s3.PutObjectCommandInput> = {}) =>
      client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ...more })),
    get: async (Bucket: string, Key: string, more: Partial<s3.GetObjectCommandInput> = {}): Promise<string> =>
      (await (
        await client.send(new s3.GetObjectCommand({ Bucket, Key, ...more }))
      ).Body?.transformToString()) ?? "",
  };
}
