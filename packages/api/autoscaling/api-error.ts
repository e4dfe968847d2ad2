import type * as sdk from "@aws-sdk/client-auto-scaling";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf } from "@gantry/wire";
import { refusing as refusingAny, type Refusing } from "../common/members.ts";

/** Codes that operations of EC2 Auto Scaling return. */
export type ErrorCode = ErrorCodeOf<typeof sdk>;

/** An error of EC2 Auto Scaling: the code of another service does not compile. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;

/** Source: API Reference, "Common errors". */
export function validation(message: string): ApiError {
  return new ApiError("ValidationError", message);
}
