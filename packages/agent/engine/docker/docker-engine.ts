import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import { sleep } from "@gantry/kernel";
import {
  EngineError,
  type ContainerSpec,
  type Engine,
  type EngineContainer,
  type EngineImage,
  type EngineLogLine,
  type EngineStats,
  type EngineStorage,
} from "../engine.ts";
import { createBody } from "./create-body.ts";
import { DockerApi, DockerApiError } from "./docker-api.ts";
import { presentImage, splitReference, type ImageAnswer } from "./images.ts";
import { nameOf, present, type InspectAnswer } from "./inspect-answer.ts";
import { InspectedContainers } from "./inspected-containers.ts";
import { readLogFrames } from "./log-frames.ts";

/** An event of a container. */
interface EventLine {
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

const RECONNECT_MS = 500;

/** Implements the agent's engine interface with Docker Engine. */
export class DockerEngine implements Engine {
  readonly #api: DockerApi;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #digests = new Map<string, string>();
  readonly #inspected: InspectedContainers;

  constructor(deps: { socketPath: string; clock: Clock; log: Logger }) {
    this.#inspected = new InspectedContainers(deps.clock);
    this.#api = new DockerApi(deps);
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  async image(reference: string): Promise<EngineImage | undefined> {
    try {
      const answer = (await this.#api.call(
        "GET",
        `/images/${encodeURIComponent(reference)}/json`,
      )) as ImageAnswer; // Docker's answer to image inspect.
      return presentImage(answer);
    } catch (thrown) {
      if (thrown instanceof DockerApiError && thrown.status === 404) return undefined;
      throw thrown;
    }
  }

