import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";

/** The caller's account, which the request names in a header. Errors: AccessDenied where it names another. */
export function ownAccount(
  input: { readonly AccountId?: string | undefined },
  { account }: RequestContext,
): string {
  if (input.AccountId !== account) throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  return account;
}
