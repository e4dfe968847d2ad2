import type { Principal } from "@gantry/iam";
import { isObject, parseArn, type Clock, type Vault } from "@gantry/kernel";
import {
  CiphertextError,
  KeyUnusableError,
  logOptionProblem,
  openProtected,
  viaService,
  type Protected,
  type ProtectedUse,
  parameterNamed,
  parameterReference,
  parameterVersionOf,
  parameterUse,
  secretNamed,
  secretUse,
  secretVersionOf,
  CURRENT_STAGE,
  type ContainerSpec,
  type Placed,
  type Reader,
  type SecretReference,
  type TaskPlacement,
  type TaskRecord,
  type TaskSecrets,
} from "@gantry/state";
import {
  executionPrincipal,
  executionRoleArnOf,
  unassumable,
  type Permissions,
} from "../task/execution-role.ts";
import { variablesOf, type EnvironmentFiles } from "./read-environment-files.ts";

interface SecretDeps {
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly vault: Vault;
}

/** Why a value cannot be read: the end of ECS's sentence. It never holds a part of a value. */
class SecretProblem extends Error {
  override readonly name = "SecretProblem";
}

/**
 * Reads the secrets of a task's containers by the permissions of its execution role, as ECS does before
 * containers start, and adds the variables of environment files. Answers the values, or why the task cannot
 * start in the words of Fargate's stopped reason.
 * Source: ECS Developer Guide, "Pass sensitive data to an Amazon ECS container" and "Task execution IAM
 * role"; amazon-ecs-agent, agent/asm/asm.go and agent/ssm/ssm.go.
 */
export function readSecrets(
  reader: Reader,
  deps: SecretDeps,
  task: TaskRecord,
  files: EnvironmentFiles,
): { readonly problem: string } | { readonly secrets: TaskSecrets | undefined } {
  const containers = reader.get("taskDefinition", task.taskDefinitionArn)?.spec.containers ?? [];
  if (!containers.some(needsSecrets) && files.size === 0) return { secrets: undefined };
  const principal = executionPrincipal(reader, task, deps.clock.now());
  if (principal === undefined) return { problem: unassumable(executionRoleArnOf(reader, task) ?? "") };
  const read = (valueFrom: string): string => valueOf({ reader, deps, principal, task }, valueFrom);
  return orProblem(() => {
    const values = containers.map((container) => {
      const { name, secrets = [], repositoryCredentials: login } = container;
      const environment = [
        ...variablesOf(files, container, task),
        ...secrets
          .filter((secret) => !isFile(secret))
          .map((secret) => ({ name: secret.name, value: read(secret.valueFrom) })),
      ];
      const contents = secrets
        .filter(isFile)
        .map((secret) => ({ path: secret.name, value: read(secret.valueFrom) }));
      return [
        name,
        {
          environment,
          ...(contents.length === 0 ? {} : { files: contents }),
          ...(login === undefined ? {} : { registryLogin: loginIn(login, read(login)) }),
        },
      ] as const;
    });
    return { secrets: { containers: Object.fromEntries(values) } };
  });
}

/**
 * Reads the options of log drivers whose values are secrets, as `readSecrets` does. Answers them by container, none
 * where no container has any.
 * Source: amazon-ecs-agent, agent/api/task, PopulateSecretLogOptionsToFirelensContainer and its callers.
 */
export function readLogOptions(
  reader: Reader,
  deps: SecretDeps,
  task: TaskRecord,
): { readonly problem: string } | { readonly logOptions: TaskPlacement["logOptions"] } {
  const containers = (reader.get("taskDefinition", task.taskDefinitionArn)?.spec.containers ?? []).flatMap(
    ({ name, logConfiguration: { secretOptions } = {} }) =>
      secretOptions === undefined ? [] : [{ name, secretOptions }],
  );
  if (containers.length === 0) return { logOptions: undefined };
  const principal = executionPrincipal(reader, task, deps.clock.now());
  if (principal === undefined) return { problem: unassumable(executionRoleArnOf(reader, task) ?? "") };
  return orProblem(() => {
    const values = containers.map(({ name: container, secretOptions }) => {
      const options = secretOptions.map(({ name, valueFrom }) => {
        const value = valueOf({ reader, deps, principal, task }, valueFrom);
        const problem = logOptionProblem(name, value);
        if (problem !== undefined) throw new SecretProblem(problem);
        return [name, value] as const;
      });
      return [container, Object.fromEntries(options)] as const;
    });
    return { logOptions: Object.fromEntries(values) };
  });
}

/** An extension: a secret whose name is a path is a file. */
function isFile({ name }: SecretReference): boolean {
  return name.startsWith("/");
}

function orProblem<T>(read: () => T): T | { readonly problem: string } {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof SecretProblem)) throw thrown;
    return {
      problem:
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource " +
        `retrieval failed: ${thrown.message}`,
    };
  }
}

function needsSecrets({ secrets = [], repositoryCredentials }: ContainerSpec): boolean {
  return secrets.length > 0 || repositoryCredentials !== undefined;
}

/** A registry's user name and password. Source: ECS Developer Guide, "Using non-AWS container images in Amazon ECS". */
function loginIn(arn: string, text: string): { username: string; password: string } {
  const value = parseJson(text);
  const { username, password } = isObject(value) ? value : {};
  if (typeof username !== "string" || typeof password !== "string")
    throw new SecretProblem(
      `unable to retrieve secret from asm: secret ${arn} has no JSON object with the members username ` +
        "and password, which registry auth needs",
    );
  return { username, password };
}

interface Question {
  readonly reader: Reader;
  readonly deps: SecretDeps;
  readonly principal: Principal;
  readonly task: TaskRecord;
}

