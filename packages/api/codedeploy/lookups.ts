import { formatArn, parseArn } from "@gantry/kernel";
import {
  deploymentKeyOf,
  type CodeDeployApplicationRecord,
  type CodeDeployConfigRecord,
  type CodeDeployGroupRecord,
  type CodeDeploymentRecord,
  type Reader,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { PREDEFINED_CONFIGS } from "./predefined-configs.ts";

type Given = string | undefined;

export function applicationArnOf(place: Place, name: Given): string {
  return formatArn("codedeploy", place, `application:${name ?? ""}`);
}

export function groupArnOf(place: Place, application: Given, name: Given): string {
  return formatArn("codedeploy", place, `deploymentgroup:${application ?? ""}/${name ?? ""}`);
}

export function configArnOf(place: Place, name: Given): string {
  return formatArn("codedeploy", place, `deploymentconfig:${name ?? ""}`);
}

/** Errors: ApplicationNameRequiredException, ApplicationDoesNotExistException. */
export function findApplication(reader: Reader, place: Place, name: Given): CodeDeployApplicationRecord {
  if (name === undefined || name === "")
    throw new ApiError("ApplicationNameRequiredException", "Application name is required");
  const found = reader.get("codeDeployApplication", applicationArnOf(place, name));
  if (found === undefined)
    throw new ApiError("ApplicationDoesNotExistException", `No application found for name: ${name}`);
  return found;
}

/** Errors: those of `findApplication`, DeploymentGroupNameRequiredException, DeploymentGroupDoesNotExistException. */
export function findGroup(
  reader: Reader,
  place: Place,
  application: Given,
  name: Given,
): CodeDeployGroupRecord {
  findApplication(reader, place, application);
  if (name === undefined || name === "")
    throw new ApiError("DeploymentGroupNameRequiredException", "Deployment Group name is required");
  const found = reader.get("codeDeployGroup", groupArnOf(place, application, name));
  if (found === undefined)
    throw new ApiError("DeploymentGroupDoesNotExistException", `No Deployment Group found for name: ${name}`);
  return found;
}

/** A configuration of CodeDeploy's own or of the account. Errors: DeploymentConfigDoesNotExistException. */
export function findConfig(
  reader: Reader,
  place: Place,
  name: Given,
): Pick<CodeDeployConfigRecord, "id" | "name" | "routing" | "createdAt"> {
  if (name === undefined || name === "")
    throw new ApiError("DeploymentConfigNameRequiredException", "Deployment Config name is required");
  const found =
    PREDEFINED_CONFIGS.find((each) => each.name === name) ??
    reader.get("codeDeployConfig", configArnOf(place, name));
  if (found === undefined)
    throw new ApiError(
      "DeploymentConfigDoesNotExistException",
      `No Deployment Configuration found for name: ${name}`,
    );
  return found;
}

export function deploymentOf(reader: Reader, place: Place, id: Given): CodeDeploymentRecord | undefined {
  return id === undefined
    ? undefined
    : within(reader.get("codeDeployment", deploymentKeyOf(place, id)), place);
}

/** Errors: DeploymentIdRequiredException, InvalidDeploymentIdException, DeploymentDoesNotExistException. */
export function findDeployment(reader: Reader, place: Place, id: Given): CodeDeploymentRecord {
  if (id === undefined || id === "")
    throw new ApiError("DeploymentIdRequiredException", "Deployment ID is required");
  if (!/^d-[A-Za-z0-9]+$/.test(id))
    throw new ApiError(
      "InvalidDeploymentIdException",
      `At least one of the deployment IDs was specified in an invalid format: ${id}`,
    );
  const found = deploymentOf(reader, place, id);
  if (found === undefined)
    throw new ApiError("DeploymentDoesNotExistException", `The deployment ${id} could not be found`);
  return found;
}

/** The resource of a tagging operation: an application or a deployment group. */
export function taggedOf(
  reader: Reader,
  place: Place,
  arn: Given,
):
  | { readonly kind: "codeDeployApplication"; readonly record: CodeDeployApplicationRecord }
  | { readonly kind: "codeDeployGroup"; readonly record: CodeDeployGroupRecord }
  | undefined {
  const application = within(reader.get("codeDeployApplication", arn), place);
  if (application !== undefined) return { kind: "codeDeployApplication", record: application };
  const group = within(reader.get("codeDeployGroup", arn), place);
  return group === undefined ? undefined : { kind: "codeDeployGroup", record: group };
}

/**
 * Errors: ResourceArnRequiredException, InvalidArnException, ArnNotSupportedException,
 * ApplicationDoesNotExistException, DeploymentGroupDoesNotExistException.
 */
export function findTagged(
  reader: Reader,
  place: Place,
  arn: Given,
): NonNullable<ReturnType<typeof taggedOf>> {
  if (arn === undefined || arn === "")
    throw new ApiError(
      "ResourceArnRequiredException",
      "The ARN of a resource is required, but was not found.",
    );
  const found = taggedOf(reader, place, arn);
  if (found !== undefined) return found;
  const resource = parseArn(arn)?.resource ?? "";
  if (resource.startsWith("application:"))
    throw new ApiError("ApplicationDoesNotExistException", `No application found for ARN: ${arn}`);
  if (resource.startsWith("deploymentgroup:"))
    throw new ApiError("DeploymentGroupDoesNotExistException", `No Deployment Group found for ARN: ${arn}`);
  if (parseArn(arn) === undefined)
    throw new ApiError("InvalidArnException", `The specified ARN is not in a valid format: ${arn}`);
  throw new ApiError("ArnNotSupportedException", `The specified ARN is not supported: ${arn}`);
}

export function invalidToken(): ApiError {
  return new ApiError("InvalidNextTokenException", "The next token was specified in an invalid format.");
}
