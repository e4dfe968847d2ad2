import type { Balancer, BalancerAction, BalancerListener, BalancerRule } from "@gantry/agent-protocol";
import { backendName, hash } from "./names.ts";

type Forward = Extract<BalancerAction, { type: "forward" }>;

/** A forward picks its target group by a number below this: one millionth is the smallest share. */
export const DICE_SIDES = 1_000_000;
/** Answers 503: where a forward leads when none of its target groups has a weight. */
export const UNAVAILABLE_BACKEND = "unavailable";

const PREFIX = /^(?:weights|sticky)_/;

/**
 * The name of a forward's map. It depends on what leads to the action and not on the action, so that a change of weights
 * changes the content of the map alone.
 */
export function weightsName(
  balancer: Balancer,
  listener: BalancerListener,
  rule: BalancerRule | undefined,
  index: number,
): string {
  const place = rule === undefined ? "default" : [rule.priority ?? index, rule.conditions];
  return hash(JSON.stringify([balancer.arn, listener.port, place]));
}

/** From numbers to backends: each target group has as many of the numbers as its weight says. */
export function renderWeights({ targets }: Forward, known: ReadonlySet<string>): string {
  const live = liveTargets(targets, known);
  const total = live.reduce((sum, target) => sum + target.weight, 0);
  let sum = 0;
  return live
    .map((target) => {
      const from = Math.round((sum / total) * DICE_SIDES);
      sum += target.weight;
      const end = Math.round((sum / total) * DICE_SIDES);
      return `${from}:${end - 1} ${backendName(target.targetGroupArn)}\n`;
    })
    .join("");
}

/** Clients are kept while weights change, so also while only one of several target groups has a weight. */
export function keepsClients({ stickySeconds, targets }: Forward): boolean {
  return stickySeconds !== undefined && targets.length > 1;
}

/** From values of the cookie AWSALBTG to backends: a target group without a weight keeps no client. */
export function renderKept({ targets }: Forward, known: ReadonlySet<string>): string {
  return liveTargets(targets, known)
    .map(({ targetGroupArn }) => `${hash(targetGroupArn)} ${backendName(targetGroupArn)}\n`)
    .join("");
}

function liveTargets(targets: Forward["targets"], known: ReadonlySet<string>): Forward["targets"] {
  return targets.filter((target) => target.weight > 0 && known.has(target.targetGroupArn));
}

export function isWeightsFile(name: string): boolean {
  return PREFIX.test(name);
}
