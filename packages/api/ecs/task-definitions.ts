import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import type { TaskDefinitionRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { presentLowerTags, toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { toTaskDefinitionSpec } from "./task-definition-spec.ts";
import { findTaskDefinition, invalidParameter } from "./lookups.ts";
import { presentQueries, loadClusterQueries } from "./placement.ts";

/** Task definitions. Source: API_RegisterTaskDefinition and following. */
export function taskDefinitionOperations(deps: ApiDeps) {
  return {
    RegisterTaskDefinition: (input, context) => registerTaskDefinition(deps, input, context),
    DescribeTaskDefinition: (input, context) => describeTaskDefinition(deps, input, context),
    ListTaskDefinitions: (input, context) => listTaskDefinitions(deps, input, context),
    ListTaskDefinitionFamilies: (input, context) => listTaskDefinitionFamilies(deps, input, context),
    DeregisterTaskDefinition: (input, context) => deregisterTaskDefinition(deps, input, context),
    DeleteTaskDefinitions: (input, context) => deleteTaskDefinitions(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

async function registerTaskDefinition(
  deps: ApiDeps,
  input: ecs.RegisterTaskDefinitionRequest,
  context: RequestContext,
): Promise<ecs.RegisterTaskDefinitionResponse> {
  await loadClusterQueries();
  const { store, clock } = deps;
  const spec = toTaskDefinitionSpec(input, deps);
  for (const role of [spec.taskRoleArn, spec.executionRoleArn])
    if (role !== undefined) checkPassedRole(role, context);
  const family = input.family ?? "";
  const record = store.transact((tx) => {
    const revision = tx.next(`task-definition/${context.account}/${context.region}/${family}`);
    const definition: TaskDefinitionRecord = {
      account: context.account,
      region: context.region,
      arn: formatArn("ecs", context, `task-definition/${family}:${revision}`),
      family,
      revision,
      status: "ACTIVE",
      spec,
      presented: {
        containerDefinitions: (input.containerDefinitions ?? []).map(presentContainer),
        volumes: (input.volumes ?? []).map((volume) => presentVolume(volume)),
      },
      requiresAttributes: requiredAttributes(spec),
      registeredBy: context.principal.arn,
      registeredAt: clock.now(),
      deregisteredAt: undefined,
      tags: toTags(input.tags),
    };
    tx.put("taskDefinition", definition.arn, definition);
    return definition;
  });
  return {
    taskDefinition: presentTaskDefinition(record),
    ...(input.tags === undefined ? {} : { tags: input.tags }),
  };
}

function describeTaskDefinition(
  { store }: ApiDeps,
  input: ecs.DescribeTaskDefinitionRequest,
  context: RequestContext,
): ecs.DescribeTaskDefinitionResponse {
  const record = findTaskDefinition(store, context, input.taskDefinition);
  if (record === undefined) throw new ApiError("ClientException", "Unable to describe task definition.");
  return {
    taskDefinition: presentTaskDefinition(record),
    ...(input.include?.includes("TAGS") ? { tags: presentLowerTags(record.tags) } : {}),
  };
}

function listTaskDefinitions(
  { store }: ApiDeps,
  input: ecs.ListTaskDefinitionsRequest,
  context: RequestContext,
): ecs.ListTaskDefinitionsResponse {
  const status = input.status ?? "ACTIVE";
  const prefix = input.familyPrefix;
  const found = store
    .list("taskDefinition", formatArn("ecs", context, "task-definition/"))
    .filter((each) => each.status === status && (prefix === undefined || each.family === prefix));
  const sorted = found.toSorted((a, b) =>
    a.family < b.family ? -1 : a.family > b.family ? 1 : a.revision - b.revision,
  );
  const ordered = input.sort === "DESC" ? sorted.toReversed() : sorted;
  const keyOf = (each: TaskDefinitionRecord) => String(ordered.indexOf(each)).padStart(9, "0");
  const { items, nextToken } = page(ordered, keyOf, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { taskDefinitionArns: items.map((each) => each.arn), nextToken };
}

function listTaskDefinitionFamilies(
  { store }: ApiDeps,
  input: ecs.ListTaskDefinitionFamiliesRequest,
  context: RequestContext,
): ecs.ListTaskDefinitionFamiliesResponse {
  const { status = "ALL", familyPrefix = "" } = input;
  const definitions = store.list("taskDefinition", formatArn("ecs", context, "task-definition/"));
  const active = new Set(definitions.flatMap((each) => (each.status === "ACTIVE" ? each.family : [])));
  // A family is inactive while none of its revisions is active. Source: API_ListTaskDefinitionFamilies, status.
  const families = [...new Set(definitions.map((each) => each.family))]
    .filter((family) => status === "ALL" || (status === "ACTIVE") === active.has(family))
    .filter((family) => family.startsWith(familyPrefix))
    .toSorted();
  const { items, nextToken } = page(families, (family) => family, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { families: [...items], nextToken };
}

function deregisterTaskDefinition(
  { store, clock }: ApiDeps,
  input: ecs.DeregisterTaskDefinitionRequest,
  context: RequestContext,
): ecs.DeregisterTaskDefinitionResponse {
  const record = store.transact((tx) => {
    const found = findTaskDefinition(tx, context, input.taskDefinition);
    if (found === undefined || !/:\d+$/.test(input.taskDefinition ?? ""))
      throw new ApiError(
        "ClientException",
        found === undefined ? "Unable to describe task definition." : "Revision is missing.",
      );
    if (found.status !== "ACTIVE")
      throw new ApiError("InvalidParameterException", "Task definition is inactive.");
    const next: TaskDefinitionRecord = { ...found, status: "INACTIVE", deregisteredAt: clock.now() };
    tx.put("taskDefinition", next.arn, next);
    return next;
  });
  return { taskDefinition: presentTaskDefinition(record) };
}

function deleteTaskDefinitions(
  { store }: ApiDeps,
  input: ecs.DeleteTaskDefinitionsRequest,
  context: RequestContext,
): ecs.DeleteTaskDefinitionsResponse {
  const deleted: ecs.TaskDefinition[] = [];
  const failures: ecs.Failure[] = [];
  store.transact((tx) => {
    for (const name of input.taskDefinitions ?? []) {
      const found = findTaskDefinition(tx, context, name);
      if (found === undefined) failures.push({ arn: name, reason: "TASK_DEFINITION_NOT_FOUND" });
      else if (found.status === "ACTIVE")
        failures.push({
          arn: found.arn,
          reason:
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
        });
      else {
        const used =
          tx
            .list("task")
            .some((task) => task.taskDefinitionArn === found.arn && task.lastStatus !== "STOPPED") ||
          tx.list("taskSet").some((set) => set.taskDefinitionArn === found.arn);
        const next: TaskDefinitionRecord = { ...found, status: "DELETE_IN_PROGRESS" };
        if (used) tx.put("taskDefinition", found.arn, next);
        else tx.delete("taskDefinition", found.arn);
        deleted.push(presentTaskDefinition(next));
      }
    }
  });
  return { taskDefinitions: deleted, failures };
}

/**
 * Refuses a role that is not one of the caller's account. That the caller may pass it is asked with the
 * operation's permissions.
 * Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service". Errors:
 * ClientException, AccessDeniedException.
 */
export function checkPassedRole(roleArn: string, place: Place): void {
  const account = /^arn:aws:iam::(\d{12}):role\/.+$/.exec(roleArn)?.[1];
  if (account === undefined) throw new ApiError("ClientException", "Role is not valid");
  if (account !== place.account)
    throw new ApiError("AccessDeniedException", "Cross-account pass role is not allowed.");
}

/** Defaults as AWS shows them in an answer. */
function presentContainer(container: ecs.ContainerDefinition): object {
  const { portMappings, ...rest } = container;
  return {
    ...rest,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    environment: container.environment ?? [],
    mountPoints: container.mountPoints ?? [],
    volumesFrom: container.volumesFrom ?? [],
    systemControls: container.systemControls ?? [],
    portMappings: (portMappings ?? []).map((mapping) => ({
      ...mapping,
      hostPort: mapping.hostPort || mapping.containerPort,
      protocol: mapping.protocol ?? "tcp",
    })),
    ...(container.healthCheck === undefined
      ? {}
      : {
          healthCheck: {
            ...container.healthCheck,
            interval: container.healthCheck.interval ?? 30,
            timeout: container.healthCheck.timeout ?? 5,
            retries: container.healthCheck.retries ?? 3,
          },
        }),
  };
}

function presentVolume(volume: ecs.Volume): object {
  const efs = volume.efsVolumeConfiguration;
  const sourcePath = volume.host?.sourcePath || undefined;
  if (efs === undefined) return { name: volume.name, host: sourcePath === undefined ? {} : { sourcePath } };
  return { name: volume.name, efsVolumeConfiguration: { ...efs, rootDirectory: efs.rootDirectory || "/" } };
}

export function presentTaskDefinition(record: TaskDefinitionRecord): ecs.TaskDefinition {
  const { spec } = record;
  return {
    taskDefinitionArn: record.arn,
    family: record.family,
    revision: record.revision,
    status: record.status,
    containerDefinitions: [...record.presented.containerDefinitions],
    volumes: [...record.presented.volumes],
    placementConstraints: presentQueries(spec.memberOf),
    networkMode: spec.networkMode,
    pidMode: spec.pidMode,
    requiresCompatibilities: [...spec.requiresCompatibilities],
    compatibilities: ["EC2", "FARGATE"],
    cpu: spec.cpu === undefined ? undefined : String(spec.cpu),
    memory: spec.memoryMiB === undefined ? undefined : String(spec.memoryMiB),
    taskRoleArn: spec.taskRoleArn,
    executionRoleArn: spec.executionRoleArn,
    runtimePlatform: spec.runtimePlatform as ecs.RuntimePlatform | undefined, // Stored as it was given.
    ephemeralStorage:
      spec.ephemeralStorageGiB === undefined ? undefined : { sizeInGiB: spec.ephemeralStorageGiB },
    requiresAttributes: record.requiresAttributes.map((name) => ({ name })),
    registeredAt: new Date(record.registeredAt),
    registeredBy: record.registeredBy,
    deregisteredAt: record.deregisteredAt === undefined ? undefined : new Date(record.deregisteredAt),
  };
}

/** What a container instance would need. Source: amazon-ecs-agent, agent/app/agent_capability.go. */
function requiredAttributes(spec: TaskDefinitionRecord["spec"]): readonly string[] {
  const attributes = ["com.amazonaws.ecs.capability.docker-remote-api.1.18", "ecs.capability.task-eni"];
  if (spec.containers.some((container) => container.logConfiguration?.logDriver === "awslogs"))
    attributes.push(
      "com.amazonaws.ecs.capability.logging-driver.awslogs",
      "ecs.capability.execution-role-awslogs",
      "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    );
  const secrets = spec.containers.flatMap((container) => container.secrets ?? []);
  const isFromAsm = ({ valueFrom }: { valueFrom: string }) => valueFrom.startsWith("arn:aws:secretsmanager:");
  if (secrets.some(isFromAsm)) attributes.push("ecs.capability.secrets.asm.environment-variables");
  if (secrets.some((secret) => !isFromAsm(secret)))
    attributes.push("ecs.capability.secrets.ssm.environment-variables");
  if (spec.containers.some(({ environmentFiles = [] }) => environmentFiles.length > 0))
    attributes.push("ecs.capability.env-files.s3");
  if (spec.containers.some(({ repositoryCredentials }) => repositoryCredentials !== undefined))
    attributes.push("ecs.capability.private-registry-authentication.secretsmanager");
  if (spec.taskRoleArn !== undefined) attributes.push("com.amazonaws.ecs.capability.task-iam-role");
  if (spec.containers.some((container) => container.healthCheck !== undefined))
    attributes.push(
      "com.amazonaws.ecs.capability.docker-remote-api.1.24",
      "ecs.capability.container-health-check",
    );
  if (spec.containers.some((container) => container.dependsOn.length > 0))
    attributes.push("ecs.capability.container-ordering");
  if (spec.volumes.some((volume) => volume.efs !== undefined))
    attributes.push("ecs.capability.efs", "com.amazonaws.ecs.capability.docker-remote-api.1.25");
  return attributes;
}
