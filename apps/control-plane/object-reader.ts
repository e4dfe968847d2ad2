import type { ReadObject } from "@gantry/controllers";
import type { Dispatcher } from "@gantry/wire";

/** Reads objects by the operation GetObject itself: with policies of role, bucket and key, as a caller does. */
export function objectReader(dispatcher: Pick<Dispatcher, "call">): ReadObject {
  return async ({ bucket, key, principal, region }, bytesMax) => {
    const input = { Bucket: bucket, Key: key };
    const answer = (await dispatcher.call({
      service: "s3",
      operation: "GetObject",
      input,
      principal,
      region,
    })) as {
      Body: Buffer | AsyncIterable<Buffer>;
      ContentLength?: number;
    }; // As the operation answers it.
    const { Body: body, ContentLength: length = 0 } = answer;
    const isLarge = length > bytesMax;
    const chunks: Buffer[] = [];
    if (Buffer.isBuffer(body)) chunks.push(body);
    else
      for await (const chunk of body) {
        if (isLarge) break;
        chunks.push(chunk);
      }
    if (isLarge) throw new Error(`The object has more than ${bytesMax} bytes.`);
    return Buffer.concat(chunks);
  };
}
