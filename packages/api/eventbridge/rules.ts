import type * as sdk from "@aws-sdk/client-eventbridge";
import {
  DEFAULT_BUS,
  EventPatternError,
  eventRuleArnOf,
  nextOfRule,
  parseEventPattern,
  parseSchedule,
  type EventPattern,
  type EventRuleRecord,
} from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { busArnOf, busNameOf, findBus, findRule, pageOf, validation } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
export const RULES_MAX = 300;

/** Rules of a bus. */
export function ruleOperations(deps: ApiDeps) {
  return {
    PutRule: (input, context) => putRule(deps, input, context),
    DescribeRule: (input, context) => ({
      ...presentRule(findRule(deps.store, context, input.EventBusName, input.Name)),
      CreatedBy: context.account,
    }),
    ListRules: (input, context) => listRules(deps, input, context),
    ListRuleNamesByTarget: (input, context) => namesByTarget(deps, input, context),
    EnableRule: (input, context) => setEnabled(deps, input, context, true),
    DisableRule: (input, context) => setEnabled(deps, input, context, false),
    DeleteRule: (input, context) => deleteRule(deps, input, context),
    TestEventPattern: (input) => testPattern(input),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Creates a rule, or replaces all of it but its targets and tags. Source: API_PutRule.
 * Errors: ResourceNotFoundException, InvalidEventPatternException, ValidationException, LimitExceededException.
 */
function putRule({ store, clock }: ApiDeps, input: sdk.PutRuleRequest, place: Place): sdk.PutRuleResponse {
  const now = clock.now();
  const { ScheduleExpression: schedule, EventPattern: pattern } = input;
  if (schedule === undefined && pattern === undefined)
    throw validation("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  if (pattern !== undefined) readPattern(pattern);
  if (schedule !== undefined && (!/^(?:rate|cron)\(/.test(schedule) || !isSchedule(schedule)))
    throw validation("Parameter ScheduleExpression is not valid.");
  if (schedule !== undefined && busNameOf(input.EventBusName) !== DEFAULT_BUS)
    throw validation("ScheduleExpression is supported only on the default event bus.");
  return store.transact((tx) => {
    const bus = findBus(tx, place, input.EventBusName);
    const arn = eventRuleArnOf(place, bus.name, input.Name ?? "");
    const before = tx.get("eventRule", arn);
    if (before === undefined && tx.countBy("eventRule", "bus", bus.arn) >= RULES_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    const rule: EventRuleRecord = {
      account: place.account,
      region: place.region,
      arn,
      name: input.Name ?? "",
      busArn: bus.arn,
      busName: bus.name,
      description: input.Description,
      pattern,
      schedule,
      enabled: input.State !== "DISABLED",
      roleArn: input.RoleArn,
      targets: before?.targets ?? [],
      tags: before?.tags ?? toTags(input.Tags),
      createdAt: before?.createdAt ?? now,
      nextAt: undefined,
    };
    tx.put("eventRule", arn, { ...rule, nextAt: nextOfRule(rule, now) });
    return { RuleArn: arn };
  });
}

function isSchedule(text: string): boolean {
  return parseSchedule(text, { startAt: 0 }) !== undefined;
}

/** Errors: InvalidEventPatternException. */
export function readPattern(text: string): EventPattern {
  try {
    return parseEventPattern(text);
  } catch (thrown) {
    if (!(thrown instanceof EventPatternError)) throw thrown;
    throw new ApiError(
      "InvalidEventPatternException",
      `Event pattern is not valid. Reason: ${thrown.message}`,
    );
  }
}

/** Errors: ResourceNotFoundException. */
function setEnabled(
  { store, clock }: ApiDeps,
  input: { readonly Name: string | undefined; readonly EventBusName?: string | undefined },
  place: Place,
  enabled: boolean,
): object {
  store.transact((tx) => {
    const rule = { ...findRule(tx, place, input.EventBusName, input.Name), enabled };
    tx.put("eventRule", rule.arn, { ...rule, nextAt: nextOfRule(rule, clock.now()) });
  });
  return {};
}

/** Errors: ResourceNotFoundException, ValidationException for a rule that has targets. */
function deleteRule({ store }: ApiDeps, input: sdk.DeleteRuleRequest, place: Place): object {
  store.transact((tx) => {
    const rule = findRule(tx, place, input.EventBusName, input.Name);
    if (rule.targets.length > 0) throw validation("Rule can't be deleted since it has targets.");
    tx.delete("eventRule", rule.arn);
  });
  return {};
}

/** Errors: ResourceNotFoundException. */
function listRules({ store }: ApiDeps, input: sdk.ListRulesRequest, place: Place): sdk.ListRulesResponse {
  const bus = findBus(store, place, input.EventBusName);
  const all = store
    .listBy("eventRule", "bus", bus.arn)
    .filter(({ name }) => name.startsWith(input.NamePrefix ?? ""));
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { Rules: items.map(presentRule), NextToken: nextToken };
}

function namesByTarget(
  { store }: ApiDeps,
  input: sdk.ListRuleNamesByTargetRequest,
  place: Place,
): sdk.ListRuleNamesByTargetResponse {
  const all = store
    .listBy("eventRule", "bus", busArnOf(place, input.EventBusName))
    .filter(({ targets }) => targets.some(({ arn }) => arn === input.TargetArn));
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { RuleNames: items.map(({ name }) => name), NextToken: nextToken };
}

/** Errors: InvalidEventPatternException, ValidationException. */
function testPattern(input: sdk.TestEventPatternRequest): sdk.TestEventPatternResponse {
  const pattern = readPattern(input.EventPattern ?? "");
  let event: unknown;
  try {
    event = JSON.parse(input.Event ?? "");
  } catch {
    throw validation("Parameter Event is not valid.");
  }
  if (typeof event !== "object" || event === null || Array.isArray(event))
    throw validation("Parameter Event is not valid.");
  for (const name of ["id", "account", "source", "time", "region", "resources", "detail-type"])
    if (!Object.hasOwn(event, name)) throw missingField(name);
  return { Result: pattern.matches(event as Record<string, unknown>) }; // An object, as above.
}

function missingField(name: string): ApiError {
  return validation(`Parameter Event is not valid. Reason: ${name} is a required field.`);
}

function presentRule(rule: EventRuleRecord): sdk.Rule {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.pattern,
    ScheduleExpression: rule.schedule,
    State: rule.enabled ? "ENABLED" : "DISABLED",
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: rule.busName,
  };
}
