import { createHash } from "node:crypto";
import type { ContainerAssignment, ContainerObservation, PodAssignment } from "@gantry/agent-protocol";
import { messageOf, type Clock } from "@gantry/kernel";
import { EngineError, type Engine } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";

/** An image that the engine has for a container of a pod. */
export interface PodImage {
  /** The reference for creating the container: a name with a digest, or the id of an image that has none. */
  readonly reference: string;
  readonly digest: string | undefined;
  /** Undefined for the platform's own images. */
  readonly source: ContainerObservation["imageSource"];
}

/** Deadline of a registry for resolving a tag. */
export const RESOLVE_MS = 5_000;
/**
 * A registry that did not answer is not queried again for this long, so that tasks that start in the meantime
 * do not wait for it.
 */
export const SILENT_MS = 30_000;
const SEEN_MAX = 1_000;

/**
 * Finds and pulls the images of pods. A tag is resolved to a digest at its registry each time a container is
 * created, and the engine pulls that digest where it does not have it. Where no registry answers, the
 * engine's own copy of the tag is used, or an image that the control plane builds; the result states which.
 */
export class PodImages {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #naming: Naming;
  readonly #request: (image: string) => Promise<void>;
  /** References with a digest that were seen on the engine. */
  readonly #seen = new Map<string, PodImage>();
  readonly #silentUntil = new Map<string, number>();
  readonly #resolving = new Map<string, Promise<string>>();

  constructor(deps: {
    engine: Engine;
    clock: Clock;
    naming: Naming;
    /** Requests an image that no registry has from the control plane; rejects where it cannot be built. */
    requestImage: (image: string) => Promise<void>;
  }) {
    this.#engine = deps.engine;
    this.#clock = deps.clock;
    this.#naming = deps.naming;
    this.#request = deps.requestImage;
  }

  /**
   * Returns the image where the engine has it and no registry query is needed; undefined where it must be
   * provided.
   */
  async present(container: ContainerAssignment, pod: PodAssignment): Promise<PodImage | undefined> {
    const { image } = container;
    if (!isFixed(image, pod)) return undefined;
    const known = this.#seen.get(image);
    if (known !== undefined) return known;
    const there = await this.#engine.image(image);
    if (there === undefined) return undefined;
    if (there.names.some((name) => name.startsWith(USED_BY))) await this.#noteUse(image);
    return this.#see(image, pod);
  }

  /** Resolves and pulls the image. Errors: CannotPullContainerError. */
  async provide(container: ContainerAssignment, pod: PodAssignment): Promise<PodImage> {
    const { image, registryAuth } = container;
    if (isPlatforms(image, pod)) {
      await this.#make(image, undefined);
      return this.#see(image, pod);
    }
    if (isFixed(image, pod)) {
      await this.#pull(image, registryAuth);
      return this.#see(image, pod);
    }
    try {
      const digest = await this.#resolve(image, registryAuth);
      const reference = byDigest(image, digest);
      const there = await this.#engine.image(reference);
      if (there === undefined) await this.#pull(reference, registryAuth);
      else if (there.names.some((name) => name.startsWith(USED_BY))) await this.#noteUse(reference);
      return { reference, digest, source: "registry" };
    } catch (thrown) {
      if (!(thrown instanceof EngineError) || !thrown.unreachable) throw thrown;
      this.#silentUntil.set(hostOf(image), this.#clock.now() + SILENT_MS);
      return this.#ownCopy(image, thrown);
    }
  }

  /** The engine may have lost the image. */
  forget(image: string): void {
    this.#seen.delete(image);
  }

  #see(image: string, pod: PodAssignment): PodImage {
    const source = isPlatforms(image, pod) ? undefined : ("registry" as const);
    const found: PodImage = { reference: image, digest: image.split("@")[1], source };
    if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
    this.#seen.set(image, found);
    return found;
  }

  /** Containers that start at the same time share one request to the registry. */
  #resolve(image: string, registryAuth: string | undefined): Promise<string> {
    const silentUntil = this.#silentUntil.get(hostOf(image)) ?? 0;
    if (this.#clock.now() < silentUntil)
      throw new EngineError(
        "CannotPullContainerError",
        `failed to resolve ref ${image}: ${hostOf(image)} did not answer within the last ${SILENT_MS / 1000} s`,
        { unreachable: true },
      );
    const key = `${image} ${registryAuth ?? ""}`;
    const underway =
      this.#resolving.get(key) ??
      this.#engine.resolveDigest(image, registryAuth, RESOLVE_MS).finally(() => this.#resolving.delete(key));
    this.#resolving.set(key, underway);
    return underway;
  }

  async #pull(reference: string, registryAuth: string | undefined): Promise<void> {
    await this.#engine.pullImage(reference, registryAuth);
    await this.#noteUse(reference);
  }

  /**
   * The image used where no registry answers: the engine's copy of the tag, or an image that the control
   * plane builds.
   */
  async #ownCopy(image: string, unanswered: EngineError): Promise<PodImage> {
    let there = await this.#engine.image(image);
    if (there === undefined) {
      await this.#make(image, unanswered);
      there = await this.#engine.image(image);
      if (there === undefined) throw unanswered;
      if (!there.isBuilt) await this.#noteUse(image);
    }
    return {
      reference: there.id,
      digest: there.digest ?? there.id,
      source: there.isBuilt ? "built" : "engine",
    };
  }

  async #make(image: string, unanswered: EngineError | undefined): Promise<void> {
    try {
      await this.#request(image);
    } catch (thrown) {
      throw unanswered ?? new EngineError("CannotPullContainerError", messageOf(thrown), { cause: thrown });
    }
  }

  /**
   * Tags each image that Gantry pulled, once per instance that uses it, so that "gantry down --purge" removes
   * only images that Gantry pulled and that no other instance uses.
   */
  async #noteUse(reference: string): Promise<void> {
    await this.#engine.tagImage(reference, useTag(this.#naming, reference));
  }
}

const USED_BY = "gantry/used-by-";

/** The repository of an instance's tags. */
export function useTagsOf(naming: Pick<Naming, "instance">): string {
  return `${USED_BY}${naming.instance}`;
}

/** The tag by which an instance marks an image that Gantry pulled by the reference. */
export function useTag(naming: Pick<Naming, "instance">, reference: string): string {
  const hash = createHash("sha256").update(familiarName(reference)).digest("hex").slice(0, 32);
  return `${useTagsOf(naming)}:${hash}`;
}

/** The name as the engine lists it: without the parts that are implied for Docker Hub's images. */
function familiarName(reference: string): string {
  return reference.replace(/^docker\.io\//, "").replace(/^library\//, "");
}

/** Whether the name alone identifies the image. */
function isFixed(image: string, pod: PodAssignment): boolean {
  return isPlatforms(image, pod) || image.includes("@");
}

/**
 * Images of the platform are never pulled from a public registry, because anybody could publish their names
 * there.
 */
function isPlatforms(image: string, pod: PodAssignment): boolean {
  return pod.role !== "task" || image.startsWith("gantry/");
}

/** The registry of a name. Source: distribution/reference, "splitDockerDomain". */
function hostOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : "docker.io";
}

function byDigest(image: string, digest: string): string {
  const colon = image.lastIndexOf(":");
  return `${colon > image.lastIndexOf("/") ? image.slice(0, colon) : image}@${digest}`;
}
