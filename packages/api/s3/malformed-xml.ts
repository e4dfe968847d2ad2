import { ApiError } from "./api-error.ts";

/** A body that is not what its operation's schema asks for. Source: S3's list of error codes. */
export function malformedXml(): ApiError {
  return new ApiError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    { status: 400 },
  );
}
