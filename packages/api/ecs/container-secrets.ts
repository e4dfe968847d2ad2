import type * as ecs from "@aws-sdk/client-ecs";
import { parseArn } from "@gantry/kernel";
import type { ContainerSpec, SecretReference } from "@gantry/state";
import { hasControlCharacter, refused } from "./registration-refusal.ts";

/** The secrets of a container, with their references checked. Errors: ClientException. */
export function toSecrets(definition: ecs.ContainerDefinition): NonNullable<ContainerSpec["secrets"]> {
  const secrets = toSecretReferences(definition.secrets, "secret");
  const names = (definition.environment ?? []).map((pair) => pair.name ?? "");
  for (const { name } of secrets) {
    if (names.includes(name)) throw refused(sharedName(name));
    names.push(name);
    if (name.startsWith("/")) checkFile(definition, name);
  }
  return secrets;
}

/** Names, and what their values are read from. Errors: ClientException. */
export function toSecretReferences(
  given: readonly ecs.Secret[] | undefined,
  what: "secret" | "secretOptions",
): readonly SecretReference[] {
  const references = (given ?? []).map(({ name = "", valueFrom = "" }) => ({ name, valueFrom }));
  for (const { name, valueFrom } of references) {
    if (name === "" || valueFrom === "")
      throw refused("The secret name and the value from which it is read must not be empty.");
    if (name.includes("\0")) throw refused("The name of a secret must not contain a zero byte.");
    if (!isReference(valueFrom))
      throw refused(
        `Invalid valueFrom '${valueFrom}' of ${what} '${name}': give the ARN of a secret of Secrets ` +
          "Manager, or the name or ARN of a parameter.",
      );
  }
  return references;
}

/** Kernel interfaces, and what containers have of the platform: no file can be there. */
const NO_FILES = /^\/(proc|sys|dev|opt\/trust|\.gantry-[^/]*)\//;

/**
 * A secret that is a file, which is an extension: the path is its name. The file belongs to the container's
 * user alone, whose number must be known outside the container.
 */
function checkFile({ name: container, user, mountPoints }: ecs.ContainerDefinition, path: string): void {
  const parts = path.slice(1).split("/");
  if (
    path.includes(":") ||
    hasControlCharacter(path) ||
    parts.some((part) => ["", ".", ".."].includes(part)) ||
    NO_FILES.test(path) ||
    mountPoints?.some(({ containerPath }) => containerPath === path) === true
  )
    throw refused(
      `Invalid path '${path}' of a secret: it must be the absolute path of a file, without ':', '.' and '..', ` +
        "outside /proc, /sys, /dev and /opt/trust, where nothing is mounted.",
    );
  if (!NUMERIC_USER.test(user ?? "") || Number.parseInt(user ?? "", 10) > UID_MAX)
    throw refused(
      `Container '${container ?? ""}' has the secret '${path}' as a file, which only its user may read: give it ` +
        `a user by number, such as "user": "1000".`,
    );
}

/** The largest user id that the engine accepts. */
const UID_MAX = 2_147_483_647;
/** UID, or UID:GID. */
const NUMERIC_USER = /^\d{1,10}(:\d{1,10})?$/;

/** Source: ECS Developer Guide, "Pass environment variables to an Amazon ECS container". */
const FILES_MAX = 10;

/** The ARNs of a container's environment files. Source: API_EnvironmentFile. Errors: ClientException. */
export function toEnvironmentFiles(
  given: readonly ecs.EnvironmentFile[] = [],
): Pick<ContainerSpec, "environmentFiles"> {
  if (given.length === 0) return {};
  if (given.length > FILES_MAX)
    throw refused(`A container must not have more than ${FILES_MAX} environment files.`);
  if (given.some(({ type }) => type !== "s3")) throw refused("The type of an environment file must be s3.");
  const files = given.map(({ value = "" }) => value);
  for (const value of files)
    if (!/^arn:aws:s3:::[a-z0-9.-]{3,63}\/.+\.env$/.test(value))
      throw refused(
        `Invalid value '${value}' of environmentFiles: give the ARN of an object of S3 whose name ends with .env.`,
      );
  return { environmentFiles: files };
}

/** The secret with a registry's user name and password. Source: API_RepositoryCredentials. Errors: ClientException. */
export function toRepositoryCredentials(
  credentials: ecs.RepositoryCredentials | undefined,
): Pick<ContainerSpec, "repositoryCredentials"> {
  if (credentials === undefined) return {};
  const arn = credentials.credentialsParameter ?? "";
  if (!/^arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+$/.test(arn))
    throw refused(
      `Invalid credentialsParameter '${arn}' of repositoryCredentials: give the ARN of a secret of Secrets Manager.`,
    );
  return { repositoryCredentials: arn };
}

/** What AWS says where a member is read by a role, and there is none. */
export function needsExecutionRole(what: string): string {
  return `When you are specifying ${what}, you must also specify a value for 'executionRoleArn'.`;
}

/** What AWS says where a secret and another environment variable have one name. */
export function sharedName(name: string): string {
  return (
    "The secret name must be unique and not shared with any new or existing environment variables set on " +
    `the container, such as '${name}'.`
  );
}

/**
 * `SECRET_ARN[:JSON_KEY[:STAGE[:VERSION]]]`, or a parameter.
 * Source: ECS Developer Guide, "Pass Secrets Manager secrets …".
 */
function isReference(text: string): boolean {
  if (!text.startsWith("arn:")) return /^[a-zA-Z0-9_.\-/:]+$/.test(text);
  const { service, resource = "" } = parseArn(text) ?? {};
  if (service === "ssm") return resource.startsWith("parameter/");
  return service === "secretsmanager" && /^secret:[^:]+(?::[^:]*){0,3}$/.test(resource);
}
