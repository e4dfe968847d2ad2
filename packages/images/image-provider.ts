import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { buildDebianImage } from "./debian-image.ts";
import type { ImageRecipe } from "./recipes.ts";

const run = promisify(execFile);

type Provided = "present" | "pulled" | "built";

const underway = new Map<string, Promise<Provided>>();

/**
 * Brings an image to the engine: it is there, or it is pulled, or it is built. Says which. Whoever asks
 * meanwhile waits with the first.
 */
export function provideImage(
  recipe: ImageRecipe,
  options: { cacheFolder: string; label: string; prepare?: (root: string) => Promise<void> },
): Promise<Provided> {
  let provided = underway.get(recipe.tag);
  if (provided === undefined) {
    provided = provide(recipe, options).finally(() => underway.delete(recipe.tag));
    underway.set(recipe.tag, provided);
  }
  return provided;
}

async function provide(
  recipe: ImageRecipe,
  options: { cacheFolder: string; label: string; prepare?: (root: string) => Promise<void> },
): Promise<Provided> {
  if (await hasImage(recipe.tag)) return "present";
  if (recipe.upstream !== undefined && (await pulls(recipe.upstream))) return "pulled";
  await buildDebianImage(recipe, options);
  return "built";
}

export async function hasImage(tag: string): Promise<boolean> {
  return run("docker", ["image", "inspect", tag]).then(
    () => true,
    () => false,
  );
}

function pulls(image: string): Promise<boolean> {
  return run("docker", ["pull", "-q", image], { timeout: 120_000 }).then(
    () => true,
    () => false,
  );
}