function valueOf(question: Question, valueFrom: string): string {
  const value = valueFrom.startsWith("arn:aws:secretsmanager:")
    ? secretValue(question, valueFrom)
    : parameterValue(question, valueFrom);
  // An environment variable ends at its first zero byte.
  if (value.includes("\0"))
    throw new SecretProblem(`the value of ${valueFrom} holds a zero byte, which no environment variable can`);
  return value;
}

/** `SECRET_ARN:JSON_KEY:STAGE:VERSION`, the last three optional or empty. */
function secretValue(question: Question, valueFrom: string): string {
  const { reader, deps, principal } = question;
  const parts = valueFrom.split(":");
  const arn = parts.slice(0, 7).join(":");
  const [jsonKey = "", stage = "", versionId = ""] = parts.slice(7);
  const fail = (words: string): never => {
    throw new SecretProblem(
      `unable to retrieve secret from asm: service call has been retried 1 time(s): ${words}`,
    );
  };
  const place = placeOf(arn);
  const secret = secretNamed(reader, place, arn);
  const denied = deps.permissions.deniedBecause(
    principal,
    "secretsmanager:GetSecretValue",
    secret?.arn ?? arn,
    () => ({
      "secretsmanager:SecretId": secret?.arn ?? arn,
      "secretsmanager:VersionStage": stage === "" ? CURRENT_STAGE : stage,
      "aws:RequestedRegion": place.region,
    }),
  );
  if (denied !== undefined)
    fail(`failed to fetch secret ${arn} from secrets manager: AccessDeniedException: ${denied}`);
  const missing =
    `failed to fetch secret ${arn} from secrets manager: ResourceNotFoundException: Secrets Manager ` +
    "can't find the specified secret";
  if (secret === undefined) return fail(`${missing}.`);
  if (secret.removeAt !== undefined)
    fail(
      `failed to fetch secret ${arn} from secrets manager: InvalidRequestException: You can't perform ` +
        "this operation on the secret because it was marked for deletion.",
    );
  const version = secretVersionOf(reader, secret, {
    versionId: versionId || undefined,
    stage: stage || undefined,
  });
  if (version === undefined)
    return fail(
      versionId === ""
        ? `${missing} value for staging label: ${stage === "" ? CURRENT_STAGE : stage}`
        : `${missing} value for VersionId: ${versionId}`,
    );
  if (version.isBinary) fail(`secret ${arn} has a binary value, which no environment variable can have`);
  if (version.kmsKeyArn === undefined && principal.account !== secret.account)
    fail(
      `failed to fetch secret ${arn} from secrets manager: InvalidRequestException: You can't access a ` +
        "secret from a different AWS account if you encrypt the secret with the default KMS service key.",
    );
  const text = opened(question, version, secretUse(secret.arn, version.versionId), (words) =>
    fail(`failed to fetch secret ${arn} from secrets manager: ${words}`),
  );
  return jsonKey === "" ? text : memberOf(text, jsonKey, fail);
}

/** A member of the JSON object that a secret holds. Only members of its own: `constructor` is none. */
function memberOf(text: string, key: string, fail: (words: string) => never): string {
  const value = parseJson(text);
  if (value === undefined)
    return fail("the retrieved secret is not valid JSON, and a JSON key was asked for");
  if (!isObject(value) || !Object.hasOwn(value, key))
    return fail(`retrieved secret from Secrets Manager did not contain json key ${key}`);
  const member = value[key];
  return typeof member === "string" ? member : JSON.stringify(member);
}

/** Undefined where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parameterValue(question: Question, valueFrom: string): string {
  const { reader, deps, principal, task } = question;
  const fail = (words: string): never => {
    throw new SecretProblem(`unable to retrieve secrets from ssm: ${words}`);
  };
  const reference = parameterReference(task, valueFrom);
  const place = placeOf(reference.arn);
  const denied = deps.permissions.deniedBecause(principal, "ssm:GetParameters", reference.arn, () => ({
    "aws:RequestedRegion": place.region,
  }));
  if (denied !== undefined) fail(`service call has been retried 1 time(s): AccessDeniedException: ${denied}`);
  const parameter = parameterNamed(reader, place, reference);
  const version = parameter && parameterVersionOf(reader, parameter, reference.selector);
  if (parameter === undefined || version === undefined) return fail(`invalid parameters: ${valueFrom}`);
  const { sealedValue, kmsKeyArn } = version;
  if (sealedValue === undefined) return version.value ?? "";
  return opened(question, { sealedValue, kmsKeyArn }, parameterUse(parameter.arn), fail);
}

/** The plain text of a value, whose KMS key the role must be allowed to decrypt with. */
function opened(
  { reader, deps, principal }: Question,
  value: Protected,
  use: ProtectedUse,
  fail: (words: string) => never,
): string {
  const { kmsKeyArn } = value;
  const region = kmsKeyArn === undefined ? "" : placeOf(kmsKeyArn).region;
  const denied =
    kmsKeyArn &&
    deps.permissions.deniedBecause(principal, "kms:Decrypt", kmsKeyArn, () => ({
      "aws:RequestedRegion": region,
      "kms:CallerAccount": principal.account,
      ...viaService(region, use),
    }));
  if (denied !== undefined) fail(`AccessDeniedException: ${denied}`);
  try {
    return openProtected(reader, deps.vault, value, use);
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof CiphertextError)
      return fail(`the value cannot be decrypted with its KMS key: ${thrown.message}`);
    throw thrown;
  }
}

function placeOf(arn: string): Placed {
  const { account = "", region = "" } = parseArn(arn) ?? {};
  return { account, region };
}
