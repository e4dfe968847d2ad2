import type * as sdk from "@aws-sdk/client-route-53";
import { refusing as refusingAny, type Refusing } from "../common/members.ts";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf } from "@gantry/wire";

/** Codes that operations of Route 53 return. */
export type ErrorCode = ErrorCodeOf<typeof sdk>;

/** An error of Route 53. The type admits only the codes that Route 53 has. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;
