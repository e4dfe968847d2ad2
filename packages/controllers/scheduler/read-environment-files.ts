import type { Principal } from "@gantry/iam";
import { messageOf, realTimeOf, type Clock } from "@gantry/kernel";
import type { ContainerSpec, Reader, TaskRecord } from "@gantry/state";
import { executionPrincipal, executionRoleArnOf, unassumable } from "../task/execution-role.ts";

/** An object of S3 that is read in the name of a role. */
export interface ObjectRequest {
  readonly bucket: string;
  readonly key: string;
  readonly principal: Principal;
  readonly region: string;
}

/**
 * Reads an object as GetObject does, with all of its checks.
 * Errors: GetObject's own; where the object is larger than the limit.
 */
export type ReadObject = (request: ObjectRequest, bytesMax: number) => Promise<Buffer>;

interface Pair {
  readonly name: string;
  readonly value: string;
}

/** The variables of a task's environment files, by container. */
export type EnvironmentFiles = ReadonlyMap<string, readonly Pair[]>;

/**
 * All variables and arguments of a process have 2 MiB at most. A task's files together have no more, because
 * the control plane and the node keep their variables. Source: execve(2).
 */
const BYTES_MAX = 2 * 1024 * 1024;

/** Whether a container of the task has environment files, which are read before it is placed. */
export function needsEnvironmentFiles(reader: Reader, task: TaskRecord): boolean {
  return containersOf(reader, task).some((container) => filesOf(task, container).length > 0);
}

/**
 * Reads the environment files of a task's containers by the permissions of its execution role. Answers the
 * variables, or why the task cannot start in the words of Fargate's stopped reason. The first file that has a
 * variable decides, and in it the last line.
 * Source: ECS Developer Guide, "Pass environment variables to an Amazon ECS container"; amazon-ecs-agent,
 * envFiles, readEnvVarsFromFile.
 */
export async function readEnvironmentFiles(
  { store, clock, readObject }: { store: Reader; clock: Clock; readObject: ReadObject },
  task: TaskRecord,
): Promise<{ readonly problem: string } | { readonly files: EnvironmentFiles }> {
  const principal = executionPrincipal(store, task, realTimeOf(clock).clock.now());
  if (principal === undefined) return { problem: unassumable(executionRoleArnOf(store, task) ?? "") };
  const files = new Map<string, readonly Pair[]>();
  let bytes = 0;
  for (const container of containersOf(store, task)) {
    const values = new Map<string, string>();
    for (const arn of filesOf(task, container)) {
      const [bucket = "", ...key] = arn.replace(/^arn:aws:s3:::/, "").split("/");
      try {
        const request = { bucket, key: key.join("/"), principal, region: task.region };
        const content = await readObject(request, BYTES_MAX);
        bytes += content.length;
        if (bytes > BYTES_MAX)
          throw new Error(`The environment files of a task have more than ${BYTES_MAX} bytes.`);
        const variables = new Map(parseEnvironmentFile(content).map(({ name, value }) => [name, value]));
        for (const [name, value] of variables) if (!values.has(name)) values.set(name, value);
      } catch (thrown) {
        return {
          problem:
            "ResourceInitializationError: failed to download env files: file download command: non empty " +
            `error stream: ${wordsOf(thrown, arn)}`,
        };
      }
    }
    files.set(
      container.name,
      [...values].map(([name, value]) => ({ name, value })),
    );
  }
  return { files };
}

/** What a container's files add: variables that neither its definition nor its override sets, and no secret. */
export function variablesOf(
  files: EnvironmentFiles,
  container: ContainerSpec,
  { overrides }: TaskRecord,
): readonly Pair[] {
  const override = overrides.containers.find((each) => each.name === container.name);
  const set = [...container.environment, ...(override?.environment ?? []), ...(container.secrets ?? [])];
  const names = new Set(set.map((pair) => pair.name));
  return (files.get(container.name) ?? []).filter(({ name }) => !names.has(name));
}

/**
 * The variables of a file. A line is NAME=VALUE; spaces and quotation marks belong to the value. Comments,
 * and lines without a name or a value, are left out.
 * Source: as above; amazon-ecs-agent, envFiles, readEnvVarsFromFile.
 */
export function parseEnvironmentFile(content: Buffer): readonly Pair[] {
  return content
    .toString("utf8")
    .split("\n")
    .flatMap((text): readonly Pair[] => {
      const line = text.endsWith("\r") ? text.slice(0, -1) : text;
      const equals = line.indexOf("=");
      // An environment variable ends at its first zero byte.
      if (line.startsWith("#") || equals < 1 || equals === line.length - 1 || line.includes("\0")) return [];
      return [{ name: line.slice(0, equals), value: line.slice(equals + 1) }];
    });
}

/** The ARNs of a container's files: those of an override replace the definition's. Source: API_ContainerOverride. */
function filesOf({ overrides }: TaskRecord, container: ContainerSpec): readonly string[] {
  const override = overrides.containers.find((each) => each.name === container.name);
  return override?.environmentFiles ?? container.environmentFiles ?? [];
}

function containersOf(reader: Reader, task: TaskRecord): readonly ContainerSpec[] {
  return reader.get("taskDefinition", task.taskDefinitionArn)?.spec.containers ?? [];
}

/** As the AWS SDK prints an error of S3. */
function wordsOf(thrown: unknown, arn: string): string {
  // Fields that errors of operations have.
  const { name, code } = (thrown instanceof Error ? thrown : {}) as { name?: string; code?: unknown };
  return `${typeof code === "string" ? code : (name ?? "Error")}: ${messageOf(thrown)} (${arn})`;
}
