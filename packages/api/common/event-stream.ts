import { crc32 } from "node:zlib";

/** The type of a header's value: a string with a length of 16 bits. */
const STRING_HEADER = 7;
const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;

/**
 * Frames one message of an event stream: lengths, their CRC, headers, payload, and the CRC of all. Integers are
 * big-endian. Source: Smithy, "Amazon Event Stream specification".
 */
export function encodeMessage(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => encodeHeader(name, value)));
  const body = Buffer.from(payload);
  const total = PRELUDE_BYTES + head.length + body.length + CRC_BYTES;
  const message = Buffer.alloc(total);
  message.writeUInt32BE(total, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, PRELUDE_BYTES);
  body.copy(message, PRELUDE_BYTES + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, total - CRC_BYTES)), total - CRC_BYTES);
  return message;
}

function encodeHeader(name: string, value: string): Buffer {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
  const header = Buffer.alloc(nameBytes.length + valueBytes.length + 4);
  header.writeUInt8(nameBytes.length, 0);
  nameBytes.copy(header, 1);
  header.writeUInt8(STRING_HEADER, 1 + nameBytes.length);
  header.writeUInt16BE(valueBytes.length, 2 + nameBytes.length);
  valueBytes.copy(header, 4 + nameBytes.length);
  return header;
}

/** An event with a JSON payload. */
export function jsonEvent(type: string, payload: object): Buffer {
  const headers = { ":message-type": "event", ":event-type": type, ":content-type": "application/json" };
  return encodeMessage(headers, JSON.stringify(payload));
}

/** An exception of the service's model, after which the stream ends. */
export function jsonException(type: string, message: string): Buffer {
  const headers = {
    ...{ ":message-type": "exception", ":exception-type": type, ":content-type": "application/json" },
  };
  return encodeMessage(headers, JSON.stringify({ message }));
}
