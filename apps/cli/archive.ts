import { UserError } from "./run.ts";

/** A member of a tar archive. Its content must be read or skipped before the next member is requested. */
export interface ArchiveMember {
  readonly path: string;
  readonly type: "file" | "folder" | "hardLink" | "symbolicLink" | "fifo" | "device" | "unknown";
  /** Bytes. */
  readonly size: number;
  /** The target of a link. */
  readonly linkPath: string;
  content(): AsyncIterable<Buffer>;
}

/** The file is not a tar archive or is truncated. */
export class ArchiveError extends UserError {}

const BLOCK = 512;
/** Limit for the names and attributes of one member; tar itself writes a few hundred bytes. */
const ATTRIBUTES_MAX = 1024 * 1024;
const TYPES: Readonly<Record<string, ArchiveMember["type"]>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "hardLink",
  "2": "symbolicLink",
  "3": "device",
  "4": "device",
  "5": "folder",
  "6": "fifo",
};

/**
 * Reads a tar archive member by member: ustar with the long names and sizes of GNU tar and pax. It writes
 * nothing.
 * Source: tar(5), pax(1p). Errors: ArchiveError.
 */
export async function* readArchive(source: AsyncIterable<Buffer>): AsyncGenerator<ArchiveMember> {
  const reader = new BlockReader(source);
  let attributes: Attributes = {};
  for (;;) {
    const header = await reader.read(BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkHeader(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = attributes.size ?? numberAt(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError("A member has no valid size.");
    if (type === "g") {
      await reader.skip(padded(size));
      continue;
    }
    if (type === "L" || type === "K" || type === "x") {
      if (size > ATTRIBUTES_MAX) throw new ArchiveError("A member's name is too long.");
      const content = (await reader.read(padded(size))).subarray(0, size);
      attributes = { ...attributes, ...attributesOf(type, content) };
      continue;
    }
    const member = memberOf(header, type, attributes);
    attributes = {};
    // Links, folders and special files have no content, whatever size their header states.
    const length = member.type === "file" || member.type === "unknown" ? size : 0;
    let left = length;
    yield {
      ...member,
      size: length,
      async *content() {
        while (left > 0) {
          const chunk = await reader.readSome(left);
          left -= chunk.length;
          yield chunk;
        }
      },
    };
    await reader.skip(left + padded(length) - length);
  }
}

interface Attributes {
  readonly path?: string;
  readonly linkPath?: string;
  readonly size?: number;
}

function memberOf(header: Buffer, type: string, attributes: Attributes) {
  const isPosix = header.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? textAt(header, 345, 155) : "";
  const name = textAt(header, 0, 100);
  return {
    path: attributes.path ?? (prefix === "" ? name : `${prefix}/${name}`),
    linkPath: attributes.linkPath ?? textAt(header, 157, 100),
    type: TYPES[type] ?? ("unknown" as const),
  };
}

/** Verifies the checksum: the sum over the header with its checksum field taken as blanks. */
function checkHeader(header: Buffer): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (sum !== numberAt(header, 148, 8)) throw new ArchiveError("A header is damaged.");
}

function attributesOf(type: "L" | "K" | "x", content: Buffer): Attributes {
  if (type === "L") return { path: content.toString().replace(/\0.*$/s, "") };
  if (type === "K") return { linkPath: content.toString().replace(/\0.*$/s, "") };
  const found: { path?: string; linkPath?: string; size?: number } = {};
  // Each record is "LENGTH KEY=VALUE\n", with the length in bytes of the whole record.
  for (let start = 0; start < content.length;) {
    const blank = content.indexOf(0x20, start);
    const length = Number(content.toString("latin1", start, blank));
    if (blank < 0 || !Number.isInteger(length) || length <= blank - start || start + length > content.length)
      throw new ArchiveError("A member's attributes are damaged.");
    const record = content.toString("utf8", blank + 1, start + length - 1);
    const [key, value] = [record.slice(0, record.indexOf("=")), record.slice(record.indexOf("=") + 1)];
    if (key === "path") found.path = value;
    if (key === "linkpath") found.linkPath = value;
    if (key === "size") found.size = Number(value);
    start += length;
  }
  return found;
}

function textAt(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Parses an octal number, or a GNU tar base-256 number, which has the first bit set. */
function numberAt(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) === 0) {
    const text = textAt(header, start, length).trim();
    return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  }
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, (field[0] ?? 0) & 0x7f);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Reads a stream in blocks of the requested sizes. */
class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Reads exactly `size` bytes. Errors: ArchiveError where the archive ends early. */
  async read(size: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let left = size; left > 0;) {
      const chunk = await this.readSome(left);
      chunks.push(chunk);
      left -= chunk.length;
    }
    const [first, ...more] = chunks;
    return more.length === 0 && first !== undefined ? first : Buffer.concat(chunks);
  }

  /** Reads at least one byte and at most `max`. */
  async readSome(max: number): Promise<Buffer> {
    while (this.#buffer.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) throw new ArchiveError("The archive ends early.");
      this.#buffer = next.value;
    }
    const chunk = this.#buffer.subarray(0, max);
    this.#buffer = this.#buffer.subarray(chunk.length);
    return chunk;
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0;) left -= (await this.readSome(left)).length;
  }
}
