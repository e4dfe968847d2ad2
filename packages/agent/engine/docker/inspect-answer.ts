import type { EngineContainer } from "../engine.ts";

/** Docker's answer to inspect. Source: https://docs.docker.com/engine/api/v1.41/ */
export interface InspectAnswer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: { readonly Labels: Record<string, string> | null };
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly Health?: { readonly Status: string };
  };
  /** Where sizes are asked for. */
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
}

/** The state of a container, from what Docker answers. `imageDigest` is that of its image. */
export function present(answer: InspectAnswer, imageDigest: string | undefined): EngineContainer {
  const { State: state } = answer;
  const ended = state.Status === "exited" || state.Status === "dead" || state.Status === "removing";
  // A container that never started and has an error counts as exited.
  const failed = state.Status === "created" && state.Error !== "";
  return {
    id: answer.Id,
    name: nameOf(answer.Name),
    labels: answer.Config.Labels ?? {},
    state: ended || failed ? "exited" : state.Status === "created" ? "created" : "running",
    pid: state.Pid,
    exitCode: ended || failed ? state.ExitCode : undefined,
    outOfMemory: state.OOMKilled,
    problem: state.Error === "" ? undefined : state.Error,
    health:
      state.Health?.Status === "healthy"
        ? "HEALTHY"
        : state.Health?.Status === "unhealthy"
          ? "UNHEALTHY"
          : "UNKNOWN",
    startedAt: timeOf(state.StartedAt),
    finishedAt: timeOf(state.FinishedAt),
    imageDigest,
  };
}

/** Docker writes a container's name with a slash before it. */
export function nameOf(name: string): string {
  return name.replace(/^\//, "");
}

function timeOf(text: string): number | undefined {
  return text.startsWith("0001") ? undefined : Date.parse(text);
}
