import type * as ecs from "@aws-sdk/client-ecs";
import type { RolloutSpec, ServiceRecord } from "@gantry/state";
import { refuseMembers } from "../common/refuse.ts";
import { invalidParameter } from "./lookups.ts";

type DeploymentSettings = Pick<
  ServiceRecord["spec"],
  "minimumHealthyPercent" | "maximumPercent" | "circuitBreaker" | "rollout"
>;

export const DEPLOYMENT_DEFAULTS: DeploymentSettings = {
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: false, rollback: false },
};
/** Source: API_CanaryConfiguration, API_LinearConfiguration. */
const CANARY_DEFAULTS = { percent: 5, bakeMinutes: 10 };
const LINEAR_DEFAULTS = { percent: 10, bakeMinutes: 6 };

/** The deployment settings that are given, over those that are kept. Errors: InvalidParameterException. */
export function toDeploymentConfiguration(
  given: ecs.DeploymentConfiguration | undefined,
  kept: DeploymentSettings,
): DeploymentSettings {
  if (given === undefined) return kept;
  refuseMembers(
    { ...given, alarms: given.alarms?.enable === true ? given.alarms : undefined },
    ["alarms", "lifecycleHooks", "earlySuccessCriteria"],
    "InvalidParameterException",
    "deploymentConfiguration",
  );
  const maximumPercent = given.maximumPercent ?? kept.maximumPercent;
  const minimumHealthyPercent = given.minimumHealthyPercent ?? kept.minimumHealthyPercent;
  if (maximumPercent < 100 || maximumPercent < minimumHealthyPercent || minimumHealthyPercent < 0)
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 or less as this will block deployments, and maximumPercent must be at least 100.",
    );
  return {
    maximumPercent,
    minimumHealthyPercent,
    circuitBreaker: toCircuitBreaker(given.deploymentCircuitBreaker, kept.circuitBreaker),
    rollout: toRollout(given, kept.rollout),
  };
}

function toCircuitBreaker(
  given: ecs.DeploymentCircuitBreaker | undefined,
  kept: DeploymentSettings["circuitBreaker"],
): DeploymentSettings["circuitBreaker"] {
  if (given === undefined) return kept;
  refuseMembers(
    { ...given, resetOnHealthyTask: given.resetOnHealthyTask === false ? "false" : undefined },
    ["resetOnHealthyTask", "thresholdConfiguration"],
    "InvalidParameterException",
    "deploymentConfiguration.deploymentCircuitBreaker",
  );
  return { enable: given.enable ?? false, rollback: given.rollback ?? false };
}

/** The strategy with its settings; undefined for ROLLING. Errors: InvalidParameterException. */
function toRollout(
  given: ecs.DeploymentConfiguration,
  kept: RolloutSpec | undefined,
): RolloutSpec | undefined {
  const strategy = given.strategy ?? kept?.strategy ?? "ROLLING";
  if (given.canaryConfiguration !== undefined && strategy !== "CANARY")
    throw invalidParameter("canaryConfiguration is only valid with the deployment strategy CANARY.");
  if (given.linearConfiguration !== undefined && strategy !== "LINEAR")
    throw invalidParameter("linearConfiguration is only valid with the deployment strategy LINEAR.");
  const bakeTimeMinutes = given.bakeTimeInMinutes ?? kept?.bakeTimeMinutes;
  if (strategy === "ROLLING") {
    refuseMembers(
      { bakeTimeInMinutes: given.bakeTimeInMinutes || undefined },
      ["bakeTimeInMinutes"],
      "InvalidParameterException",
      "deploymentConfiguration",
    );
    return undefined;
  }
  if (strategy === "BLUE_GREEN" && bakeTimeMinutes === undefined)
    throw invalidParameter("bakeTimeInMinutes is required with the deployment strategy BLUE_GREEN.");
  const { canaryConfiguration: canary, linearConfiguration: linear } = given;
  return {
    strategy,
    bakeTimeMinutes: bakeTimeMinutes ?? 0,
    canary:
      strategy === "CANARY"
        ? {
            percent: toTenth(canary?.canaryPercent ?? kept?.canary?.percent ?? CANARY_DEFAULTS.percent),
            bakeMinutes:
              canary?.canaryBakeTimeInMinutes ?? kept?.canary?.bakeMinutes ?? CANARY_DEFAULTS.bakeMinutes,
          }
        : undefined,
    linear:
      strategy === "LINEAR"
        ? {
            percent: toTenth(linear?.stepPercent ?? kept?.linear?.percent ?? LINEAR_DEFAULTS.percent),
            bakeMinutes:
              linear?.stepBakeTimeInMinutes ?? kept?.linear?.bakeMinutes ?? LINEAR_DEFAULTS.bakeMinutes,
          }
        : undefined,
  };
}

/** Percentages are multiples of 0.1. Source: API_CanaryConfiguration, API_LinearConfiguration. */
function toTenth(percent: number): number {
  const tenths = Math.round(percent * 10);
  if (Math.abs(tenths / 10 - percent) > 1e-9)
    throw invalidParameter(`The percentage ${percent} must be a multiple of 0.1.`);
  return tenths / 10;
}

/** A service's settings as DescribeServices shows them. */
export function presentDeploymentConfiguration(spec: ServiceRecord["spec"]): ecs.DeploymentConfiguration {
  const { rollout } = spec;
  return {
    minimumHealthyPercent: spec.minimumHealthyPercent,
    maximumPercent: spec.maximumPercent,
    deploymentCircuitBreaker: { ...spec.circuitBreaker },
    ...presentRollout(rollout),
  };
}

/** The strategy of a service, or the one that a deployment began with. */
export function presentRollout(rollout: RolloutSpec | undefined): ecs.DeploymentConfiguration {
  const { canary, linear } = rollout ?? {};
  return {
    strategy: rollout?.strategy ?? "ROLLING",
    bakeTimeInMinutes: rollout?.bakeTimeMinutes ?? 0,
    ...(canary === undefined
      ? {}
      : {
          canaryConfiguration: {
            canaryPercent: canary.percent,
            canaryBakeTimeInMinutes: canary.bakeMinutes,
          },
        }),
    ...(linear === undefined
      ? {}
      : {
          linearConfiguration: { stepPercent: linear.percent, stepBakeTimeInMinutes: linear.bakeMinutes },
        }),
  };
}
