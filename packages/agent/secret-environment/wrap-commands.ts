import { EngineError, type ContainerSpec, type EngineImage } from "../engine/engine.ts";
import type { SecretEnvironment } from "./secret-environments.ts";

/** The label that holds the beginning of each command of a container with secrets, for `gantry exec`. */
export const COMMAND_PREFIX_LABEL = "gantry.command-prefix";
/** How `with-environment` begins the sentence about a program that it cannot execute, and its exit codes. */
const SENTENCE = /^gantry: (exec: ".*": .*)$/s;
const EXIT_CODES: readonly number[] = [126, 127];
/** Source: Docker Engine, the shell of CMD-SHELL where a container has no SHELL of its own. */
const SHELL = ["/bin/sh", "-c"];

/** The specification of a container that begins with its secrets. Errors: CannotCreateContainerError. */
export function withSecrets(
  spec: ContainerSpec,
  {
    environment,
    image,
  }: { readonly environment: SecretEnvironment; readonly image: EngineImage | undefined },
): ContainerSpec {
  const { prefix, mounts } = environment;
  if (prefix === undefined) return { ...spec, mounts: [...spec.mounts, ...mounts] };
  if (image === undefined)
    throw new EngineError("CannotCreateContainerError", `No such image: ${spec.image}`, {
      imageMissing: true,
    });
  return {
    ...spec,
    ...wrapCommands(spec, image, prefix),
    labels: { ...spec.labels, [COMMAND_PREFIX_LABEL]: JSON.stringify(prefix) },
    mounts: [...spec.mounts, ...mounts],
  };
}

type Commands = Pick<ContainerSpec, "entryPoint" | "command" | "healthCheck">;

/**
 * The entry point, command and health check of a container, each begun with the prefix. An entry point hides
 * that of the image, so those of the image are repeated as the engine merges them: its command counts only
 * where the task definition has neither. Errors: CannotCreateContainerError where there is nothing to
 * execute.
 */
export function wrapCommands(
  container: Commands,
  image: Pick<EngineImage, "entryPoint" | "command">,
  prefix: readonly string[],
): Commands {
  const given = container.entryPoint ?? [];
  const entryPoint = given.length === 1 && given[0] === "" ? [] : (container.entryPoint ?? image.entryPoint);
  const hasCommand = (container.command?.length ?? 0) > 0 || given.length > 0;
  const command = hasCommand ? (container.command ?? []) : image.command;
  if (entryPoint.length + command.length === 0)
    throw new EngineError("CannotCreateContainerError", "No command specified");
  return {
    entryPoint: [...prefix, ...entryPoint],
    command,
    healthCheck: container.healthCheck && {
      ...container.healthCheck,
      command: wrapHealthCheck(container.healthCheck.command, prefix),
    },
  };
}

function wrapHealthCheck(command: readonly string[], prefix: readonly string[]): readonly string[] {
  const [type, ...words] = command;
  if (type === "CMD") return ["CMD", ...prefix, ...words];
  return type === "CMD-SHELL" ? ["CMD", ...prefix, ...SHELL, ...words] : command;
}

/**
 * What a command begins with to have the secrets of a container with this label; empty for a container
 * without secrets.
 */
export function commandPrefixOf(label: string): readonly string[] {
  return label === "" ? [] : (JSON.parse(label) as string[]); // `withSecrets` wrote it.
}

/** Whether the exit code is one of those with which `with-environment` reports a program that it cannot execute. */
export function mayBeUnstarted(exitCode: number | undefined): boolean {
  return exitCode !== undefined && EXIT_CODES.includes(exitCode);
}

/** Why the program of a container did not start, from the first line of its log; undefined where it did. */
export function startProblem(firstLine: string | undefined): string | undefined {
  return SENTENCE.exec(firstLine ?? "")?.[1];
}
