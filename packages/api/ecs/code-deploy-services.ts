import type * as ecs from "@aws-sdk/client-ecs";
import type { Ids } from "@gantry/kernel";
import {
  addTaskSet,
  makePrimary,
  type ServiceRecord,
  type ServiceVersion,
  type Transaction,
} from "@gantry/state";
import { invalidParameter } from "./lookups.ts";

/** Members of UpdateService that are CodeDeploy's to change, in ECS's words. */
const OF_DEPLOYMENTS = {
  taskDefinition: "task definition",
  networkConfiguration: "network parameters",
  loadBalancers: "load balancers",
  serviceRegistries: "service registries",
  platformVersion: "platform version",
} as const;

/**
 * What a service with the deployment controller CODE_DEPLOY needs.
 * Source: API_CreateService.
 * Errors: InvalidParameterException.
 */
export function checkCodeDeploy(input: ecs.CreateServiceRequest): void {
  const { deploymentConfiguration, loadBalancers = [] } = input;
  if ((deploymentConfiguration?.strategy ?? "ROLLING") !== "ROLLING")
    throw invalidParameter("Deployment strategies are not valid with the deployment controller CODE_DEPLOY.");
  if (deploymentConfiguration?.alarms?.enable === true)
    throw invalidParameter("Deployment alarms are not valid with the deployment controller CODE_DEPLOY.");
  if (loadBalancers.length !== 1)
    throw invalidParameter(
      "A service with the deployment controller CODE_DEPLOY must have exactly one load balancer.",
    );
}

/** Stores a service with its primary task set, which CodeDeploy replaces by others. */
export function putCodeDeployService(
  tx: Transaction,
  service: ServiceRecord,
  version: ServiceVersion,
  { ids, now }: { ids: Ids; now: number },
): ServiceRecord {
  const record: ServiceRecord = { ...service, spec: { ...service.spec, controller: "CODE_DEPLOY" } };
  tx.put("service", record.arn, record);
  const set = addTaskSet(tx, record, version, {
    scale: { value: 100, unit: "PERCENT" },
    external: { startedBy: "CODE_DEPLOY", externalId: undefined, clientToken: undefined, tags: {} },
    ids,
    now,
  });
  makePrimary(tx, set, now);
  return record;
}

/** Errors: InvalidParameterException for what a deployment of CodeDeploy changes. */
export function checkCodeDeployUpdate(input: ecs.UpdateServiceRequest): void {
  for (const [member, name] of Object.entries(OF_DEPLOYMENTS))
    if (input[member as keyof typeof OF_DEPLOYMENTS] !== undefined)
      // Its own keys.
      throw invalidParameter(
        `Unable to update ${name} on services with a CODE_DEPLOY deployment controller. Use AWS ` +
          "CodeDeploy to trigger a new deployment.",
      );
  if (input.forceNewDeployment === true)
    throw invalidParameter(
      "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. Use AWS " +
        "CodeDeploy to trigger a new deployment.",
    );
}
