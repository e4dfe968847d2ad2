import type * as ecs from "@aws-sdk/client-ecs";
import { parseArn } from "@gantry/kernel";
import type { ContainerSpec } from "@gantry/state";
import { refused } from "./registration-refusal.ts";

/** The secrets of a container, with their references checked. Errors: ClientException. */
export function toSecrets(definition: ecs.ContainerDefinition): NonNullable<ContainerSpec["secrets"]> {
  const secrets = (definition.secrets ?? []).map(({ name = "", valueFrom = "" }) => ({ name, valueFrom }));
  const names = (definition.environment ?? []).map((pair) => pair.name ?? "");
  for (const { name, valueFrom } of secrets) {
    if (name === "" || valueFrom === "")
      throw refused("The secret name and the value from which it is read must not be empty.");
    if (names.includes(name)) throw refused(sharedName(name));
    names.push(name);
    if (!isReference(valueFrom))
      throw refused(
        `Invalid valueFrom '${valueFrom}' of secret '${name}': give the ARN of a secret of Secrets Manager, or the name or ARN of a parameter.`,
      );
  }
  return secrets;
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

/** What AWS says where a secret and another environment variable have one name. */
export function sharedName(name: string): string {
  return `The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '${name}'.`;
}

/** `SECRET_ARN[:JSON_KEY[:STAGE[:VERSION]]]`, or a parameter. Source: ECS Developer Guide, "Pass Secrets Manager secrets …". */
function isReference(text: string): boolean {
  if (!text.startsWith("arn:")) return /^[a-zA-Z0-9_.\-/:]+$/.test(text);
  const { service, resource = "" } = parseArn(text) ?? {};
  if (service === "ssm") return resource.startsWith("parameter/");
  return service === "secretsmanager" && /^secret:[^:]+(?::[^:]*){0,3}$/.test(resource);
}
