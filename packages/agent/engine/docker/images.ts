import type { EngineImage } from "../engine.ts";

/** What Docker answers about an image. */
export interface ImageAnswer {
  readonly Id: string;
  readonly Comment: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Entrypoint: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
  } | null;
}

/** An image built from one of Gantry's inherits the label, but only Gantry's own is imported. */
export function presentImage(answer: ImageAnswer): EngineImage {
  return {
    id: answer.Id,
    digest: answer.RepoDigests?.[0]?.split("@")[1],
    names: answer.RepoTags ?? [],
    entryPoint: answer.Config?.Entrypoint ?? [],
    command: answer.Config?.Cmd ?? [],
    isBuilt: answer.Config?.Labels?.["gantry.image"] === "true" && answer.Comment.startsWith("Imported from"),
  };
}

/** The name of an image, and its tag or digest. */
export function splitReference(image: string): readonly [string, string] {
  const at = image.indexOf("@");
  if (at >= 0) return [image.slice(0, at), image.slice(at + 1)];
  const colon = image.lastIndexOf(":");
  return colon > image.lastIndexOf("/") ? [image.slice(0, colon), image.slice(colon + 1)] : [image, "latest"];
}
