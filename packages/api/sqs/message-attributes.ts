import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-sqs";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./lookups.ts";

/** An attribute as it is stored: binary values in base64. */
export interface StoredAttribute {
  readonly type: string;
  readonly text?: string;
  readonly binary?: string;
}

export type StoredAttributes = Readonly<Record<string, StoredAttribute>>;

type Given = Readonly<Record<string, sdk.MessageAttributeValue | sdk.MessageSystemAttributeValue>>;

/** Source: SQS Developer Guide, "Amazon SQS message metadata". */
const NAME = /^(?!aws\.|amazon\.|\.)[\w.-]{1,256}$/i;
const TYPE = /^(String|Number|Binary)(\..+)?$/;
const ATTRIBUTES_MAX = 10;
const TYPE_MAX = 256;
/** Source: SQS Developer Guide, "Calculating the MD5 message digest for message attributes". */
const TRANSPORT = { text: 1, binary: 2 } as const;

/** Errors: InvalidParameterValue, UnsupportedOperation. */
export function toAttributes(given: Given | undefined): StoredAttributes {
  const entries = Object.entries(given ?? {});
  if (entries.length > ATTRIBUTES_MAX)
    throw new ApiError(
      "InvalidParameterValue",
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${ATTRIBUTES_MAX}].`,
      { status: 400 },
    );
  return Object.fromEntries(entries.map(([name, value]) => [name, toAttribute(name, value)]));
}

function toAttribute(name: string, value: sdk.MessageAttributeValue): StoredAttribute {
  const invalid = (reason: string) =>
    new ApiError("InvalidParameterValue", `The message attribute '${name}' ${reason}.`, { status: 400 });
  const { DataType: type = "", StringValue: text, BinaryValue: binary } = value;
  if (!NAME.test(name) || name.endsWith(".") || name.includes(".."))
    throw invalidValue(name, "MessageAttributeName", "The message attribute name is invalid.");
  for (const list of ["StringListValues", "BinaryListValues"] as const)
    if ((value[list] ?? []).length > 0)
      throw new ApiError("UnsupportedOperation", `Message attribute list values are not supported: ${list}.`);
  const match = TYPE.exec(type);
  if (match === null || type.length > TYPE_MAX)
    throw invalid(
      "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String",
    );
  if (match[1] === "Binary") {
    if (binary === undefined || binary.length === 0)
      throw invalid("must contain a non-empty message attribute value");
    return { type, binary: Buffer.from(binary).toString("base64") };
  }
  if (text === undefined || text === "") throw invalid("must contain a non-empty message attribute value");
  if (match[1] === "Number" && (text.trim() === "" || !Number.isFinite(Number(text))))
    throw invalid("has a value that is not a number");
  return { type, text };
}

export function presentAttributes(stored: StoredAttributes): Record<string, sdk.MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, { type, text, binary }]) => [
      name,
      binary === undefined
        ? { DataType: type, StringValue: text }
        : { DataType: type, BinaryValue: Buffer.from(binary, "base64") },
    ]),
  );
}

/** The attributes that a receiver asks for: by name, by `prefix.*`, or all. */
export function chosenAttributes(
  stored: StoredAttributes,
  names: readonly string[] | undefined,
): StoredAttributes {
  const isChosen = (attribute: string): boolean =>
    (names ?? []).some(
      (name) =>
        name === "All" ||
        name === attribute ||
        (name.endsWith(".*") && (name === ".*" || attribute.startsWith(name.slice(0, -1)))),
    );
  return Object.fromEntries(Object.entries(stored).filter(([name]) => isChosen(name)));
}

/** The MD5 of attributes in hex; undefined for none. */
export function attributesMd5(stored: StoredAttributes): string | undefined {
  const names = Object.keys(stored).toSorted();
  if (names.length === 0) return undefined;
  const hash = createHash("md5");
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const { type, ...value } = stored[name] ?? { type: "" };
    add(Buffer.from(name));
    add(Buffer.from(type));
    hash.update(Buffer.from([value.binary === undefined ? TRANSPORT.text : TRANSPORT.binary]));
    add(bytesOf(value));
  }
  return hash.digest("hex");
}

/** Bytes that attributes count for in a message's size: names, types and values. */
export function attributesSize(stored: StoredAttributes): number {
  return Object.entries(stored).reduce(
    (sum, [name, value]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(value.type) + bytesOf(value).length,
    0,
  );
}

/** Bytes that attributes count for in a batch's size, as they are given, valid or not. */
export function givenSize(given: Given | undefined): number {
  return Object.entries(given ?? {}).reduce(
    (sum, [name, { DataType = "", StringValue = "", BinaryValue }]) =>
      sum +
      Buffer.byteLength(name) +
      Buffer.byteLength(DataType) +
      (BinaryValue?.length ?? Buffer.byteLength(StringValue)),
    0,
  );
}

function bytesOf({ text = "", binary }: Omit<StoredAttribute, "type">): Buffer {
  return binary === undefined ? Buffer.from(text) : Buffer.from(binary, "base64");
}
