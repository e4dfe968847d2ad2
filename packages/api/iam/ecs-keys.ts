import { formatArn, parseArn } from "@gantry/kernel";
import type { Reader, TaskDefinitionRecord } from "@gantry/state";
import { findTaskDefinition } from "../ecs/lookups.ts";
import { parseCpu, parseMemory } from "../ecs/task-sizes.ts";
import { either, flag, member, members, text, type Asked, type Read, type Value } from "./key-readers.ts";

/** ARNs that name the cluster of a resource, and those that name its service too. */
const IN_CLUSTER =
  /^arn:aws:ecs:[^:]*:\d*:(?:service|task|task-set|service-deployment|service-revision)\/([^/]+)\/./;
const OF_SERVICE =
  /^arn:aws:ecs:[^:]*:\d*:(?:task-set|service-deployment|service-revision)\/([^/]+)\/([^/]+)\/./;

/** Condition keys of ECS. Source: Service Authorization Reference, Amazon ECS. */
export const ECS_KEYS: Readonly<Record<string, Read>> = {
  "ecs:task-cpu": size("cpu", parseCpu, ({ cpu }) => cpu),
  "ecs:task-memory": size("memory", parseMemory, ({ memoryMiB }) => memoryMiB),
  "ecs:privileged": ({ input }) => {
    const containers = Array.isArray(input["containerDefinitions"]) ? input["containerDefinitions"] : [];
    return String(containers.some((each: { privileged?: unknown }) => each.privileged === true));
  },
  "ecs:cluster": ({ resource, account, region }) => {
    const [, cluster] = IN_CLUSTER.exec(resource) ?? [];
    return cluster === undefined ? undefined : formatArn("ecs", { account, region }, `cluster/${cluster}`);
  },
  "ecs:service": ({ input, resource, account, region }) => {
    const arn = (path: string) => formatArn("ecs", { account, region }, `service/${path}`);
    const [, cluster, service] = OF_SERVICE.exec(resource) ?? [];
    if (service !== undefined) return arn(`${cluster}/${service}`);
    const [named, given] = [text(input["cluster"]) ?? "default", text(input["service"])];
    if (given === undefined || given.startsWith("arn:")) return given;
    return arn(`${named.split("/").at(-1)}/${given}`);
  },
  "ecs:task-definition": taskDefinitionArn,
  "ecs:capacity-provider": either(
    members("capacityProviderStrategy", "capacityProvider"),
    member("capacityProviders"),
  ),
  "ecs:enable-execute-command": flag("enableExecuteCommand"),
  "ecs:enable-ecs-managed-tags": flag("enableECSManagedTags"),
  "ecs:propagate-tags": member("propagateTags"),
  "ecs:auto-assign-public-ip": (asked, store) => {
    const value = member("networkConfiguration", "awsvpcConfiguration", "assignPublicIp")(asked, store);
    return value === undefined ? undefined : String(value === "ENABLED");
  },
  "ecs:subnet": member("networkConfiguration", "awsvpcConfiguration", "subnets"),
};

/**
 * The size that a call asks for: its own, its override, or that of the task definition which it runs, whose
 * size services have. A size that cannot be read is refused by the operation.
 */
function size(
  name: string,
  parse: (given: string | undefined) => number | undefined,
  of: (spec: TaskDefinitionRecord["spec"]) => number | undefined,
): Read {
  return ({ input, account, region }, store) => {
    const given = text(input[name]) ?? text(overridesOf(input)[name]);
    try {
      if (given !== undefined) return text(parse(given));
      const definition = findTaskDefinition(store, { account, region }, text(input["taskDefinition"]));
      return definition === undefined ? undefined : text(of(definition.spec));
    } catch {
      return undefined;
    }
  };
}

function overridesOf(input: Asked["input"]): Readonly<Record<string, unknown>> {
  const value = input["overrides"];
  // An object has members.
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** The ARN with its revision: of a family alone, the latest active one. */
function taskDefinitionArn({ input, account, region }: Asked, store: Reader): Value {
  const given = text(input["taskDefinition"]);
  if (given === undefined) return undefined;
  const name = given.startsWith("arn:") ? (parseArn(given)?.resource.split("/")[1] ?? "") : given;
  const arn = formatArn("ecs", { account, region }, `task-definition/${name}`);
  if (/:\d+$/.test(name)) return arn;
  const revisionOf = (each: { arn: string }) => Number(each.arn.split(":").at(-1));
  const latest = store
    .list("taskDefinition", `${arn}:`)
    .filter(({ status }) => status === "ACTIVE")
    .toSorted((one, other) => revisionOf(other) - revisionOf(one))[0];
  return latest?.arn ?? arn;
}
