import type * as sts from "@aws-sdk/client-sts";
import type { Reader } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { readDenial } from "../iam/denial-details.ts";
import { ApiError } from "./api-error.ts";

/** The account of an access key, of whatever account and whether or not it is active. Source: API_GetAccessKeyInfo. */
export function accountOfKey(reader: Reader, accessKeyId: string | undefined): string {
  const record =
    reader.get("accessKey", accessKeyId) ??
    reader.get("session", accessKeyId) ??
    reader.get("userSession", accessKeyId);
  if (record === undefined)
    throw new ApiError(
      "ValidationError",
      `The access key ${accessKeyId} belongs to no account of this platform.`,
      {
        status: 400,
      },
    );
  return record.account;
}

/** Why a call was denied, of the text that the denial of EC2 ended with. Source: API_DecodeAuthorizationMessage. */
export function decodeAuthorizationMessage(
  { vault }: ApiDeps,
  input: sts.DecodeAuthorizationMessageRequest,
  { account }: RequestContext,
): sts.DecodeAuthorizationMessageResponse {
  const details = readDenial(vault, input.EncodedMessage ?? "");
  if (details?.account !== account)
    throw new ApiError(
      "InvalidAuthorizationMessageException",
      "The specified authorization message is invalid",
      {
        status: 400,
      },
    );
  return { DecodedMessage: details.text };
}
