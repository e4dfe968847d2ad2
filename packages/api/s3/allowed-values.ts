import * as s3 from "@aws-sdk/client-s3";
import type { Reader } from "@gantry/state";
import type { Handler } from "@gantry/wire";
import { ApiError } from "./api-error.ts";

interface Argument {
  readonly name: string;
  readonly values: readonly string[];
  readonly message: string;
}

/**
 * Members that have but some values, with S3's names and sentences.
 * Source: S3 API Reference; Ceph's s3-tests for the sentences.
 */
const ARGUMENTS: Readonly<Record<string, Argument>> = {
  MetadataDirective: {
    name: "x-amz-metadata-directive",
    values: ["COPY", "REPLACE"],
    message: "Unknown metadata directive.",
  },
  TaggingDirective: {
    name: "x-amz-tagging-directive",
    values: ["COPY", "REPLACE"],
    message: "Unknown tagging directive.",
  },
  EncodingType: {
    name: "encoding-type",
    values: ["url"],
    message: "Invalid Encoding Method specified in Request",
  },
  ChecksumMode: { name: "x-amz-checksum-mode", values: ["ENABLED"], message: "Unknown checksum mode." },
  RequestPayer: { name: "x-amz-request-payer", values: ["requester"], message: "Unknown request payer." },
  ObjectAttributes: {
    name: "x-amz-object-attributes",
    values: Object.values(s3.ObjectAttributes),
    message: "Invalid attribute name specified.",
  },
  OptionalObjectAttributes: {
    name: "x-amz-optional-object-attributes",
    values: Object.values(s3.OptionalObjectAttributes),
    message: "Invalid attribute name specified.",
  },
};

/** The operations, each with what all check alike before they begin. Errors: InvalidArgument, AccessDenied. */
export function withArguments(
  operations: Readonly<Record<string, unknown>>,
  reader: Reader,
): Readonly<Record<string, Handler>> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const handler = operation as Handler; // Typed by Implementation where it is declared.
      const checked: Handler = (input, context) => {
        checkArguments(input, reader);
        return handler(input, context);
      };
      return [name, checked];
    }),
  );
}

/** Values that there are, and whose the caller takes the bucket to be. */
function checkArguments(input: Readonly<Record<string, unknown>>, reader: Reader): void {
  // An empty version id names no version, and its permission is that of a version: it is refused, as S3 does.
  if (input["VersionId"] === "")
    throw new ApiError("InvalidArgument", "Version id cannot be the empty string", {
      status: 400,
      fields: { ArgumentName: "versionId", ArgumentValue: "" },
    });
  for (const [member, value] of Object.entries(input)) {
    const argument = ARGUMENTS[member];
    if (argument === undefined || value === undefined) continue;
    const wrong = [value].flat().find((each) => !argument.values.includes(String(each)));
    if (wrong !== undefined)
      throw new ApiError("InvalidArgument", argument.message, {
        status: 400,
        fields: { ArgumentName: argument.name, ArgumentValue: String(wrong) },
      });
  }
  const { ExpectedBucketOwner: owner, ExpectedSourceBucketOwner: sourceOwner } = input;
  if (owner !== undefined) checkOwner(reader, input["Bucket"], owner);
  if (sourceOwner !== undefined)
    checkOwner(reader, String(input["CopySource"]).replace(/^\//, "").split("/")[0], sourceOwner);
}

/** Source: "Verifying bucket ownership with bucket owner condition". */
function checkOwner(reader: Reader, name: unknown, owner: unknown): void {
  const bucket = reader.get("bucket", String(name));
  if (bucket !== undefined && bucket.account !== owner)
    throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
}
