import type { ApiDeps } from "../common/api-deps.ts";
import { managedDocument } from "../iam/decide.ts";
import { checkDocument } from "../iam/documents.ts";
import { ApiError } from "./api-error.ts";

const SESSION_POLICY_MAX = 2_048;
const SESSION_POLICIES_MAX = 10;

/**
 * The documents that narrow a session: one given inline, and managed ones by name.
 * Source: API_AssumeRole, Policy and PolicyArns.
 */
export function sessionPoliciesOf(
  { store: reader, log }: ApiDeps,
  input: { Policy?: string | undefined; PolicyArns?: readonly { arn?: string | undefined }[] | undefined },
): readonly string[] {
  const { Policy: inline, PolicyArns: arns = [] } = input;
  if (inline !== undefined) {
    if (inline.length > SESSION_POLICY_MAX)
      throw new ApiError(
        "PackedPolicyTooLarge",
        `Packed policy consumes ${Math.ceil((100 * inline.length) / SESSION_POLICY_MAX)}% of allotted ` +
          "space, please use smaller policy.",
        { status: 400 },
      );
    checkDocument(inline, "session", log);
  }
  if (arns.length > SESSION_POLICIES_MAX)
    throw new ApiError(
      "ValidationError",
      `The maximum number of managed session policies is ${SESSION_POLICIES_MAX}.`,
      { status: 400 },
    );
  const managed = arns.map(({ arn = "" }) => {
    const document = managedDocument(reader, arn);
    if (document === undefined)
      throw new ApiError(
        "ValidationError",
        `${arn} is not a valid managed policy: it does not exist or is not attachable.`,
        { status: 400 },
      );
    return document;
  });
  return inline === undefined ? managed : [inline, ...managed];
}

/** How much of the space for policies a session uses, in percent; undefined without policies. */
export function packedSize(policies: readonly string[]): number | undefined {
  return policies.length === 0
    ? undefined
    : Math.ceil((100 * Buffer.byteLength(policies.join(""))) / SESSION_POLICY_MAX);
}
