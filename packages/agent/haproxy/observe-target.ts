import type { TargetObservation } from "@gantry/agent-protocol";
import type { ServerStat } from "./proxy-socket.ts";

/** The proxy's words for a check that passed. Source: HAProxy 2.6 management guide §9.1. */
export const PASSED: ReadonlySet<string> = new Set(["L4OK", "L6OK", "L7OK", "L7OKC"]);

/** A target that is left out of the configuration receives no requests. Source: ELBv2 API_TargetHealth. */
export function refusedTarget(reason: string): Pick<TargetObservation, "health" | "reason" | "description"> {
  return { health: "unhealthy", reason: "Elb.InternalError", description: reason };
}

/** Source of the words: ELBv2 API_TargetHealth. */
export function observeTarget(
  targetGroupArn: string,
  target: { address: string; port: number; draining: boolean },
  stat: ServerStat | undefined,
  leaving: boolean,
): TargetObservation {
  const base = {
    targetGroupArn,
    address: target.address,
    port: target.port,
    draining: target.draining,
    inFlight: (stat?.sessions ?? 0) + (leaving ? 1 : 0),
  };
  const initial = {
    ...base,
    health: "initial" as const,
    reason: "Elb.RegistrationInProgress",
    description: "Target registration is in progress",
  };
  if (stat === undefined) return initial;
  if (stat.status.startsWith("UP") || stat.status === "no check" || stat.status === "DRAIN")
    return { ...base, health: "healthy", reason: undefined, description: undefined };
  // The check passed, but not yet often enough in a row: there is no failure to report.
  if (PASSED.has(stat.checkStatus))
    return {
      ...initial,
      reason: "Elb.InitialHealthChecking",
      description: "Initial health checks in progress",
    };
  switch (stat.checkStatus) {
    case "":
    case "UNK":
    case "INI":
      return {
        ...initial,
        reason: "Elb.InitialHealthChecking",
        description: "Initial health checks in progress",
      };
    case "L7STS":
      return {
        ...base,
        health: "unhealthy",
        reason: "Target.ResponseCodeMismatch",
        description: `Health checks failed with these codes: [${stat.checkCode}]`,
      };
    case "L4TOUT":
    case "L6TOUT":
    case "L7TOUT":
      return { ...base, health: "unhealthy", reason: "Target.Timeout", description: "Request timed out" };
    default:
      return {
        ...base,
        health: "unhealthy",
        reason: "Target.FailedHealthChecks",
        description: "Health checks failed",
      };
  }
}
