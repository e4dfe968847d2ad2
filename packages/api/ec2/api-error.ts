import type * as sdk from "@aws-sdk/client-ec2";
import { ApiError as AnyApiError, type ApiErrorOf, type ErrorCodeOf, type Ec2Code } from "@gantry/wire";
import {
  refusing as refusingAny,
  unsupported as unsupportedAny,
  type Refusing,
  type Unsupported,
} from "../common/members.ts";
import { refuseMembers as refuseMembersAny, type RefuseMembers } from "../common/refuse.ts";

/** Codes that operations of EC2 return. */
export type ErrorCode = ErrorCodeOf<typeof sdk, Ec2Code>;

/** An error of EC2: the code of another service does not compile. */
export const ApiError: ApiErrorOf<ErrorCode> = AnyApiError;
export type ApiError = AnyApiError;

/** As common/refuse.ts, with the codes of the service. */
export const refuseMembers: RefuseMembers<ErrorCode> = refuseMembersAny;

/** As common/members.ts, with the codes of the service. */
export const refusing: Refusing<ErrorCode> = refusingAny;

/** As common/members.ts, with the codes of the service. */
export const unsupported: Unsupported<ErrorCode> = unsupportedAny;