  async resolveDigest(image: string, registryAuth: string | undefined, timeoutMs: number): Promise<string> {
    try {
      const answer = (await this.#api.call("GET", `/distribution/${encodeURI(image)}/json`, {
        headers: registryAuth === undefined ? {} : { "X-Registry-Auth": registryAuth },
        timeoutMs,
      })) as { Descriptor: { digest: string } }; // Docker's answer to distribution inspect.
      return answer.Descriptor.digest;
    } catch (thrown) {
      throw pullError(image, thrown);
    }
  }

  async tagImage(reference: string, name: string): Promise<void> {
    const [repository, tag] = splitReference(name);
    const query = new URLSearchParams({ repo: repository, tag }).toString();
    await this.#api.call("POST", `/images/${encodeURIComponent(reference)}/tag?${query}`);
  }

  async commitContainer(id: string, name: string): Promise<void> {
    const [repo, tag] = splitReference(name);
    const query = new URLSearchParams({ container: id, repo, tag, pause: "true" }).toString();
    await this.#api.call("POST", `/commit?${query}`);
  }

  async removeImage(name: string): Promise<void> {
    try {
      await this.#api.call("DELETE", `/images/${encodeURIComponent(name)}`);
    } catch (thrown) {
      if (!(thrown instanceof DockerApiError) || thrown.status !== 404) throw thrown;
    }
  }

  async pullImage(image: string, registryAuth: string | undefined): Promise<void> {
    const [name, tag] = splitReference(image);
    const headers: Record<string, string> =
      registryAuth === undefined ? {} : { "X-Registry-Auth": registryAuth };
    try {
      const response = await this.#api.open(
        "POST",
        `/images/create?fromImage=${encodeURIComponent(name)}&tag=${encodeURIComponent(tag)}`,
        {
          headers,
        },
      );
      response.setEncoding("utf8");
      let rest = "";
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines)
          // Docker's progress line.
          if (line.includes('"error"')) throw new Error((JSON.parse(line) as { error: string }).error);
      }
    } catch (thrown) {
      throw pullError(image, thrown);
    }
  }

  async createContainer(spec: ContainerSpec): Promise<string> {
    try {
      const path = `/containers/create?name=${encodeURIComponent(spec.name)}`;
      const body = createBody(spec);
      const answer = await this.#changing(spec.name, () => this.#api.call("POST", path, { body }));
      return (answer as { Id: string }).Id; // Docker's answer to create.
    } catch (thrown) {
      if (thrown instanceof DockerApiError && thrown.status === 409) {
        const there = await this.inspect(spec.name);
        if (there !== undefined) return there.id;
      }
      throw new EngineError("CannotCreateContainerError", messageOf(thrown), {
        cause: thrown,
        imageMissing: thrown instanceof DockerApiError && thrown.status === 404,
      });
    }
  }

  async startContainer(id: string): Promise<void> {
    try {
      await this.#changing(id, () => this.#api.call("POST", `/containers/${id}/start`));
    } catch (thrown) {
      throw new EngineError("CannotStartContainerError", messageOf(thrown), { cause: thrown });
    }
  }

  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    try {
      const timeoutMs = (timeoutSeconds + 60) * 1000;
      await this.#changing(id, () =>
        this.#api.call("POST", `/containers/${id}/stop?t=${timeoutSeconds}`, { timeoutMs }),
      );
    } catch (thrown) {
      if (thrown instanceof DockerApiError && thrown.status === 404) return;
      throw new EngineError("CannotStopContainerError", messageOf(thrown), { cause: thrown });
    }
  }

  async removeContainer(id: string): Promise<void> {
    try {
      await this.#changing(id, () => this.#api.call("DELETE", `/containers/${id}?force=true&v=true`));
    } catch (thrown) {
      // 404: the container is gone; 409: its removal is already in progress.
      if (thrown instanceof DockerApiError && (thrown.status === 404 || thrown.status === 409)) return;
      throw new EngineError("CannotRemoveContainerError", messageOf(thrown), { cause: thrown });
    }
  }

  inspect(idOrName: string): Promise<EngineContainer | undefined> {
    return this.#inspected.read(idOrName, () => this.inspectNow(idOrName));
  }

  async inspectNow(idOrName: string): Promise<EngineContainer | undefined> {
    // Docker's answer to inspect.
    const answer = (await this.#ofContainer(idOrName, "json")) as InspectAnswer | undefined;
    return answer && present(answer, await this.#digestOf(answer.Image));
  }

  async stats(id: string): Promise<EngineStats | undefined> {
    const answer = await this.#ofContainer(id, "stats?stream=false&one-shot=true");
    return answer as EngineStats | undefined; // Docker's answer to stats.
  }

  async storage(id: string): Promise<EngineStorage | undefined> {
    // Docker's answer to inspect.
    const answer = (await this.#ofContainer(id, "json?size=true")) as InspectAnswer | undefined;
    if (answer === undefined) return undefined;
    const { Image: imageId, SizeRw: writtenBytes = 0, SizeRootFs: allBytes = 0 } = answer;
    return { imageId, imageBytes: Math.max(0, allBytes - writtenBytes), writtenBytes };
  }

  /** What the engine says of a container; undefined where there is none. */
  async #ofContainer(id: string, what: string): Promise<unknown> {
    try {
      return await this.#api.call("GET", `/containers/${encodeURIComponent(id)}/${what}`);
    } catch (thrown) {
      if (thrown instanceof DockerApiError && thrown.status === 404) return undefined;
      throw new EngineError("CannotInspectContainerError", messageOf(thrown), { cause: thrown });
    }
  }

  async list(label: string): Promise<readonly EngineContainer[]> {
    const inspected = await Promise.all((await this.#namesOf(label)).map((name) => this.inspect(name)));
    return inspected.filter((container) => container !== undefined);
  }

  async probe(label: string, turn: number): Promise<void> {
    const names = await this.#namesOf(label);
    const name = names[turn % names.length];
    if (name !== undefined) await this.inspectNow(name);
  }

  async #namesOf(label: string): Promise<readonly string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const found = await this.#api.call("GET", `/containers/json?all=true&filters=${filters}`);
    // Docker's answer to list. A container that is being removed may have lost its name.
    return (found as { Id: string; Names: string[] | null }[]).map(({ Id, Names }) =>
      nameOf(Names?.[0] ?? Id),
    );
  }

  /** Carries out a change of a container; what was said of it before is not used any more. */
  async #changing<T>(idOrName: string, change: () => Promise<T>): Promise<T> {
    this.#inspected.changed(idOrName);
    try {
      return await change();
    } finally {
      this.#inspected.changed(idOrName);
    }
  }

  async *logs(id: string, after: string | undefined, signal: AbortSignal): AsyncIterable<EngineLogLine> {
    let last = after;
    // Docker ends a followed log with its container, sometimes before the last line, so the remainder is read
    // once more.
    for (const follow of [true, false]) {
      for await (const line of this.#readLogs(id, { after: last, follow, signal })) {
        last = line.at;
        yield line;
      }
      if (signal.aborted) return;
    }
  }

  async *#readLogs(
    id: string,
    options: { after: string | undefined; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<EngineLogLine> {
    const { after, follow, signal } = options;
    const since = after === undefined ? "" : `&since=${sinceParameter(after)}`;
    let response;
    try {
      response = await this.#api.open(
        "GET",
        `/containers/${id}/logs?follow=${follow}&stdout=true&stderr=true&timestamps=true${since}`,
        { signal },
      );
    } catch (thrown) {
      if (signal.aborted || (thrown instanceof DockerApiError && thrown.status === 404)) return;
      throw thrown;
    }
    const framed =
      response.headers["content-type"] !== "application/vnd.docker.raw-stream" ||
      !(await this.#hasTerminal(id));
    for await (const line of readLogFrames(response, framed, signal)) {
      const space = line.indexOf(" ");
      const at = line.slice(0, space);
      if (after === undefined || at > after) yield { at, text: line.slice(space + 1) };
    }
  }

  watch(
    label: string,
    onChange: (labels: Readonly<Record<string, string>>) => void,
    signal: AbortSignal,
  ): void {
    void this.#watchForever(label, onChange, signal); // The watch never rejects: it reconnects until aborted.
  }

  async #watchForever(
    label: string,
    onChange: (labels: Readonly<Record<string, string>>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const filters = encodeURIComponent(
      JSON.stringify({ type: ["container"], label: [label], event: EVENTS }),
    );
    while (!signal.aborted) {
      try {
        // The engine answers before it subscribes the stream: without `since` an event in between would be lost.
        const since = Math.floor(this.#clock.now() / 1000) - 1;
        const response = await this.#api.open("GET", `/events?since=${since}&filters=${filters}`, { signal });
        response.setEncoding("utf8");
        this.#inspected.opened(label);
        onChange({}); // Events may have been missed while disconnected: everything is reconciled.
        let rest = "";
        for await (const chunk of response) {
          const lines = (rest + String(chunk)).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) {
            if (line === "") continue;
            const { Actor } = JSON.parse(line) as EventLine; // Docker's event.
            this.#inspected.changed(Actor.ID);
            onChange(Actor.Attributes);
          }
        }
      } catch (thrown) {
        if (!signal.aborted) this.#log.warn("Engine's event stream ended", { reason: messageOf(thrown) });
      }
      this.#inspected.closed();
      if (!signal.aborted) await sleep(this.#clock, RECONNECT_MS);
    }
  }

  async #hasTerminal(id: string): Promise<boolean> {
    // As in inspect.
    const answer = (await this.#api.call("GET", `/containers/${id}/json`)) as { Config: { Tty: boolean } };
    return answer.Config.Tty;
  }

  /** The repository digest of an image id, else the id itself, as ECS reports it. */
  async #digestOf(imageId: string): Promise<string | undefined> {
    const known = this.#digests.get(imageId);
    if (known !== undefined) return known;
    try {
      const answer = (await this.#api.call("GET", `/images/${encodeURIComponent(imageId)}/json`)) as {
        RepoDigests: string[] | null;
      }; // Docker's answer to image inspect.
      const digest = answer.RepoDigests?.[0]?.split("@")[1] ?? imageId;
      this.#digests.set(imageId, digest);
      return digest;
    } catch {
      return imageId;
    }
  }
}

/**
 * The events after which a container is in another state. Others are many: a health check alone sends three with each
 * run.
 * Source: Docker's reference, "docker events", and moby's `daemon/events/filter.go`, by which "health_status" matches
 * "health_status: healthy" too.
 */
const EVENTS: readonly string[] = [
  ...["create", "start", "die", "oom", "destroy"],
  ...["kill", "stop", "restart", "pause", "unpause", "rename", "update", "health_status"],
];

/** Docker takes seconds with a fraction; the filter is inclusive, and `after` excludes the cursor itself. */
function sinceParameter(at: string): string {
  const seconds = Math.floor(Date.parse(`${at.slice(0, 19)}Z`) / 1000);
  return `${seconds}.${(/\.(\d+)Z$/.exec(at)?.[1] ?? "0").padEnd(9, "0")}`;
}

const NO_ANSWER =
  /no such host|connection refused|i\/o timeout|network is unreachable|TLS handshake|server misbehaving|request canceled|aborted|deadline exceeded|no route to host|toomanyrequests|50[0-4] /i;

/**
 * The reason why an image cannot be resolved or pulled. An overloaded registry counts as one that does not
 * answer.
 */
function pullError(image: string, thrown: unknown): EngineError {
  const words = messageOf(thrown);
  return new EngineError(
    "CannotPullContainerError",
    `pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: ${words}`,
    { cause: thrown, unreachable: NO_ANSWER.test(words) },
  );
}
