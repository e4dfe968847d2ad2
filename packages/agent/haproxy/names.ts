import { createHash } from "node:crypto";
import type { Balancer, BalancerListener } from "@gantry/agent-protocol";

export function balancerName(arn: string): string {
  return `lb_${hash(arn)}`;
}

export function frontendName(balancer: Balancer, listener: BalancerListener): string {
  return `${balancerName(balancer.arn)}_${listener.port}`;
}

export function backendName(targetGroupArn: string): string {
  return `tg_${hash(targetGroupArn)}`;
}

export function serverName(target: { readonly address: string; readonly port: number }): string {
  return `t_${target.address.replaceAll(".", "_")}_${target.port}`;
}

/** Derives a short name from any text. */
export function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
