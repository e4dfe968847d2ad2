import { ApiError } from "./api-error.ts";

const METADATA_MAX_BYTES = 2_048;
/** The longest text of an encoded word: 75 characters with its frame. Source: RFC 2047 §2. */
const WORD_MAX = 75 - "=?UTF-8?B??=".length;
const ENCODED_WORDS = /=\?utf-8\?([bq])\?([^?\s]*)\?=(?:\s+(?==\?utf-8\?[bq]\?))?/gi;

/** User metadata as it is stored: text. Errors: MetadataTooLarge. Source: "Working with object metadata". */
export function metadataOf(metadata: Record<string, string> | undefined): Record<string, string> {
  const entries = Object.entries(metadata ?? {});
  const size = entries.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value, "latin1"),
    0,
  );
  if (size > METADATA_MAX_BYTES)
    throw new ApiError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      status: 400,
      fields: { Size: size, MaxSizeAllowed: METADATA_MAX_BYTES },
    });
  return Object.fromEntries(entries.map(([name, value]) => [name, readText(value)]));
}

/**
 * User metadata as headers carry it: text that is not ASCII becomes encoded words, as S3 answers it.
 * Source: RFC 2047.
 */
export function presentMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, writeText(value)]));
}

/** The text of a header that Node decoded as Latin-1: its bytes as UTF-8 where they are, with encoded words decoded. */
function readText(value: string): string {
  const text = isAscii(value) ? value : asUtf8(value);
  return text.replace(ENCODED_WORDS, (word, encoding: string, content: string) => {
    const bytes =
      encoding.toLowerCase() === "b"
        ? Buffer.from(content, "base64")
        : Buffer.from(
            content
              .replaceAll("_", " ")
              .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
            "latin1",
          );
    return bytes.includes(0) || bytes.includes(10) || bytes.includes(13) ? word : bytes.toString();
  });
}

function asUtf8(value: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}

function writeText(text: string): string {
  if (isAscii(text)) return text;
  const characters = [...text];
  const ascii = characters.filter(isAscii).length;
  const encode = ascii > characters.length - ascii ? quoted : base64;
  return wordsOf(text, encode).join(" ");
}

/** Encoded words that are each short enough; a text that is too long is halved between two characters. */
function wordsOf(text: string, encode: (text: string) => string): readonly string[] {
  const word = encode(text);
  const characters = [...text];
  if (word.length <= WORD_MAX || characters.length === 1)
    return [`=?UTF-8?${encode === quoted ? "Q" : "B"}?${word}?=`];
  const half = Math.ceil(characters.length / 2);
  return [characters.slice(0, half), characters.slice(half)].flatMap((part) =>
    wordsOf(part.join(""), encode),
  );
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Source: RFC 2047 §4.2. */
const quoted = (text: string): string =>
  Buffer.from(text)
    .toString("latin1")
    .replace(/[^ -<>@-^`-~]/g, (byte) => `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
    .replaceAll(" ", "_");

const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);
