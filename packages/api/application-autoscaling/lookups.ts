import { formatArn } from "@gantry/kernel";
import {
  scalableTargetArnOf,
  type Reader,
  type ScalableTargetRecord,
  type ServiceRecord,
} from "@gantry/state";
import { ApiError } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";

type Given = string | undefined;

/** How operations name what is scaled. */
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

/** In AWS's words: what there is not, and of which service, resource and dimension. */
export function notFound(what: string, { ResourceId, ScalableDimension }: TargetName): ApiError {
  return new ApiError(
    "ObjectNotFoundException",
    `${what} for service namespace: ${NAMESPACE}, resource ID: ${ResourceId ?? ""}, scalable dimension: ${ScalableDimension ?? ""}`,
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
