import type { Readable } from "node:stream";

/**
 * All bytes of a small body; each chunk is shown as it arrives. Events cost half of what an iteration of the stream
 * does. Errors: those of the stream and of `onChunk`; Error if the body is cut off.
 */
export function collect(body: Readable, onChunk: (chunk: Buffer) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let isWhole = false;
    const fail = (thrown: unknown): void => {
      reject(thrown);
      body.destroy();
    };
    body.on("data", (chunk: Buffer) => {
      // No encoding is set, so chunks are buffers.
      try {
        onChunk(chunk);
        chunks.push(chunk);
      } catch (thrown) {
        fail(thrown);
      }
    });
    body.on("end", () => {
      isWhole = true;
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    });
    body.on("error", reject);
    body.on("close", () => {
      if (!isWhole) reject(new Error("The body was cut off."));
    });
  });
}
