import type * as sdk from "@aws-sdk/client-ssm";
import {
  parameterArn,
  parameterUse,
  type ParameterRecord,
  type ParameterVersionRecord,
  type Transaction,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { protect } from "../common/protected-values.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { invalid, versionsOf } from "./lookups.ts";
import { policiesOf } from "./parameter-policies.ts";
import { defaultTier } from "./service-settings.ts";

/** Source: Systems Manager User Guide, "Managing parameter tiers" and "Working with parameter versions". */
const STANDARD_MAX_BYTES = 4_096;
const ADVANCED_MAX_BYTES = 8_192;
const VERSIONS_MAX = 100;
const DEPTH_MAX = 15;
/** The characters of a parameter's ARN. Source: API_PutParameter, Name. */
const ARN_MAX = 1_011;
export const DEFAULT_KEY = "alias/aws/ssm";

/** Creates a parameter or, with Overwrite, a version of it. Source: API_PutParameter. */
export function putParameter(
  deps: ApiDeps,
  input: sdk.PutParameterRequest,
  context: RequestContext,
): sdk.PutParameterResult {
  const name = input.Name ?? "";
  checkName(name);
  const key = parameterArn(context, name);
  if (key.length > ARN_MAX)
    throw invalid(
      `The parameter name is too long: with the full length of its ARN it has at most ${ARN_MAX} characters.`,
    );
  return deps.store.transact((tx) => {
    const there = tx.get("parameter", key);
    const before = there && tx.get("parameterVersion", `${key}:${there.version}`);
    // `/a` and `a` would have one ARN, and policies could not tell them apart.
    if (there !== undefined && (input.Overwrite !== true || there.name !== name))
      throw new ApiError(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
      );
    if (there !== undefined && (input.Tags ?? []).length > 0)
      throw invalid(
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, " +
          "please remove overwrite flag. To update tags for an existing parameter, please use " +
          "AddTagsToResource or RemoveTagsFromResource.",
      );
    const parameter: ParameterRecord = {
      arn: parameterArn(context, name),
      name,
      account: context.account,
      region: context.region,
      version: (there?.version ?? 0) + 1,
      tags: there?.tags ?? toTags(input.Tags),
      policies: policiesOf(input.Policies, there, deps.clock.now()),
    };
    const version = newVersion(tx, deps, { input, parameter, before, context });
    if (version.tier === "Standard" && (parameter.policies ?? []).length > 0)
      throw invalid("Parameter policies are supported by advanced parameters alone: use the tier Advanced.");
    tx.put("parameter", key, parameter);
    tx.put("parameterVersion", `${key}:${version.version}`, version);
    dropOldest(tx, parameter);
    return { Version: version.version, Tier: version.tier };
  });
}

function newVersion(
  tx: Transaction,
  deps: ApiDeps,
  parts: {
    readonly input: sdk.PutParameterRequest;
    readonly parameter: ParameterRecord;
    readonly before: ParameterVersionRecord | undefined;
    readonly context: RequestContext;
  },
): ParameterVersionRecord {
  const { input, parameter, before, context } = parts;
  const type = input.Type ?? before?.type;
  if (type === undefined) throw invalid("A parameter type is required when you create a parameter.");
  const value = input.Value ?? "";
  const asked = input.Tier ?? (before === undefined ? defaultTier(tx, context) : undefined);
  const tier = tierOf(asked, value, before?.tier);
  checkValue(value, type, input.AllowedPattern);
  const isSecret = type === "SecureString";
  if (input.KeyId !== undefined && !isSecret)
    throw invalid("KeyId is required for SecureString type parameter only.");
  const keyId = isSecret ? (input.KeyId ?? before?.keyId ?? DEFAULT_KEY) : undefined;
  return {
    parameterArn: parameter.arn,
    version: parameter.version,
    type,
    value: isSecret ? undefined : value,
    ...(isSecret
      ? protect(tx, deps, context, { plaintext: value, keyId, use: parameterUse(parameter.arn) })
      : { sealedValue: undefined, kmsKeyArn: undefined }),
    keyId,
    description: input.Description ?? before?.description,
    allowedPattern: input.AllowedPattern,
    tier,
    dataType: input.DataType ?? "text",
    labels: [],
    modifiedAt: deps.clock.now(),
    modifiedBy: context.principal.arn,
  };
}

/** The tier that is asked for, or the one that the value needs. Errors: ValidationException. */
function tierOf(
  asked: sdk.PutParameterRequest["Tier"],
  value: string,
  before: ParameterVersionRecord["tier"] | undefined,
): ParameterVersionRecord["tier"] {
  const bytes = Buffer.byteLength(value);
  if (asked === "Standard" && before === "Advanced")
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the " +
        "advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the " +
        "advanced parameter and recreate it as a standard parameter.",
    );
  const isIntelligent = asked === "Intelligent-Tiering" && bytes > STANDARD_MAX_BYTES;
  const tier = asked === "Advanced" || before === "Advanced" || isIntelligent ? "Advanced" : "Standard";
  if (tier === "Standard" && bytes > STANDARD_MAX_BYTES)
    throw invalid(
      `Standard tier parameters support a maximum parameter value of ${STANDARD_MAX_BYTES} characters. ` +
        "To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. " +
        "For more information, see " +
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
    );
  if (bytes > ADVANCED_MAX_BYTES)
    throw invalid(
      `Advanced tier parameters support a maximum parameter value of ${ADVANCED_MAX_BYTES} characters.`,
    );
  return tier;
}

