import type { Balancer, BalancerAction, BalancerListener, BalancerRule } from "@gantry/agent-protocol";
import { backendName, hash } from "./names.ts";

export type Forward = Extract<BalancerAction, { type: "forward" }>;

/** A forward selects its target group by a random number below this: one millionth is the smallest share. */
export const DICE_SIDES = 1_000_000;
/** The backend that answers 503: the destination of a forward when none of its target groups has a weight. */
export const UNAVAILABLE_BACKEND = "unavailable";
/** The same for connections of network load balancers, which are closed. */
export const NETWORK_UNAVAILABLE_BACKEND = "network_unavailable";

const PREFIX = /^(?:weights|sticky)_/;

/**
 * The name of a forward's map. It depends on the place of the action and not on the action, so that a change
 * of weights changes only the content of the map.
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

/**
 * Maps the numbers from `first` on to backends: each target group gets a share of `DICE_SIDES` numbers by its
 * weight.
 */
export function renderWeights({ targets }: Forward, known: ReadonlySet<string>, first = 0): string {
  const live = liveTargets(targets, known);
  const total = live.reduce((sum, target) => sum + target.weight, 0);
  let sum = 0;
  return live
    .map((target) => {
      const from = Math.round((sum / total) * DICE_SIDES);
      sum += target.weight;
      const end = Math.round((sum / total) * DICE_SIDES);
      return `${first + from}:${first + end - 1} ${backendName(target.targetGroupArn)}\n`;
    })
    .join("");
}

/**
 * Stickiness continues while weights change, so also while only one of several target groups has a weight.
 */
export function keepsClients({ stickySeconds, targets }: Forward): boolean {
  return stickySeconds !== undefined && targets.length > 1;
}

/** Maps values of the cookie AWSALBTG to backends: stickiness ends for a target group without a weight. */
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
