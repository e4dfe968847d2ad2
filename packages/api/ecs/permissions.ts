import type { Attribute, DeploymentConfiguration, LoadBalancer } from "@aws-sdk/client-ecs";
import type * as sdk from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import type { Reader, TaskDefinitionRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { on, tagOnCreate, type Need, type PermissionTable } from "../common/permissions.ts";
import { capacityProviderArn } from "./capacity-strategy.ts";
import { containerInstanceArnOf } from "./container-instances.ts";
import { clusterArnOf, findTaskDefinition, taggedOf } from "./lookups.ts";
import { ecsResources, type EcsResources } from "./permission-resources.ts";

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon ECS". */
export function ecsPermissions(store: Reader) {
  const tagged = (input: { resourceArn?: string | undefined }, place: Place) =>
    on(taggedOf(store, place, input.resourceArn)?.arn ?? input.resourceArn ?? "*");
  const find = ecsResources(store);
  return {
    ...clusterPermissions(find),
    ...taskDefinitionPermissions(store),
    ...taskPermissions(store, find),
    ...containerInstancePermissions(find),
    ...servicePermissions(store, find),
    ...taskSetPermissions(store, find),
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

function clusterPermissions(find: EcsResources) {
  return {
    CreateCluster: (input, place) => [
      { resource: clusterArnOf(place, input.clusterName) },
      ...tagging(place, input.tags, `cluster/${input.clusterName ?? "default"}`, "CreateCluster"),
    ],
    DescribeClusters: (input, place) =>
      (input.clusters?.length ? input.clusters : [undefined]).map((name) => ({
        resource: find.cluster(place, name),
      })),
    UpdateCluster: (input, place) => on(find.cluster(place, input.cluster)),
    UpdateClusterSettings: (input, place) => on(find.cluster(place, input.cluster)),
    PutClusterCapacityProviders: (input, place) => on(find.cluster(place, input.cluster)),
    DescribeCapacityProviders: (input, place) =>
      (input.capacityProviders?.length ? input.capacityProviders : ["*"]).map((name) => ({
        resource: capacityProviderArn(place, name),
        ...(input.cluster === undefined
          ? {}
          : { conditions: { "ecs:cluster": find.cluster(place, input.cluster) } }),
      })),
    ListAccountSettings: "*",
    PutAccountSetting: (input) => accountSetting(input.name),
    PutAccountSettingDefault: (input) => accountSetting(input.name),
    DeleteAccountSetting: (input) => accountSetting(input.name),
    ListClusters: "*",
    DeleteCluster: (input, place) => on(find.cluster(place, input.cluster)),
  } satisfies PermissionTable<typeof sdk>;
}

function taskDefinitionPermissions(store: Reader) {
  return {
    RegisterTaskDefinition: (input, place) => [
      { resource: formatArn("ecs", place, `task-definition/${input.family ?? ""}:*`) },
      ...passRoles(definitionArnOf(place, input.family), [input.taskRoleArn, input.executionRoleArn]),
      ...tagging(place, input.tags, `task-definition/${input.family ?? ""}:*`, "RegisterTaskDefinition"),
    ],
    DescribeTaskDefinition: "*",
    ListTaskDefinitions: "*",
    ListTaskDefinitionFamilies: "*",
    DeregisterTaskDefinition: "*",
    DeleteTaskDefinitions: (input, place) =>
      (input.taskDefinitions ?? []).map((name) => ({
        resource: findTaskDefinition(store, place, name)?.arn ?? definitionArnOf(place, name),
      })),
  } satisfies PermissionTable<typeof sdk>;
}

function taskPermissions(store: Reader, find: EcsResources) {
  return {
    StartTask: (input, place) => {
      const record = findTaskDefinition(store, place, input.taskDefinition);
      const home = find.homeOf(place, input.cluster);
      const arn = record?.arn ?? definitionArnOf(place, input.taskDefinition);
      const instances = (input.containerInstances ?? []).map((name) => containerInstanceArnOf(home, name));
      const conditions = {
        "ecs:cluster": home.arn,
        "ecs:container-instances": instances,
        "ecs:enable-execute-command": String(input.enableExecuteCommand ?? false),
      };
      return [
        { resource: arn, conditions },
        ...passRoles(arn, [
          input.overrides?.taskRoleArn ?? record?.spec.taskRoleArn,
          input.overrides?.executionRoleArn ?? record?.spec.executionRoleArn,
        ]),
        ...tagging(place, input.tags, `task/${home.name}/*`, "StartTask"),
      ];
    },
    RunTask: (input, place) => {
      const record = findTaskDefinition(store, place, input.taskDefinition);
      const arn = find.cluster(place, input.cluster);
      return [
        {
          resource: record?.arn ?? definitionArnOf(place, input.taskDefinition),
          conditions: {
            "ecs:cluster": arn,
            "ecs:enable-execute-command": String(input.enableExecuteCommand ?? false),
          },
        },
        ...passRoles(record?.arn ?? definitionArnOf(place, input.taskDefinition), [
          input.overrides?.taskRoleArn ?? record?.spec.taskRoleArn,
          input.overrides?.executionRoleArn ?? record?.spec.executionRoleArn,
        ]),
        ...tagging(place, input.tags, `task/${arn.split("/").at(-1)}/*`, "RunTask"),
      ];
    },
    StopTask: (input, place) => find.inCluster(place, input.cluster, [input.task], "task"),
    DescribeTasks: (input, place) => find.inCluster(place, input.cluster, input.tasks ?? [], "task"),
    ListTasks: (input, place) => [
      { resource: "*", conditions: { "ecs:cluster": find.cluster(place, input.cluster) } },
    ],
  } satisfies PermissionTable<typeof sdk>;
}

function containerInstancePermissions(find: EcsResources) {
  return {
    ListContainerInstances: (input, place) => on(find.cluster(place, input.cluster)),
    DescribeContainerInstances: (input, place) =>
      find.instances(place, input.cluster, input.containerInstances),
    UpdateContainerInstancesState: (input, place) =>
      find.instances(place, input.cluster, input.containerInstances),
    DeregisterContainerInstance: (input, place) => on(find.cluster(place, input.cluster)),
    ListAttributes: (input, place) => on(find.cluster(place, input.cluster)),
    PutAttributes: (input, place) => find.instances(place, input.cluster, targetsOf(input.attributes)),
    DeleteAttributes: (input, place) => find.instances(place, input.cluster, targetsOf(input.attributes)),
  } satisfies PermissionTable<typeof sdk>;
}

function servicePermissions(store: Reader, find: EcsResources) {
  return {
    CreateService: (input, place) => {
      const record = findTaskDefinition(store, place, input.taskDefinition);
      const needs = find.inCluster(place, input.cluster, [input.serviceName], "service");
      const [own] = needs;
      return [
        ...needs.map((need) => ({
          ...need,
          conditions: { ...need.conditions, ...serviceKeys(record, input) },
        })),
        ...passRolesOf(record),
        ...passInfrastructureRoles(own?.resource, input.loadBalancers, input.deploymentConfiguration),
        ...tagOnCreate(input.tags, {
          action: "ecs:TagResource",
          resource: own?.resource ?? "*",
          conditions: { "ecs:CreateAction": "CreateService" },
        }),
      ];
    },
    UpdateService: (input, place) => {
      const record = findTaskDefinition(store, place, input.taskDefinition);
      const needs = find.inCluster(place, input.cluster, [input.service], "service");
      const [own] = needs;
      return [
        ...needs.map((need) => ({
          ...need,
          conditions: { ...need.conditions, ...serviceKeys(record, input) },
        })),
        ...passRolesOf(record),
        ...passInfrastructureRoles(own?.resource, input.loadBalancers, input.deploymentConfiguration),
      ];
    },
    DeleteService: (input, place) => find.inCluster(place, input.cluster, [input.service], "service"),
    DescribeServices: (input, place) => find.inCluster(place, input.cluster, input.services ?? [], "service"),
    ListServices: (input, place) => [
      { resource: "*", conditions: { "ecs:cluster": find.cluster(place, input.cluster) } },
    ],
    UpdateServicePrimaryTaskSet: (input, place) =>
      find.inCluster(place, input.cluster, [input.service], "service"),
    ListServiceDeployments: (input, place) =>
      find.inCluster(place, input.cluster, [input.service], "service"),
    DescribeServiceDeployments: (input) => inService(input.serviceDeploymentArns),
    DescribeServiceRevisions: (input) => inService(input.serviceRevisionArns),
    ContinueServiceDeployment: (input) => inService([input.serviceDeploymentArn]),
    StopServiceDeployment: (input) => inService([input.serviceDeploymentArn]),
  } satisfies PermissionTable<typeof sdk>;
}

function taskSetPermissions(store: Reader, find: EcsResources) {
  return {
    CreateTaskSet: (input, place) => {
      const record = findTaskDefinition(store, place, input.taskDefinition);
      const [own] = find.inCluster(place, input.cluster, [input.service], "service");
      return [
        {
          resource: "*",
          conditions: {
            ...own?.conditions,
            "ecs:service": own?.resource ?? "",
            ...(record === undefined ? {} : { "ecs:task-definition": record.arn }),
          },
        },
        ...passRolesOf(record),
        ...passInfrastructureRoles(own?.resource, input.loadBalancers),
        ...tagging(place, input.tags, "task-set/*", "CreateTaskSet"),
      ];
    },
    UpdateTaskSet: (input, place) => find.taskSets(place, input, [input.taskSet]),
    DeleteTaskSet: (input, place) => find.taskSets(place, input, [input.taskSet]),
    DescribeTaskSets: (input, place) =>
      find.taskSets(place, input, input.taskSets?.length ? input.taskSets : ["*"]),
  } satisfies PermissionTable<typeof sdk>;
}

function tagging(
  place: Place,
  tags: readonly unknown[] | undefined,
  type: string,
  operation: string,
): readonly Need[] {
  return tagOnCreate(tags, {
    action: "ecs:TagResource",
    resource: formatArn("ecs", place, type),
    conditions: { "ecs:CreateAction": operation },
  });
}

/**
 * Deployments and revisions by ARN, with their cluster as a condition key. Their ARNs are the only names that the
 * operations take, so the ARN that is asked for is the one that is used.
 */
function inService(arns: readonly (string | undefined)[] = []): readonly Need[] {
  return arns.map((arn = "*") => {
    const [head = "", cluster = ""] = arn.split("/");
    return {
      resource: arn,
      conditions: { "ecs:cluster": `${head.replace(/:[^:]*$/, "")}:cluster/${cluster}` },
    };
  });
}

/** The container instances that attributes belong to. */
function targetsOf(attributes: readonly Attribute[] = []): readonly string[] {
  return [...new Set(attributes.map((attribute) => attribute.targetId ?? ""))];
}

function accountSetting(name: string | undefined): readonly Need[] {
  return [{ resource: "*", conditions: { "ecs:account-setting": name ?? "" } }];
}

function definitionArnOf(place: Place, name = ""): string {
  if (name.startsWith("arn:")) return name;
  return formatArn("ecs", place, `task-definition/${/:\d+$/.test(name) ? name : `${name}:*`}`);
}

/** Condition keys of what runs in a service. Source: as above. */
function serviceKeys(
  definition: TaskDefinitionRecord | undefined,
  input: { enableExecuteCommand?: boolean | null | undefined },
): NonNullable<Need["conditions"]> {
  return {
    ...(definition === undefined ? {} : { "ecs:task-definition": definition.arn }),
    ...(typeof input.enableExecuteCommand === "boolean"
      ? { "ecs:enable-execute-command": String(input.enableExecuteCommand) }
      : {}),
  };
}

function passRolesOf(definition: TaskDefinitionRecord | undefined): readonly Need[] {
  if (definition === undefined) return [];
  return passRoles(definition.arn, [definition.spec.taskRoleArn, definition.spec.executionRoleArn]);
}

/**
 * The roles by which ECS changes listener rules and calls hooks.
 * Source: "Amazon ECS infrastructure IAM role for load balancers", "Permissions required for Lambda functions
 * in blue/green deployments".
 */
function passInfrastructureRoles(
  serviceArn: string | undefined,
  balancers: readonly LoadBalancer[] = [],
  deployments: DeploymentConfiguration = {},
): readonly Need[] {
  const roles = [
    ...balancers.map((balancer) => balancer.advancedConfiguration?.roleArn),
    ...(deployments.lifecycleHooks ?? []).map((hook) => hook.roleArn),
  ].filter((role) => role !== undefined);
  return [...new Set(roles)].map((resource) => ({
    action: "iam:PassRole",
    resource,
    conditions: {
      "iam:PassedToService": "ecs.amazonaws.com",
      ...(serviceArn === undefined ? {} : { "iam:AssociatedResourceArn": serviceArn }),
    },
  }));
}

/**
 * A caller that hands roles to tasks needs permission to pass them: on registration, and whenever it starts
 * tasks of a task definition, because someone else may have registered it. The roles are associated with the
 * task definition.
 * Source: ECS Developer Guide, "IAM roles for Amazon ECS".
 */
function passRoles(definitionArn: string, roles: readonly (string | undefined)[]): readonly Need[] {
  return [...new Set(roles)].flatMap((resource) =>
    resource === undefined
      ? []
      : [
          {
            action: "iam:PassRole",
            resource,
            conditions: {
              "iam:PassedToService": "ecs-tasks.amazonaws.com",
              "iam:AssociatedResourceArn": definitionArn,
            },
          },
        ],
  );
}
