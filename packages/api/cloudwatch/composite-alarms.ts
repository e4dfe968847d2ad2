import type * as sdk from "@aws-sdk/client-cloudwatch";
import {
  alarmsOfRule,
  AlarmRuleError,
  parseAlarmRule,
  type CompositeAlarmSpec,
  type Reader,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { refuseMembers } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { alarmArnOf, alarmOf, invalidCombination, missingParameter, validationError } from "./lookups.ts";
import { saveAlarm } from "./save-alarm.ts";

/** Source: API_PutCompositeAlarm, AlarmRule. */
const RULE_MAX = 10_240;

/** Creates an alarm on the states of other alarms, or replaces its configuration. Source: API_PutCompositeAlarm. */
export function putCompositeAlarm(
  deps: CloudWatchDeps,
  input: sdk.PutCompositeAlarmInput,
  context: RequestContext,
): object {
  refuseMembers(input, ["ActionConfiguration"], "InvalidParameterValue");
  const { AlarmRule: rule = "", AlarmName: name = "" } = input;
  if (rule.length > RULE_MAX)
    throw validationError(`AlarmRule must not be longer than ${RULE_MAX} characters.`);
  checkRule(deps.store, context, { name, rule });
  saveAlarm(deps, context, input, { type: "composite", rule, suppressor: suppressorOf(input) });
  return {};
}

function suppressorOf(input: sdk.PutCompositeAlarmInput): CompositeAlarmSpec["suppressor"] {
  const { ActionsSuppressor: alarm, ActionsSuppressorWaitPeriod: wait } = input;
  const { ActionsSuppressorExtensionPeriod: extension } = input;
  if (alarm === undefined) {
    if (wait === undefined && extension === undefined) return undefined;
    throw invalidCombination(
      "The parameters ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need ActionsSuppressor.",
    );
  }
  if (wait === undefined) throw missingParameter("ActionsSuppressorWaitPeriod");
  if (extension === undefined) throw missingParameter("ActionsSuppressorExtensionPeriod");
  return { alarm, waitPeriod: wait, extensionPeriod: extension };
}

/**
 * Errors: ValidationError where the rule cannot be read, names an alarm that is not there, or leads back to
 * the alarm.
 */
function checkRule(reader: Reader, place: Place, { name, rule }: { name: string; rule: string }): void {
  const seen = new Set<string>();
  const visit = (text: string): void => {
    for (const given of alarmsOf(text)) {
      const child = nameOf(place, given);
      if (child === name) throw validationError(`The AlarmRule of ${name} refers to ${name} itself.`);
      if (seen.has(child)) continue;
      seen.add(child);
      const alarm = alarmOf(reader, place, child);
      if (alarm === undefined)
        throw validationError(`AlarmRule contains an alarm that does not exist: ${given}`);
      if (alarm.spec.type === "composite") visit(alarm.spec.rule);
    }
  };
  visit(rule);
}

function alarmsOf(rule: string): readonly string[] {
  try {
    return alarmsOfRule(parseAlarmRule(rule));
  } catch (thrown) {
    if (thrown instanceof AlarmRuleError) throw validationError(thrown.message);
    throw thrown;
  }
}

/** Rules name alarms by name or by ARN. */
function nameOf(place: Place, given: string): string {
  const prefix = alarmArnOf(place, "");
  return given.startsWith(prefix) ? given.slice(prefix.length) : given;
}
