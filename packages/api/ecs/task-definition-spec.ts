import type * as ecs from "@aws-sdk/client-ecs";
import type { ContainerSpec, TaskDefinitionRecord } from "@gantry/state";
import type { ApiDeps } from "../common/api-deps.ts";
import { refuseMembers } from "./api-error.ts";
import { checkContainers } from "./check-containers.ts";
import { checkSizes } from "./check-sizes.ts";
import { needsExecutionRole } from "./container-secrets.ts";
import { toContainerSpec } from "./container-spec.ts";
import { checkHostAccess } from "./host-access.ts";
import { refused } from "./registration-refusal.ts";
import { parseCpu, parseMemory } from "./task-sizes.ts";
import { toVolumeSpec } from "./volume-spec.ts";
import { clusterQueries } from "./placement.ts";

type Spec = TaskDefinitionRecord["spec"];

const ECR_IMAGE = /(^|\/)\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\//;
const CONTAINERS_MAX = 10;
/** Source: API_RegisterTaskDefinition, placementConstraints. */
const CONSTRAINTS_MAX = 10;

/**
 * A registration as a spec with every default filled in.
 * Errors: ClientException, in AWS's wording where it is known.
 */
export function toTaskDefinitionSpec(
  input: ecs.RegisterTaskDefinitionRequest,
  { allowHostAccess }: Pick<ApiDeps, "allowHostAccess">,
): Spec {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.family ?? ""))
    throw refused(
      "Invalid family name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and " +
        "hyphens are allowed.",
    );
  refuseMembers(
    input,
    ["ipcMode", "proxyConfiguration", "inferenceAccelerators", "enableFaultInjection"],
    "ClientException",
  );
  const compatibilities = (input.requiresCompatibilities ?? []).map(toCompatibility);
  const isFargate = compatibilities.includes("FARGATE");
  checkNetworkMode(input.networkMode, isFargate);
  const definitions = input.containerDefinitions ?? [];
  if (definitions.length === 0) throw refused("Container definitions should not be null or empty.");
  if (definitions.length > CONTAINERS_MAX)
    throw refused(`Too many container definitions: at most ${CONTAINERS_MAX} are allowed.`);
  checkHostAccess(input, { isFargate, allowHostAccess });
  const volumes = (input.volumes ?? []).map(toVolumeSpec);
  const containers = definitions.map((definition) => toContainerSpec(definition, isFargate));
  const cpu = parseCpu(input.cpu);
  const memoryMiB = parseMemory(input.memory);
  checkContainers(containers, volumes);
  checkSizes(containers, { cpu, memoryMiB, isFargate });
  if (input.executionRoleArn === undefined) checkNeedsNoExecutionRole(containers, isFargate);
  return {
    containers,
    volumes,
    networkMode: "awsvpc",
    pidMode: input.pidMode === "host" ? "host" : undefined,
    requiresCompatibilities: compatibilities,
    cpu,
    memoryMiB,
    taskRoleArn: input.taskRoleArn || undefined,
    executionRoleArn: input.executionRoleArn || undefined,
    runtimePlatform: input.runtimePlatform && {
      cpuArchitecture: input.runtimePlatform.cpuArchitecture,
      operatingSystemFamily: input.runtimePlatform.operatingSystemFamily,
    },
    ephemeralStorageGiB: input.ephemeralStorage?.sizeInGiB,
    ...toQueries(input.placementConstraints ?? [], isFargate),
  };
}

/** Source: API_RegisterTaskDefinition, placementConstraints: memberOf alone, and none for Fargate. */
function toQueries(
  constraints: readonly ecs.TaskDefinitionPlacementConstraint[],
  isFargate: boolean,
): Pick<Spec, "memberOf"> {
  if (constraints.length === 0) return {};
  if (isFargate) throw refused("Placement constraints are not supported with FARGATE launch type.");
  if (constraints.length > CONSTRAINTS_MAX)
    throw refused(`Too many placement constraints: at most ${CONSTRAINTS_MAX} are allowed.`);
  return {
    memberOf: constraints.map(({ type, expression }) =>
      clusterQueries().toQuery({ type, expression }, refused),
    ),
  };
}

function checkNetworkMode(networkMode: string | undefined, isFargate: boolean): void {
  if (networkMode === "awsvpc") return;
  if (isFargate) throw refused("Fargate only supports network mode ‘awsvpc’.");
  throw refused(
    "Gantry supports only the network mode awsvpc so far, not " +
      `${networkMode ?? "bridge (the default)"}: set networkMode to awsvpc.`,
  );
}

/**
 * Secrets, environment files and credentials of registries need an execution role; on Fargate, logs and
 * images of ECR too.
 */
function checkNeedsNoExecutionRole(containers: readonly ContainerSpec[], isFargate: boolean): void {
  const must = (what: string) => refused(needsExecutionRole(what));
  if (containers.some(({ secrets = [] }) => secrets.length > 0)) throw must("container secrets");
  if (containers.some(({ logConfiguration }) => logConfiguration?.secretOptions !== undefined))
    throw must("secretOptions");
  if (containers.some(({ environmentFiles = [] }) => environmentFiles.length > 0))
    throw must("environmentFiles");
  if (containers.some(({ repositoryCredentials }) => repositoryCredentials !== undefined))
    throw must("repositoryCredentials");
  if (!isFargate) return;
  if (containers.some((container) => container.logConfiguration?.logDriver === "awslogs"))
    throw refused(
      "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    );
  if (containers.some((container) => ECR_IMAGE.test(container.image)))
    throw refused("Fargate requires task definition to have execution role ARN to support ECR images.");
}

function toCompatibility(value: string): "FARGATE" | "EC2" {
  if (value === "FARGATE" || value === "EC2") return value;
  throw refused(`Gantry supports the launch types FARGATE and EC2, not ${value}.`);
}
