import type * as ecs from "@aws-sdk/client-ecs";
import type { Reader, ServiceRegistry, TaskDefinitionRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { invalidParameter } from "./lookups.ts";

const PORT_MAX = 65_535;

/**
 * The service of Cloud Map that tasks are registered in: at most one. A registry with SRV records needs a port, or
 * a container with a port, others take none. Source: API_ServiceRegistry. Errors: InvalidParameterException.
 */
export function toServiceRegistries(
  reader: Reader,
  place: Place,
  definition: TaskDefinitionRecord,
  given: readonly ecs.ServiceRegistry[] | undefined,
): readonly ServiceRegistry[] | undefined {
  const [registry, ...more] = given ?? [];
  if (registry === undefined) return undefined;
  if (more.length > 0) throw invalidParameter("serviceRegistries cannot have more than 1 element.");
  const { registryArn, port, containerName, containerPort } = registry;
  const record = within(reader.get("discoveryService", registryArn), place);
  if (record === undefined)
    throw invalidParameter(`The service registry ${registryArn ?? ""} could not be found.`);
  const types = record.dns?.records.map(({ type }) => type) ?? [];
  const foreign = types.find((type) => type === "AAAA" || type === "CNAME");
  if (foreign !== undefined)
    throw invalidParameter(
      `The service registry ${record.arn} has a DNS record of type ${foreign}. Use A or SRV records.`,
    );
  checkPorts(definition, registry, types.includes("SRV"));
  return [
    {
      registryArn: record.arn,
      ...(port === undefined ? {} : { port }),
      ...(containerName === undefined ? {} : { containerName }),
      ...(containerPort === undefined ? {} : { containerPort }),
    },
  ];
}

function checkPorts(definition: TaskDefinitionRecord, registry: ecs.ServiceRegistry, isSrv: boolean): void {
  for (const member of ["containerPort", "containerName", "port"] as const)
    if (!isSrv && registry[member] !== undefined)
      throw invalidParameter(
        `The values specified for serviceRegistries do not require a value for '${member}'. ` +
          "Remove the value and retry.",
      );
  if (!isSrv) return;
  const { port, containerName, containerPort } = registry;
  const hasContainer = containerName !== undefined && containerPort !== undefined;
  if ((port === undefined) !== hasContainer)
    throw invalidParameter(
      "When specifying service registries with SRV records, either a containerName and containerPort " +
        "combination or a port value must be specified, but not both.",
    );
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > PORT_MAX))
    throw invalidParameter(`The port ${port} of the service registry is invalid.`);
  if (hasContainer) checkContainer(definition, containerName, containerPort);
}

function checkContainer(definition: TaskDefinitionRecord, name: string, port: number): void {
  const container = definition.spec.containers.find((candidate) => candidate.name === name);
  if (container === undefined)
    throw invalidParameter(`The container ${name} does not exist in the task definition.`);
  if (!container.portMappings.some((mapping) => mapping.containerPort === port))
    throw invalidParameter(`The container ${name} did not have a container port ${port} defined.`);
}

export function presentServiceRegistries(
  registries: readonly ServiceRegistry[] | undefined,
): ecs.ServiceRegistry[] {
  return (registries ?? []).map((each) => ({ ...each }));
}
