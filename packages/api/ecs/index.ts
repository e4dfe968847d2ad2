/**
 * ECS as its callers see it: clusters, task definitions, tasks, services. Operations check and record what is wanted;
 * the scheduler, the task controller and the service controller make it so and write what is.
 * What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import type { Implementation, Permission, ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { clusterOperations } from "./clusters.ts";
import { clusterArnOf } from "./lookups.ts";
import { serviceOperations } from "./services.ts";
import { taskDefinitionOperations } from "./task-definitions.ts";
import { taskOperations } from "./tasks.ts";

export function ecsService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...clusterOperations(deps),
    ...taskDefinitionOperations(deps),
    ...taskOperations(deps),
    ...serviceOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    permissions,
  };
}

/** Operations on nothing that is in a cluster. */
const CLUSTERLESS = /Cluster|TaskDefinition|AccountSetting/;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon ECS". */
function permissions(
  operation: string,
  input: Readonly<Record<string, unknown>>,
  place: Place,
): readonly Permission[] {
  const text = (name: string) => (typeof input[name] === "string" ? input[name] : undefined);
  const texts = (name: string) => (Array.isArray(input[name]) ? input[name].map(String) : []);
  const cluster = clusterArnOf(place, text("cluster"));
  const clusterName = cluster.split("/").at(-1) ?? "default";
  const inCluster = (type: string, name: string) =>
    name.startsWith("arn:") ? name : formatArn("ecs", place, `${type}/${clusterName}/${name}`);
  const definitionArn = (name: string) =>
    name.startsWith("arn:")
      ? name
      : formatArn("ecs", place, `task-definition/${/:\d+$/.test(name) ? name : `${name}:*`}`);
  // Source: the same reference, condition key ecs:cluster.
  const conditions: Permission["conditions"] = CLUSTERLESS.test(operation) ? {} : { "ecs:cluster": cluster };
  const on = (...resources: string[]) =>
    resources.map((resource) => ({ action: `ecs:${operation}`, resource, conditions }));
  switch (operation) {
    case "DeleteCluster":
      return on(cluster);
    case "DescribeClusters":
      return on(
        ...(texts("clusters").length === 0
          ? [clusterArnOf(place, undefined)]
          : texts("clusters").map((name) => clusterArnOf(place, name))),
      );
    case "RunTask":
      return on(definitionArn(text("taskDefinition") ?? ""));
    case "StopTask":
      return on(inCluster("task", text("task") ?? ""));
    case "DescribeTasks":
      return on(...texts("tasks").map((name) => inCluster("task", name)));
    case "CreateService":
      return on(inCluster("service", text("serviceName") ?? ""));
    case "UpdateService":
    case "DeleteService":
      return on(inCluster("service", text("service") ?? ""));
    case "DescribeServices":
      return on(...texts("services").map((name) => inCluster("service", name)));
    case "TagResource":
    case "UntagResource":
    case "ListTagsForResource":
      return on(text("resourceArn") ?? "*");
    default:
      return on("*");
  }
}
