import type * as sdk from "@aws-sdk/client-codedeploy";
import { trustsService } from "@gantry/iam";
import { formatArn } from "@gantry/kernel";
import type { CodeDeployGuards, CodeDeploySettings, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { clusterArnOf } from "../ecs/lookups.ts";
import { ApiError } from "./api-error.ts";

/** Source: CodeDeploy User Guide, "CodeDeploy quotas". */
const TERMINATION_MINUTES_MAX = 2_880;
const READY_MINUTES_MAX = 2_880;
const ALARMS_MAX = 50;
const ALARM_NAME_MAX = 255;

type GroupInput = Omit<sdk.CreateDeploymentGroupInput, "deploymentGroupName" | "serviceRoleArn"> & {
  serviceRoleArn?: string | undefined;
};

/** The settings that an input gives, over those that a group has. Errors: those of CreateDeploymentGroup. */
export function toSettings(
  reader: Reader,
  place: Place,
  input: GroupInput,
  options: { kept: CodeDeploySettings | undefined; groupArn: string; now: number },
): CodeDeploySettings {
  const { kept, groupArn, now } = options;
  checkStyle(input, kept);
  return {
    serviceRoleArn:
      input.serviceRoleArn === undefined && kept !== undefined
        ? kept.serviceRoleArn
        : toRole(reader, place, input.serviceRoleArn, { groupArn, now }),
    ...(input.ecsServices === undefined && kept !== undefined
      ? pick(kept, "clusterName", "serviceName", "serviceArn")
      : toService(reader, place, input.ecsServices, groupArn)),
    ...(input.loadBalancerInfo === undefined && kept !== undefined
      ? pick(kept, "targetGroupNames", "productionListenerArn", "testListenerArn")
      : toBalancers(reader, place, input.loadBalancerInfo)),
    ...(input.blueGreenDeploymentConfiguration === undefined && kept !== undefined
      ? pick(kept, "termination", "ready")
      : toWaits(input.blueGreenDeploymentConfiguration)),
    ...toGuards(input.alarmConfiguration, input.autoRollbackConfiguration, kept),
  };
}

function pick<T, K extends keyof T>(from: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>; // The names that were asked for.
}

/**
 * Errors: InvalidDeploymentStyleException, InvalidAutoScalingGroupException.
 * Source of their sentences: answers of CodeDeploy that users of its Terraform resource and CloudFormation
 * resource report.
 */
function checkStyle(input: GroupInput, kept: CodeDeploySettings | undefined): void {
  const { deploymentStyle: style } = input;
  const isGiven = style !== undefined || kept === undefined;
  if (
    isGiven &&
    (style?.deploymentType !== "BLUE_GREEN" || style.deploymentOption !== "WITH_TRAFFIC_CONTROL")
  )
    throw new ApiError(
      "InvalidDeploymentStyleException",
      "For ECS deployment, the deployment type must be BLUE_GREEN, and deployment option must be WITH_TRAFFIC_CONTROL.",
    );
  if ((input.autoScalingGroups ?? []).length > 0)
    throw new ApiError(
      "InvalidAutoScalingGroupException",
      "For ECS deployment group, autoScalingGroups can not be specified",
    );
}

/**
 * Errors: RoleRequiredException, InvalidRoleException. Source of the sentence: Troubleshooting CodeDeploy,
 * IAM_ROLE_PERMISSIONS, and users' reports.
 */
function toRole(
  reader: Reader,
  place: Place,
  arn: string | undefined,
  { groupArn, now }: { groupArn: string; now: number },
): string {
  if (arn === undefined || arn === "")
    throw new ApiError("RoleRequiredException", "The role ID was not specified.");
  const role = reader.get("role", arn);
  const caller = {
    service: "codedeploy.amazonaws.com",
    sourceArn: groupArn,
    sourceAccount: place.account,
    now,
  };
  if (role?.account !== place.account || !trustsService(role, caller))
    throw new ApiError(
      "InvalidRoleException",
      `AWS CodeDeploy does not have the permissions required to assume the role ${arn}.`,
    );
  return role.arn;
}

/**
 * Errors: InvalidECSServiceException, ECSServiceMappingLimitExceededException.
 * Source of the sentences: users' reports for the deployment controller; API_CreateDeploymentGroup, Errors,
 * for the mapping.
 */
function toService(
  reader: Reader,
  place: Place,
  services: readonly sdk.ECSService[] = [],
  groupArn: string,
): Pick<CodeDeploySettings, "clusterName" | "serviceName" | "serviceArn"> {
  const [given] = services;
  if (given === undefined || services.length !== 1)
    throw invalidService("a deployment group has exactly one service");
  const { clusterName = "default", serviceName = "" } = given;
  const cluster = within(reader.get("cluster", clusterArnOf(place, clusterName)), place);
  const arn = formatArn("ecs", place, `service/${cluster?.name ?? ""}/${serviceName.split("/").at(-1)}`);
  const service = within(reader.get("service", arn), place);
  if (service?.status !== "ACTIVE")
    throw invalidService(`the cluster ${clusterName} has no service ${serviceName}`);
  if (service.spec.controller !== "CODE_DEPLOY")
    throw new ApiError(
      "InvalidECSServiceException",
      "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
    );
  const other = reader
    .listBy("codeDeployGroup", "service", service.arn)
    .find((each) => each.arn !== groupArn);
  if (other !== undefined)
    throw new ApiError(
      "ECSServiceMappingLimitExceededException",
      "The Amazon ECS service is associated with more than one deployment groups. An Amazon ECS service can be " +
        "associated with only one deployment group.",
    );
  return { clusterName, serviceName, serviceArn: service.arn };
}

/**
 * Errors: InvalidLoadBalancerInfoException, InvalidTargetGroupPairException,
 * InvalidTrafficRoutingConfigurationException.
 * Source of the sentences: issues 9124 (loadBalancerInfo) and 29628 (listeners) of hashicorp's
 * terraform-provider-aws, and reports of users of the CloudFormation resource.
 */
function toBalancers(
  reader: Reader,
  place: Place,
  info: sdk.LoadBalancerInfo | undefined,
): Pick<CodeDeploySettings, "targetGroupNames" | "productionListenerArn" | "testListenerArn"> {
  const invalid = (rest: string): ApiError =>
    new ApiError("InvalidLoadBalancerInfoException", `For ECS deployment group, loadBalancerInfo ${rest}`);
  if (info === undefined) throw invalid("must be specified");
  if ((info.elbInfoList ?? []).length > 0) throw invalid("must not contain elbInfo list");
  const pairs = info.targetGroupPairInfoList ?? [];
  const [pair] = pairs;
  if (pair === undefined || pairs.length !== 1) throw invalid("must contain exactly one target group pair");
  const names = (pair.targetGroups ?? []).map(({ name = "" }) => name);
  if (names.length !== 2 || new Set(names).size !== 2)
    throw invalidPair("it has exactly two different target groups");
  const notOne = (kind: string): ApiError =>
    new ApiError(
      "InvalidTrafficRoutingConfigurationException",
      `${kind} traffic route must have exactly one listener Arn`,
    );
  const listener = (route: sdk.TrafficRoute | undefined, kind: string): string | undefined => {
    const arns = route?.listenerArns ?? [];
    if (arns.length > 1) throw notOne(kind);
    const [arn] = arns;
    if (arn !== undefined && within(reader.get("listener", arn), place) === undefined)
      throw invalid(`must contain existing listeners, not ${arn}`);
    return arn;
  };
  const production = listener(pair.prodTrafficRoute, "Production");
  if (production === undefined) throw notOne("Production");
  const test = listener(pair.testTrafficRoute, "Test");
  if (test === production) throw invalidPair("its production and test listeners differ");
  return { targetGroupNames: names, productionListenerArn: production, testListenerArn: test };
}

/**
 * Errors: InvalidBlueGreenDeploymentConfigurationException. Source of its first sentence: as for
 * `checkStyle`.
 */
function toWaits(
  given: sdk.BlueGreenDeploymentConfiguration | undefined,
): Pick<CodeDeploySettings, "termination" | "ready"> {
  if (given === undefined)
    throw new ApiError(
      "InvalidBlueGreenDeploymentConfigurationException",
      "For ECS deployment group, blueGreenDeploymentConfiguration must be specified",
    );
  const termination = given.terminateBlueInstancesOnDeploymentSuccess ?? {};
  const ready = given.deploymentReadyOption ?? {};
  const minutes = (value: number | undefined, most: number, name: string): number => {
    const wait = value ?? 0;
    if (wait < 0 || wait > most) throw invalidWait(`${name} is from 0 to ${most} minutes`);
    return wait;
  };
  const action = ready.actionOnTimeout ?? "CONTINUE_DEPLOYMENT";
  const waitMinutes = minutes(ready.waitTimeInMinutes, READY_MINUTES_MAX, "waitTimeInMinutes");
  if (action === "CONTINUE_DEPLOYMENT" && waitMinutes > 0)
    throw invalidWait("waitTimeInMinutes is 0 where actionOnTimeout is CONTINUE_DEPLOYMENT");
  return {
    termination: {
      action: termination.action ?? "TERMINATE",
      waitMinutes: minutes(
        termination.terminationWaitTimeInMinutes,
        TERMINATION_MINUTES_MAX,
        "terminationWaitTimeInMinutes",
      ),
    },
    ready: { action, waitMinutes },
  };
}

/** The sentence of the API reference, and the cause. */
function invalidService(cause: string): ApiError {
  return new ApiError(
    "InvalidECSServiceException",
    `The Amazon ECS service identifier is not valid: ${cause}.`,
  );
}

/** The sentence of the API reference, and the cause. */
function invalidPair(cause: string): ApiError {
  return new ApiError(
    "InvalidTargetGroupPairException",
    `A target group pair associated with this deployment is not valid: ${cause}.`,
  );
}

/** The sentence of the API reference, and the cause. */
function invalidWait(cause: string): ApiError {
  return new ApiError(
    "InvalidBlueGreenDeploymentConfigurationException",
    `The configuration for the blue/green deployment group was provided in an invalid format: ${cause}.`,
  );
}

/** Errors: InvalidAlarmConfigException, for each cause that its documentation in the SDK lists. */
function checkAlarmNames(names: readonly string[], isEnabled: boolean): void {
  const invalid = (cause: string): ApiError =>
    new ApiError(
      "InvalidAlarmConfigException",
      `The format of the alarm configuration is invalid: ${cause}.`,
    );
  if (names.some((name) => name === "" || name.length > ALARM_NAME_MAX))
    throw invalid("The alarm name is empty or null or exceeds the limit of 255 characters");
  if (new Set(names).size < names.length) throw invalid("Two alarms with the same name have been specified");
  if (isEnabled && names.length === 0)
    throw invalid("The alarm configuration is enabled, but the alarm list is empty");
}

/**
 * Alarms and rollbacks, given or kept.
 * Errors: InvalidAlarmConfigException, AlarmsLimitExceededException, InvalidAutoRollbackConfigException.
 */
export function toGuards(
  alarms: sdk.AlarmConfiguration | undefined,
  rollback: sdk.AutoRollbackConfiguration | undefined,
  kept: CodeDeployGuards | undefined,
): CodeDeployGuards {
  const names = (alarms?.alarms ?? []).map(({ name = "" }) => name);
  if (names.length > ALARMS_MAX)
    throw new ApiError(
      "AlarmsLimitExceededException",
      `The maximum number of alarms for a deployment group (${ALARMS_MAX}) was exceeded.`,
    );
  checkAlarmNames(names, alarms?.enabled === true);
  const events = rollback?.events ?? [];
  if (rollback?.enabled === true && events.length === 0)
    throw new ApiError(
      "InvalidAutoRollbackConfigException",
      "The automatic rollback configuration was specified in an invalid format. For example, automatic rollback " +
        "is enabled, but an invalid triggering event type or no event types were listed.",
    );
  return {
    alarms:
      alarms === undefined
        ? (kept?.alarms ?? { enabled: false, names: [], ignorePollAlarmFailure: false })
        : {
            enabled: alarms.enabled ?? false,
            names,
            ignorePollAlarmFailure: alarms.ignorePollAlarmFailure ?? false,
          },
    autoRollback:
      rollback === undefined
        ? (kept?.autoRollback ?? { enabled: false, events: [] })
        : { enabled: rollback.enabled ?? false, events },
  };
}

/** The settings that a group and its deployments show. */
export function presentSettings(settings: CodeDeploySettings) {
  const { alarms, autoRollback, termination, ready, productionListenerArn, testListenerArn } = settings;
  return {
    alarmConfiguration: {
      enabled: alarms.enabled,
      ignorePollAlarmFailure: alarms.ignorePollAlarmFailure,
      alarms: alarms.names.map((name) => ({ name })),
    },
    autoRollbackConfiguration: { enabled: autoRollback.enabled, events: [...autoRollback.events] },
    deploymentStyle: {
      deploymentType: "BLUE_GREEN",
      deploymentOption: "WITH_TRAFFIC_CONTROL",
    },
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: {
        action: termination.action,
        terminationWaitTimeInMinutes: termination.waitMinutes,
      },
      deploymentReadyOption: { actionOnTimeout: ready.action, waitTimeInMinutes: ready.waitMinutes },
    },
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: settings.targetGroupNames.map((name) => ({ name })),
          prodTrafficRoute: { listenerArns: [productionListenerArn] },
          ...(testListenerArn === undefined ? {} : { testTrafficRoute: { listenerArns: [testListenerArn] } }),
        },
      ],
    },
  } satisfies Partial<sdk.DeploymentGroupInfo>;
}
