import type * as sdk from "@aws-sdk/client-s3";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf, type S3Code } from "@gantry/wire";
import {
  refusing as refusingAny,
  unsupported as unsupportedAny,
  type Refusing,
  type Unsupported,
} from "../common/members.ts";

/** Codes that operations of S3 return. */
export type ErrorCode = ErrorCodeOf<typeof sdk, S3Code>;

/** An error of S3: the code of another service does not compile. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;

/** As common/members.ts, with the codes of the service. */
export const unsupported: Unsupported<ErrorCode> = unsupportedAny;
