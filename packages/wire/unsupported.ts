import { ApiError } from "./api-error.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { Protocol } from "./service.ts";

/** The refusal of an operation that AWS has and Gantry does not, in the protocol's form. */
export function notImplementedError(operation: string, folder: string, protocol: Protocol): ApiError {
  return new ApiError(
    notImplementedCode(protocol),
    `${operation} is not supported by Gantry yet: see packages/api/${folder}/SUPPORT.md.`,
    { status: protocol === "restXml" ? 501 : 400 },
  );
}

/** The refusal of an operation that AWS does not have. */
export function unknownOperationError(name: string, protocol: Protocol): ApiError {
  switch (protocol) {
    case "awsQuery":
    case "ec2Query":
      return new ApiError("InvalidAction", `The action ${name} is not valid for this web service.`, {
        status: 400,
      });
    case "restXml":
      return new ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", {
        status: 405,
      });
    default:
      return new ApiError("UnknownOperationException", `Unknown operation ${name}`, { status: 404 });
  }
}

function notImplementedCode(protocol: Protocol): ErrorCode {
  switch (protocol) {
    case "restXml":
      return "NotImplemented";
    case "awsQuery":
      return "InvalidAction";
    case "ec2Query":
      return "UnsupportedOperation";
    default:
      return "UnsupportedOperationException";
  }
}
