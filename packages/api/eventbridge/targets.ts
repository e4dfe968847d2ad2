import type * as sdk from "@aws-sdk/client-eventbridge";
import type { EventTargetRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findRule, pageOf, validation } from "./lookups.ts";
import { targetProblem, toTarget } from "./target-spec.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
const TARGETS_MAX = 5;

/** Targets of rules. */
export function targetOperations(deps: ApiDeps) {
  return {
    PutTargets: (input, context) => putTargets(deps, input, context),
    RemoveTargets: (input, context) => removeTargets(deps, input, context),
    ListTargetsByRule: (input, context) => listTargets(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Adds targets, or replaces those with the same id. Source: API_PutTargets.
 * Errors: ResourceNotFoundException, LimitExceededException, ValidationException.
 */
function putTargets({ store }: ApiDeps, input: sdk.PutTargetsRequest, place: Place): sdk.PutTargetsResponse {
  store.transact((tx) => {
    const rule = findRule(tx, place, input.EventBusName, input.Rule);
    const given = (input.Targets ?? []).map((target) => {
      const problem = targetProblem(target, place);
      if (problem !== undefined) throw validation(problem);
      return toTarget(target);
    });
    const ids = new Set(given.map(({ id }) => id));
    if (ids.size < given.length) throw validation("Duplicate target ids.");
    const targets = [...rule.targets.filter(({ id }) => !ids.has(id)), ...given];
    if (targets.length > TARGETS_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    tx.put("eventRule", rule.arn, { ...rule, targets });
  });
  return { FailedEntryCount: 0, FailedEntries: [] };
}

/** Errors: ResourceNotFoundException for the rule. An id that is not there is a failed entry. */
function removeTargets(
  { store }: ApiDeps,
  input: sdk.RemoveTargetsRequest,
  place: Place,
): sdk.RemoveTargetsResponse {
  const { Ids: ids = [] } = input;
  const missing = store.transact((tx) => {
    const rule = findRule(tx, place, input.EventBusName, input.Rule);
    tx.put("eventRule", rule.arn, { ...rule, targets: rule.targets.filter(({ id }) => !ids.includes(id)) });
    return ids.filter((id) => !rule.targets.some((target) => target.id === id));
  });
  return {
    FailedEntryCount: missing.length,
    FailedEntries: missing.map((id) => ({
      TargetId: id,
      ErrorCode: "ResourceNotFoundException",
      ErrorMessage: `Rule ${input.Rule ?? ""} does not have a target with ID ${id}.`,
    })),
  };
}

/** Errors: ResourceNotFoundException. */
function listTargets(
  { store }: ApiDeps,
  input: sdk.ListTargetsByRuleRequest,
  place: Place,
): sdk.ListTargetsByRuleResponse {
  const rule = findRule(store, place, input.EventBusName, input.Rule);
  const all = rule.targets.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const { items, nextToken } = pageOf(all, ({ id }) => id, input);
  return { Targets: items.map(presentTarget), NextToken: nextToken };
}

function presentTarget(target: EventTargetRecord): sdk.Target {
  return { ...target.parameters, Id: target.id, Arn: target.arn, RoleArn: target.roleArn };
}
