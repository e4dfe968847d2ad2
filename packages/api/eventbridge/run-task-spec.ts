import type * as events from "@aws-sdk/client-eventbridge";
import type * as scheduler from "@aws-sdk/client-scheduler";
import type { EventTargetRecord } from "@gantry/state";

/**
 * The tasks that a target starts, in the form of RunTask.
 * Source: API_EcsParameters of EventBridge and of Scheduler.
 */
export function runTaskSpec(
  parameters: events.EcsParameters | scheduler.EcsParameters | undefined,
): EventTargetRecord["runTask"] {
  if (parameters === undefined) return undefined;
  const { awsvpcConfiguration: network } = parameters.NetworkConfiguration ?? {};
  const members: Readonly<Record<string, unknown>> = {
    taskDefinition: parameters.TaskDefinitionArn,
    count: parameters.TaskCount,
    launchType: parameters.LaunchType,
    capacityProviderStrategy: parameters.CapacityProviderStrategy?.map(({ capacityProvider, weight, base }) =>
      given({ capacityProvider, weight, base }),
    ),
    placementConstraints: parameters.PlacementConstraints?.map(({ type, expression }) =>
      given({ type, expression }),
    ),
    placementStrategy: parameters.PlacementStrategy?.map(({ type, field }) => given({ type, field })),
    platformVersion: parameters.PlatformVersion,
    group: parameters.Group,
    enableECSManagedTags: parameters.EnableECSManagedTags,
    enableExecuteCommand: parameters.EnableExecuteCommand,
    propagateTags: parameters.PropagateTags,
    tags: parameters.Tags?.map(toTag),
    networkConfiguration:
      network === undefined
        ? undefined
        : {
            awsvpcConfiguration: given({
              subnets: network.Subnets,
              securityGroups: network.SecurityGroups,
              assignPublicIp: network.AssignPublicIp,
            }),
          },
  };
  return given(members);
}

/** EventBridge has pairs of `Key` and `Value`, Scheduler maps with `key` and `value`. */
function toTag(
  tag: { readonly Key?: unknown; readonly Value?: unknown } | Readonly<Record<string, string>>,
): object {
  const { Key, Value, key, value } = tag as Readonly<Record<string, unknown>>; // One of the two forms.
  return { key: Key ?? key, value: Value ?? value };
}

function given(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
