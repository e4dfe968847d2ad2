import type { IncomingMessage } from "node:http";

/**
 * A line is cut at this length, so that an application that never writes a newline cannot exhaust the memory.
 */
const LINE_MAX_BYTES = 256 * 1024;

/**
 * Yields the lines of a log answer. Without a terminal, stdout and stderr arrive in frames with an eight-byte
 * header.
 */
export async function* readLogFrames(
  response: IncomingMessage,
  framed: boolean,
  signal: AbortSignal,
): AsyncIterable<string> {
  const lines = new Map<number, Buffer>();
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      // No encoding is set, so chunks are buffers.
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      if (!framed) {
        yield* splitLines(0, rest, lines);
        rest = Buffer.alloc(0);
        continue;
      }
      while (rest.length >= 8) {
        const size = rest.readUInt32BE(4);
        if (rest.length < 8 + size) break;
        yield* splitLines(rest[0] ?? 1, rest.subarray(8, 8 + size), lines);
        rest = rest.subarray(8 + size);
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
  for (const line of lines.values()) if (line.length > 0) yield line.toString();
}

function* splitLines(stream: number, data: Buffer, pending: Map<number, Buffer>): Iterable<string> {
  let buffer = Buffer.concat([pending.get(stream) ?? Buffer.alloc(0), data]);
  for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10)) {
    yield buffer.subarray(0, end).toString().replace(/\r$/, "");
    buffer = buffer.subarray(end + 1);
  }
  if (buffer.length > LINE_MAX_BYTES) {
    yield buffer.toString();
    buffer = Buffer.alloc(0);
  }
  pending.set(stream, buffer);
}
