import { formatArn } from "@gantry/kernel";
import {
  scalableTargetArnOf,
  type Reader,
  type ScalableTargetRecord,
  type ServiceRecord,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

/** The members by which operations name what is scaled. */
export interface TargetName {
  readonly ServiceNamespace: Given;
  readonly ResourceId?: Given;
  readonly ScalableDimension?: Given;
}

export const NAMESPACE = "ecs";
export const DIMENSION = "ecs:service:DesiredCount";
const RESOURCE_ID = /^service\/([A-Za-z0-9_-]{1,255})\/([A-Za-z0-9_-]{1,255})$/;

export function validation(message: string): ApiError {
  return new ApiError("ValidationException", message);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidNextTokenException", "The next token supplied is invalid.");
}

/** Errors: ValidationException for what is not a service of ECS or its desired count. */
export function checkNamespace({ ServiceNamespace, ScalableDimension }: TargetName): void {
  if (ServiceNamespace !== NAMESPACE)
    throw validation(
      `Gantry scales services of ecs alone: the service namespace ${ServiceNamespace ?? ""} is not supported.`,
    );
  if (ScalableDimension !== undefined && ScalableDimension !== DIMENSION)
    throw validation("Unsupported service namespace, resource type or scalable dimension");
}

/** The ARN of the service that a resource ID stands for; undefined where it is not one of a service. */
function serviceArnOf(place: Place, resourceId: Given): string | undefined {
  return resourceId !== undefined && RESOURCE_ID.test(resourceId)
    ? formatArn("ecs", place, resourceId)
    : undefined;
}

/** The service that a target names, ACTIVE. Errors: ValidationException. */
export function findScaledService(reader: Reader, place: Place, name: TargetName): ServiceRecord {
  checkNamespace(name);
  const arn = serviceArnOf(place, name.ResourceId);
  if (arn === undefined || name.ScalableDimension === undefined)
    throw validation("Unsupported service namespace, resource type or scalable dimension");
  const service = within(reader.get("service", arn), place);
  if (service?.status !== "ACTIVE") throw validation(`ECS service doesn't exist: ${name.ResourceId ?? ""}`);
  return service;
}

/** Errors: ValidationException, ObjectNotFoundException. */
export function findTarget(reader: Reader, place: Place, name: TargetName): ScalableTargetRecord {
  checkNamespace(name);
  const target = within(
    reader.get("scalableTarget", scalableTargetArnOf(place, name.ResourceId ?? "")),
    place,
  );
  if (target === undefined || name.ScalableDimension === undefined)
    throw notFound("No scalable target registered", name);
  return target;
}

/** Errors: ResourceNotFoundException. */
export function findTagged(reader: Reader, place: Place, arn: Given): ScalableTargetRecord {
  const target = within(reader.get("scalableTarget", arn), place);
  if (target === undefined)
    throw new ApiError("ResourceNotFoundException", `The resource with ARN ${arn ?? ""} was not found.`, {
      fields: { ResourceName: arn },
    });
  return target;
}

/** AWS's sentence: the kind that was not found, and its service, resource and dimension. */
export function notFound(what: string, { ResourceId, ScalableDimension }: TargetName): ApiError {
  return new ApiError(
    "ObjectNotFoundException",
    `${what} for service namespace: ${NAMESPACE}, resource ID: ${ResourceId ?? ""}, scalable ` +
      `dimension: ${ScalableDimension ?? ""}`,
  );
}

/** The targets of a caller's account and region, narrowed by resource. */
export function targetsIn(reader: Reader, place: Place, resourceId: Given): readonly ScalableTargetRecord[] {
  if (resourceId !== undefined) {
    const one = within(reader.get("scalableTarget", scalableTargetArnOf(place, resourceId)), place);
    return one === undefined ? [] : [one];
  }
  return reader.list("scalableTarget", formatArn("application-autoscaling", place, "scalable-target/"));
}

/** How many items a page has where the request does not say. */
const PAGE = 50;

/**
 * A page of the policies or scheduled actions of targets, in the order of their ARNs; of those with the names, where
 * names are given. Errors: InvalidNextTokenException.
 */
export function pageOfParts<T extends { readonly arn: string; readonly name: string }>(
  targets: readonly ScalableTargetRecord[],
  partsOf: (target: ScalableTargetRecord) => readonly T[],
  asked: {
    readonly names: readonly string[] | undefined;
    readonly NextToken?: Given;
    readonly MaxResults?: number | undefined;
  },
): { items: readonly { readonly part: T; readonly resourceId: string }[]; nextToken: Given } {
  const { names = [] } = asked;
  const all = targets
    .flatMap((target) => partsOf(target).map((part) => ({ part, resourceId: target.resourceId })))
    .filter(({ part }) => names.length === 0 || names.includes(part.name))
    .toSorted((one, other) => (one.part.arn < other.part.arn ? -1 : 1));
  return page(all, ({ part }) => part.arn, {
    token: asked.NextToken,
    size: asked.MaxResults ?? PAGE,
    invalidToken,
  });
}
