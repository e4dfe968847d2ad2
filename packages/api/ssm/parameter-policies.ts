import type * as sdk from "@aws-sdk/client-ssm";
import { isObject } from "@gantry/kernel";
import type { ParameterPolicy, ParameterRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { invalid } from "./lookups.ts";

const POLICIES_MAX = 10;
const UNIT_MS: Readonly<Record<string, number>> = { Days: 86_400_000, Hours: 3_600_000 };

/**
 * The policies of a parameter after a new version: those that are given, else those that it has, whose times begin
 * anew. `[{}]` and `[]` remove them. Errors: InvalidPolicyTypeException, InvalidPolicyAttributeException,
 * IncompatiblePolicyException, PoliciesLimitExceededException, ValidationException.
 * Source: Systems Manager User Guide, "Assigning parameter policies in Parameter Store".
 */
export function policiesOf(
  given: string | undefined,
  before: ParameterRecord | undefined,
  now: number,
): readonly ParameterPolicy[] {
  const texts =
    given === undefined || given === "" ? (before?.policies ?? []).map(({ text }) => text) : textsIn(given);
  if (texts.length > POLICIES_MAX)
    throw new ApiError(
      "PoliciesLimitExceededException",
      "You specified more than the maximum number of allowed policies for the parameter. The maximum is " +
        `${POLICIES_MAX}.`,
    );
  const policies = texts.map((text) => read(text, now));
  const expiresAt = policies.find(({ type }) => type === "Expiration")?.dueAt;
  if (policies.filter(({ type }) => type === "Expiration").length > 1)
    throw new ApiError(
      "IncompatiblePolicyException",
      "There is a conflict in the policies specified for this parameter. You can't, for example, specify two " +
        "Expiration policies for a parameter. Review your policies, and try again.",
    );
  return policies.map((policy) => {
    if (policy.type !== "ExpirationNotification") return policy;
    if (expiresAt === undefined)
      throw new ApiError(
        "IncompatiblePolicyException",
        "An ExpirationNotification policy needs an Expiration policy of the same parameter.",
      );
    return { ...policy, dueAt: expiresAt - policy.dueAt };
  });
}

/** The policies of a JSON list, each as a text of its own. */
function textsIn(given: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    throw invalid("Invalid policies input: the policies are not valid JSON.");
  }
  if (!Array.isArray(value)) throw invalid("Invalid policies input: the policies must be a JSON list.");
  return (value as unknown[])
    .filter((each) => !isObject(each) || Object.keys(each).length > 0)
    .map((each) => JSON.stringify(each));
}

/** A policy; `dueAt` of an ExpirationNotification is how long before the expiration it is. */
function read(text: string, now: number): ParameterPolicy {
  const value: unknown = JSON.parse(text);
  const { Type: type, Version: version, Attributes: given } = isObject(value) ? value : {};
  const attributes = isObject(given) ? given : {};
  const wrong = (what: string) =>
    new ApiError("InvalidPolicyAttributeException", `A policy attribute or its value is invalid: ${what}.`);
  if (version !== "1.0") throw wrong("Version");
  switch (type) {
    case "Expiration": {
      const { Timestamp } = attributes;
      const dueAt = typeof Timestamp === "string" ? Date.parse(Timestamp) : Number.NaN;
      if (!Number.isFinite(dueAt) || dueAt <= now) throw wrong("Timestamp");
      return { text, type, dueAt, isFinished: false };
    }
    case "ExpirationNotification":
    case "NoChangeNotification": {
      const { Unit } = attributes;
      const amount = Number(attributes[type === "ExpirationNotification" ? "Before" : "After"]);
      const unitMs = typeof Unit === "string" ? UNIT_MS[Unit] : undefined;
      if (unitMs === undefined || !Number.isInteger(amount) || amount <= 0)
        throw wrong(type === "ExpirationNotification" ? "Before or Unit" : "After or Unit");
      const ms = amount * unitMs;
      return { text, type, dueAt: type === "NoChangeNotification" ? now + ms : ms, isFinished: false };
    }
    default:
      throw new ApiError(
        "InvalidPolicyTypeException",
        "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, " +
          "ExpirationNotification, and NoChangeNotification.",
      );
  }
}

/** Source: API_ParameterInlinePolicy. */
export function presentPolicies({ policies = [] }: ParameterRecord): sdk.ParameterInlinePolicy[] {
  return policies.map(({ text, type, isFinished }) => ({
    PolicyText: text,
    PolicyType: type,
    PolicyStatus: isFinished ? "Finished" : "Pending",
  }));
}