function checkValue(value: string, type: sdk.ParameterType, allowedPattern: string | undefined): void {
  if (value === "")
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have " +
        "length greater than or equal to 1.",
    );
  if (allowedPattern === undefined || allowedPattern === "") return;
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${allowedPattern})$`);
  } catch {
    throw new ApiError(
      "InvalidAllowedPatternException",
      `The regular expression ${allowedPattern} is not valid.`,
    );
  }
  const parts = type === "StringList" ? value.split(",") : [value];
  if (!parts.every((part) => pattern.test(part)))
    throw new ApiError(
      "ParameterPatternMismatchException",
      `Parameter value, cannot be validated against allowedPattern: ${allowedPattern}`,
    );
}

/** Source: API_PutParameter, Name. */
function checkName(name: string): void {
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(name))
    throw invalid(
      `Invalid parameter name. Please use alphanumeric characters and any of ".", "-", "_" or "/" in ` +
        "the parameter name.",
    );
  if (name.includes("/") && !name.startsWith("/"))
    throw invalid("Parameter name must be a fully qualified name.");
  if (name.includes("//") || name.endsWith("/"))
    throw invalid(`Invalid parameter name: ${name} has an empty level.`);
  if (/^\/?aws(?:\/|$)/i.test(name))
    throw new ApiError("AccessDeniedException", `No access to reserved parameter name: ${name}.`);
  if (/^\/?(?:aws|ssm)/i.test(name))
    throw invalid(
      `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive). If formed as a path, ` +
        "it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of " +
        "letters, numbers and the following 3 symbols .-_",
    );
  if (name.split("/").length - 1 > DEPTH_MAX)
    throw new ApiError(
      "HierarchyLevelLimitExceededException",
      `A parameter hierarchy can have at most ${DEPTH_MAX} levels.`,
    );
}

/**
 * The oldest version goes where there are too many; one with a label stays.
 * Source: API_PutParameter, ParameterMaxVersionLimitExceeded.
 */
function dropOldest(tx: Transaction, parameter: ParameterRecord): void {
  const versions = versionsOf(tx, parameter);
  const [oldest] = versions;
  if (versions.length <= VERSIONS_MAX || oldest === undefined) return;
  if (oldest.labels.length > 0)
    throw new ApiError(
      "ParameterMaxVersionLimitExceeded",
      `You attempted to create a new version of ${parameter.name} by calling the PutParameter API with ` +
        `the overwrite flag. Version ${oldest.version}, the oldest version, can't be deleted because it ` +
        "has a label associated with it. Move the label to another version of the parameter, and try " +
        "again.",
    );
  tx.delete("parameterVersion", `${oldest.parameterArn}:${oldest.version}`);
}
