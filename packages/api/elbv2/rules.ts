import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  type ListenerRecord,
  type LoadBalancerRecord,
  type Reader,
  type RuleRecord,
  writeActions,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { type ActionPlace, authenticationOf, presentActions, toActions } from "./actions.ts";
import { presentConditions, toConditions } from "./conditions.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";
import { findListener, findLoadBalancer, findRule } from "./lookups.ts";
import { checkGroupQuota, checkRuleQuota } from "./quotas.ts";
import { presentTransforms, toTransforms } from "./transforms.ts";
import { newTags } from "./tags.ts";
import { validation } from "./validation.ts";

/** Rules of listeners. Source: API_CreateRule and following. */
export function ruleOperations(deps: Elbv2Deps) {
  return {
    CreateRule: (input, context) => createRule(deps, input, context),
    ModifyRule: (input, context) => modifyRule(deps, input, context),
    SetRulePriorities: (input, context) => setRulePriorities(deps, input, context),
    DescribeRules: (input, context) => describeRules(deps, input, context),
    DeleteRule: (input, context) => deleteRule(deps, input, context),
  } satisfies Implementation<typeof elb>;
}

function createRule(
  deps: Elbv2Deps,
  input: elb.CreateRuleInput,
  context: RequestContext,
): elb.CreateRuleOutput {
  const { store, ids } = deps;
  const record = store.transact((tx) => {
    const listener = findListener(tx, context, input.ListenerArn);
    const priority = input.Priority ?? 0;
    checkPriority(tx, listener.arn, priority, undefined);
    checkRuleQuota(tx, listener);
    const rule: RuleRecord = {
      account: context.account,
      region: context.region,
      arn: `${listener.arn.replace(":listener/", ":listener-rule/")}/${ids.hex(16)}`,
      listenerArn: listener.arn,
      priority,
      conditions: toConditions(input.Conditions),
      transforms: toTransforms(input.Transforms),
      actions: [],
      tags: newTags(input.Tags),
    };
    const place = placeOf(deps, tx, listener);
    const actions = toActions(tx, input.Actions, place);
    tx.put("rule", rule.arn, rule);
    writeActions(tx, { kind: "rule", arn: rule.arn }, actions);
    checkGroupQuota(tx, place.balancer);
    return { ...rule, actions };
  });
  return { Rules: [presentRule(record)] };
}

function modifyRule(
  deps: Elbv2Deps,
  input: elb.ModifyRuleInput,
  context: RequestContext,
): elb.ModifyRuleOutput {
  const record = deps.store.transact((tx) => {
    const rule = findRule(tx, context, input.RuleArn);
    if (input.Transforms !== undefined && input.ResetTransforms === true)
      throw validation("Transforms cannot be specified when ResetTransforms is true");
    const conditions = input.Conditions === undefined ? rule.conditions : toConditions(input.Conditions);
    const changesTransforms = input.Transforms !== undefined || input.ResetTransforms === true;
    const transforms = changesTransforms ? toTransforms(input.Transforms) : rule.transforms;
    tx.put("rule", rule.arn, { ...rule, conditions, transforms });
    if (input.Actions !== undefined) {
      const listener = findListener(tx, context, rule.listenerArn);
      const place = { ...placeOf(deps, tx, listener), former: authenticationOf(rule.actions) };
      writeActions(tx, { kind: "rule", arn: rule.arn }, toActions(tx, input.Actions, place));
      checkGroupQuota(tx, place.balancer);
    }
    return findRule(tx, context, rule.arn);
  });
  return { Rules: [presentRule(record)] };
}

function setRulePriorities(
  { store }: Elbv2Deps,
  input: elb.SetRulePrioritiesInput,
  context: RequestContext,
): elb.SetRulePrioritiesOutput {
  const records = store.transact((tx) =>
    (input.RulePriorities ?? []).map((pair) => {
      const rule = findRule(tx, context, pair.RuleArn);
      checkPriority(tx, rule.listenerArn, pair.Priority ?? 0, rule.arn);
      const next: RuleRecord = { ...rule, priority: pair.Priority ?? 0 };
      tx.put("rule", rule.arn, next);
      return next;
    }),
  );
  return { Rules: records.map(presentRule) };
}

function describeRules(
  { store }: Elbv2Deps,
  input: elb.DescribeRulesInput,
  context: RequestContext,
): elb.DescribeRulesOutput {
  if (input.RuleArns !== undefined)
    return { Rules: input.RuleArns.map((arn) => presentRule(findRule(store, context, arn))) };
  const listener = findListener(store, context, input.ListenerArn);
  const own = store.listBy("rule", "listener", listener.arn).toSorted((a, b) => a.priority - b.priority);
  const byDefault: elb.Rule = {
    RuleArn: `${listener.arn.replace(":listener/", ":listener-rule/")}/default`,
    Priority: "default",
    Conditions: [],
    Actions: presentActions(listener.defaultActions),
    IsDefault: true,
  };
  return { Rules: [...own.map(presentRule), byDefault] };
}

function deleteRule({ store }: Elbv2Deps, input: elb.DeleteRuleInput, context: RequestContext): object {
  store.transact((tx) => tx.delete("rule", findRule(tx, context, input.RuleArn).arn));
  return {};
}

function placeOf(
  deps: Elbv2Deps,
  reader: Reader,
  listener: ListenerRecord,
): ActionPlace & { readonly balancer: LoadBalancerRecord } {
  return { listener, balancer: findLoadBalancer(reader, listener, listener.loadBalancerArn), secrets: deps };
}

function checkPriority(
  reader: Reader,
  listenerArn: string,
  priority: number,
  except: string | undefined,
): void {
  if (priority < 1 || priority > 50_000)
    throw validation(`Rule priority '${priority}' must be between 1 and 50000`);
  if (
    reader
      .listBy("rule", "listener", listenerArn)
      .some((rule) => rule.priority === priority && rule.arn !== except)
  )
    throw new ApiError("PriorityInUse", `Priority '${priority}' is currently in use`);
}

function presentRule(rule: RuleRecord): elb.Rule {
  return {
    RuleArn: rule.arn,
    Priority: String(rule.priority),
    Conditions: presentConditions(rule.conditions),
    Actions: presentActions(rule.actions),
    IsDefault: false,
    Transforms: presentTransforms(rule.transforms),
  };
}
