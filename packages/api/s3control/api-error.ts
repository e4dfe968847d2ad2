import type * as sdk from "@aws-sdk/client-s3-control";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf } from "@gantry/wire";
import { refusing as refusingAny, type Refusing } from "../common/members.ts";

/** Codes that operations of S3 Control return. Source: S3 Control's own, and those of S3 about a bucket. */
export type ErrorCode = ErrorCodeOf<typeof sdk, "NoSuchBucket" | "InvalidTag" | "InvalidRequest">;

/** An error of S3 Control: the code of another service does not compile. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;
