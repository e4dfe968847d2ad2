import type * as ecs from "@aws-sdk/client-ecs";
import type { DeploymentStrategy, RolloutSpec, ServiceDeploymentHook, ServiceRecord } from "@gantry/state";
import { refuseMembers } from "./api-error.ts";
import { invalidParameter } from "./lookups.ts";

type DeploymentSettings = Pick<
  ServiceRecord["spec"],
  | "minimumHealthyPercent"
  | "maximumPercent"
  | "circuitBreaker"
  | "rollout"
  | "deploymentAlarms"
  | "lifecycleHooks"
>;

export const DEPLOYMENT_DEFAULTS: DeploymentSettings = {
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: false, rollback: false },
};
/** Source: API_CanaryConfiguration, API_LinearConfiguration. */
const ALARMS_MAX = 10;
/** Source: API_DeploymentLifecycleHookTimeoutConfiguration. */
const HOOK_TIMEOUT_MINUTES = 1_440;
/** Stages at which a deployment cannot pause. Source: API_DeploymentLifecycleHook, lifecycleStages. */
const NOT_PAUSED: readonly string[] = ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"];
const CANARY_DEFAULTS = { percent: 5, bakeMinutes: 10 };
const LINEAR_DEFAULTS = { percent: 10, bakeMinutes: 6 };

/** The deployment settings that are given, over those that are kept. Errors: InvalidParameterException. */
export function toDeploymentConfiguration(
  given: ecs.DeploymentConfiguration | undefined,
  kept: DeploymentSettings,
): DeploymentSettings {
  if (given === undefined) return kept;
  refuseMembers(given, ["earlySuccessCriteria"], "InvalidParameterException", "deploymentConfiguration");
  const maximumPercent = given.maximumPercent ?? kept.maximumPercent;
  const minimumHealthyPercent = given.minimumHealthyPercent ?? kept.minimumHealthyPercent;
  if (maximumPercent < 100 || maximumPercent < minimumHealthyPercent || minimumHealthyPercent < 0)
    throw invalidParameter(
      "Both maximumPercent and minimumHealthyPercent cannot be 100 or less as this will block " +
        "deployments, and maximumPercent must be at least 100.",
    );
  const rollout = toRollout(given, kept.rollout);
  return {
    maximumPercent,
    minimumHealthyPercent,
    deploymentAlarms: given.alarms === undefined ? kept.deploymentAlarms : toAlarms(given.alarms),
    lifecycleHooks: toHooks(given, kept.lifecycleHooks, rollout?.strategy ?? "ROLLING"),
    circuitBreaker: toCircuitBreaker(given.deploymentCircuitBreaker, kept.circuitBreaker),
    rollout,
  };
}

/** Errors: InvalidParameterException. */
function toAlarms(given: ecs.DeploymentAlarms): DeploymentSettings["deploymentAlarms"] {
  const names = given.alarmNames ?? [];
  if (given.enable !== true)
    return names.length === 0 ? undefined : { names, rollback: given.rollback ?? false, isDisabled: true };
  if (names.length === 0 || names.length > ALARMS_MAX)
    throw invalidParameter(`Deployment alarms must name 1 to ${ALARMS_MAX} CloudWatch alarms.`);
  return { names, rollback: given.rollback ?? false };
}

/** Source: API_DeploymentLifecycleHook. Errors: InvalidParameterException. */
function toHooks(
  given: ecs.DeploymentConfiguration,
  kept: DeploymentSettings["lifecycleHooks"],
  strategy: DeploymentStrategy,
): DeploymentSettings["lifecycleHooks"] {
  if (given.lifecycleHooks === undefined) return strategy === "ROLLING" ? undefined : kept;
  if (given.lifecycleHooks.length === 0) return undefined;
  if (strategy === "ROLLING")
    throw invalidParameter("lifecycleHooks are not valid with the deployment strategy ROLLING.");
  return given.lifecycleHooks.map(toHook);
}

function toHook(hook: ecs.DeploymentLifecycleHook): ServiceDeploymentHook {
  const type = hook.targetType ?? "AWS_LAMBDA";
  const stages = hook.lifecycleStages ?? [];
  if (stages.length === 0) throw invalidParameter("A lifecycle hook must name a lifecycle stage.");
  const timeout = {
    timeoutMinutes: hook.timeoutConfiguration?.timeoutInMinutes ?? HOOK_TIMEOUT_MINUTES,
    timeoutAction: hook.timeoutConfiguration?.action ?? "ROLLBACK",
  } as const;
  if (type === "AWS_LAMBDA") {
    if (hook.hookTargetArn === undefined || hook.roleArn === undefined)
      throw invalidParameter(
        "A lifecycle hook of the type AWS_LAMBDA must have a hookTargetArn and a roleArn.",
      );
    const { hookTargetArn: targetArn, roleArn, hookDetails: details } = hook;
    return { type, targetArn, roleArn, stages, ...timeout, ...(details === undefined ? {} : { details }) };
  }
  refuseMembers(
    hook,
    ["hookTargetArn", "roleArn", "hookDetails"],
    "InvalidParameterException",
    "deploymentConfiguration.lifecycleHooks",
  );
  const shift = stages.find((stage) => NOT_PAUSED.includes(stage));
  if (shift !== undefined)
    throw invalidParameter(`A lifecycle hook of the type PAUSE is not valid at the stage ${shift}.`);
  return { type, targetArn: undefined, stages, ...timeout };
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
  if (strategy === "ROLLING" && (bakeTimeMinutes ?? 0) === 0) return undefined;
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
    ...presentAlarms(spec.deploymentAlarms),
    ...(spec.lifecycleHooks === undefined ? {} : { lifecycleHooks: spec.lifecycleHooks.map(presentHook) }),
  };
}

function presentAlarms(alarms: DeploymentSettings["deploymentAlarms"]): ecs.DeploymentConfiguration {
  if (alarms === undefined) return {};
  return {
    alarms: { alarmNames: [...alarms.names], enable: alarms.isDisabled !== true, rollback: alarms.rollback },
  };
}

type HookDetails = NonNullable<ecs.DeploymentLifecycleHook["hookDetails"]>;

function presentHook(hook: ServiceDeploymentHook): ecs.DeploymentLifecycleHook {
  return {
    targetType: hook.type,
    hookTargetArn: hook.targetArn,
    roleArn: hook.roleArn,
    ...(hook.details === undefined ? {} : { hookDetails: hook.details as HookDetails }), // As it was given.
    lifecycleStages: [...hook.stages],
    timeoutConfiguration: { timeoutInMinutes: hook.timeoutMinutes, action: hook.timeoutAction },
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
