import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf } from "@gantry/wire";
import { refusing as refusingAny, type Refusing } from "../common/members.ts";
import { refuseMembers as refuseMembersAny, type RefuseMembers } from "../common/refuse.ts";

/** Codes that operations of CloudWatch Logs return. */
export type ErrorCode = ErrorCodeOf<typeof sdk>;

/** An error of CloudWatch Logs: the code of another service does not compile. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/refuse.ts, with the codes of the service. */
export const refuseMembers: RefuseMembers<ErrorCode> = refuseMembersAny;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;
