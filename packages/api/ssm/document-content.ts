import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-ssm";
import { isObject } from "@gantry/kernel";
import type { SsmDocumentVersionRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** Source: API_CreateDocument, Content. */
const CONTENT_MAX = 65_536;

type Content = Pick<SsmDocumentVersionRecord, "content" | "format" | "hash">;

/** What a document says about itself. */
interface Summary {
  readonly schemaVersion: string | undefined;
  readonly description: string | undefined;
  readonly parameters: readonly sdk.DocumentParameter[];
}

/** The content of a version as it is stored. Errors: InvalidDocumentContent, MaxDocumentSizeExceeded. */
export function checkedContent(content: string, given: sdk.DocumentFormat | undefined): Content {
  if (Buffer.byteLength(content) > CONTENT_MAX)
    throw new ApiError("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.");
  const format = given ?? "JSON";
  if (format === "JSON" && parsed(content) === undefined)
    throw new ApiError("InvalidDocumentContent", "JSON not well-formed.");
  if (format !== "TEXT" && schemaVersionOf(content, format) === undefined)
    throw new ApiError("InvalidDocumentContent", "schemaVersion is a required field.");
  return { content, format, hash: createHash("sha256").update(content).digest("hex") };
}

/** The parts of a content that DescribeDocument shows. Parameters are read from JSON alone. */
export function summaryOf({ content, format }: SsmDocumentVersionRecord): Summary {
  const document = format === "JSON" ? parsed(content) : undefined;
  const said = document?.["description"];
  const description = typeof said === "string" ? said : lineOf(content, "description", format);
  const parameters = isObject(document?.["parameters"]) ? Object.entries(document["parameters"]) : [];
  return {
    schemaVersion: schemaVersionOf(content, format),
    description,
    parameters: parameters.flatMap(([Name, value]) =>
      isObject(value) ? [presentParameter(Name, value)] : [],
    ),
  };
}

function presentParameter(Name: string, value: Readonly<Record<string, unknown>>): sdk.DocumentParameter {
  const byDefault = value["default"];
  return {
    Name,
    Type: value["type"] === "StringList" ? "StringList" : "String",
    Description: typeof value["description"] === "string" ? value["description"] : undefined,
    DefaultValue:
      byDefault === undefined || typeof byDefault === "string" ? byDefault : JSON.stringify(byDefault),
  };
}

function schemaVersionOf(content: string, format: SsmDocumentVersionRecord["format"]): string | undefined {
  if (format !== "JSON") return lineOf(content, "schemaVersion", format);
  const version = parsed(content)?.["schemaVersion"];
  return typeof version === "string" ? version : undefined;
}

/** The value of a key at the outermost level of a document in YAML. */
function lineOf(
  content: string,
  key: string,
  format: SsmDocumentVersionRecord["format"],
): string | undefined {
  if (format !== "YAML") return undefined;
  const line = content.split("\n").find((each) => each.startsWith(`${key}:`));
  return line
    ?.slice(key.length + 1)
    .trim()
    .replaceAll(/^(["'])(.*)\1$/g, "$2");
}

function parsed(content: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
