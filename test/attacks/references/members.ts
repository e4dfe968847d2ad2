import type { Operation } from "@gantry/wire";
import type { Shape } from "@gantry/wire/shape";
import { loadedService, SERVICE_NAMES, type ServiceName } from "../loaded-services.ts";
import { REFERENCE } from "../service-authorization.ts";
import { MENTIONS, OTHERS } from "./mentions.ts";
import { SUBJECTS, TYPES, type ReferenceKind } from "./rules.ts";

/** A member of an operation's input that names the resource which the operation is about. */
export interface Subject {
  readonly service: ServiceName;
  readonly operation: Operation;
  /** As `Delete.Objects[].Key`. */
  readonly path: string;
  readonly kind: ReferenceKind;
  /** How a policy reaches the resource: by its ARN, by a condition key, or not at all for this operation. */
  readonly reach: "resource" | "condition" | "none";
}

const DEPTH_MAX = 7;
/**
 * Last parts of the paths that may refer to a resource. What another name refers to is listed in `SUBJECTS`
 * by itself.
 */
const CANDIDATE =
  /(?:^|\.)(?:\w*(?:arns?|ids?|identifiers?|names?)|bucket|key|clusters?|services?|tasks?|taskDefinitions?|resources|subnets|securityGroups|role|capacityProvider|containerInstances?|copysource|family|loadBalancers?|groups?)(?:\[\])*$/i;

/** Members of implemented operations, sorted into those that name a subject and those that no rule knows. */
export async function referenceMembers(): Promise<{
  readonly subjects: readonly Subject[];
  readonly unknown: readonly string[];
}> {
  const subjects: Subject[] = [];
  const unknown: string[] = [];
  for (const service of SERVICE_NAMES) {
    const { operations, descriptor } = await loadedService(service);
    for (const operation of operations.values()) {
      if (operation.handler === undefined) continue;
      for (const path of textPaths(operation.input, "", 0)) {
        const name = `${service}.${operation.name}.${path}`;
        const rule = SUBJECTS.find(([pattern]) => pattern.test(name));
        if (rule !== undefined) {
          const [, kind] = rule;
          const action = `${descriptor.iamPrefix}:${operation.name}`;
          subjects.push({ service, operation, path, kind, reach: reachOf(action, kind) });
        } else if (CANDIDATE.test(path) && ![...MENTIONS, ...OTHERS].some(([pattern]) => pattern.test(name)))
          unknown.push(name);
      }
    }
  }
  return { subjects, unknown };
}

const LISTED = new Map(
  REFERENCE.trim()
    .split("\n")
    .map((line) => {
      const [action = "", ...types] = line.split(" ");
      return [action, types.map((type) => type.replace("*", ""))] as const;
    }),
);

/**
 * Source: the Service Authorization Reference. The actions of S3 have other names than its operations; each
 * has a resource.
 */
function reachOf(action: string, kind: ReferenceKind): Subject["reach"] {
  const { types, conditionKey } = TYPES[kind];
  const listed = LISTED.get(action) ?? [];
  const isPassed = kind === "passedRole"; // Asked for as iam:PassRole.
  if (isPassed || action.startsWith("s3:") || types.some((type) => listed.includes(type))) return "resource";
  return conditionKey === undefined ? "none" : "condition";
}

function* textPaths(shape: Shape, path: string, depth: number): Generator<string> {
  if (depth > DEPTH_MAX) return;
  if (shape.type === "string") yield path;
  if (shape.type === "list") yield* textPaths(shape.element.shape, `${path}[]`, depth + 1);
  if (shape.type === "structure")
    for (const member of shape.members)
      yield* textPaths(member.shape, path === "" ? member.name : `${path}.${member.name}`, depth + 1);
}
