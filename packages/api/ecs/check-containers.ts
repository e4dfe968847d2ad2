import type { ContainerSpec, VolumeSpec } from "@gantry/state";
import { refused } from "./registration-refusal.ts";

/** Checks containers against one another: names, ports, dependencies and mounted volumes. Errors: ClientException. */
export function checkContainers(containers: readonly ContainerSpec[], volumes: readonly VolumeSpec[]): void {
  if (!containers.some((container) => container.essential))
    throw refused(
      "Invalid setting for container. At least one container in a task definition must be marked as essential.",
    );
  const names = containers.map((container) => container.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(`Container.name '${twice}' should be unique.`);
  const ports = containers.flatMap((container) =>
    container.portMappings.map((mapping) => `${mapping.containerPort}/${mapping.protocol}`),
  );
  const clash = ports.find((port, index) => ports.indexOf(port) !== index);
  if (clash !== undefined)
    throw refused(
      `Port ${clash} is used by more than one container: in awsvpc mode the containers of a task share their ports.`,
    );
  for (const container of containers) {
    for (const { containerName, condition } of container.dependsOn) {
      const other = containers.find((each) => each.name === containerName);
      if (other === undefined || containerName === container.name)
        throw refused(
          `Container '${container.name}' depends on container '${containerName}', which is not another ` +
            "container of the task definition.",
        );
      if ((condition === "COMPLETE" || condition === "SUCCESS") && other.essential)
        throw refused(
          `A dependency with condition ${condition} must be on a container that is not essential: ${containerName}.`,
        );
      if (condition === "HEALTHY" && other.healthCheck === undefined)
        throw refused(
          `Container '${container.name}' waits for '${containerName}' to be HEALTHY, but that ` +
            "container has no health check.",
        );
    }
    for (const mount of container.mountPoints)
      if (!volumes.some((volume) => volume.name === mount.sourceVolume))
        throw refused(`Unknown volume '${mount.sourceVolume}'.`);
  }
  if (hasCycle(containers)) throw refused("Cycle detected in container dependencies.");
}

function hasCycle(containers: readonly ContainerSpec[]): boolean {
  const done = new Set<string>();
  let before = -1;
  while (done.size !== before) {
    before = done.size;
    for (const container of containers)
      if (container.dependsOn.every((dependency) => done.has(dependency.containerName)))
        done.add(container.name);
  }
  return done.size < containers.length;
}
