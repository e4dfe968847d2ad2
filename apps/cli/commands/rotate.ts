import { rotate, ROTATIONS, type Rotation } from "@gantry/control-plane/rotate";
import { healthOf, stopControlPlane } from "../control-plane-process.ts";
import { bringUp, presentInstance } from "../platform.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

/** Replaces a key. The control plane restarts; tasks, load balancers and databases keep running. */
export async function run({ deps, folder, words: [what = ""] }: Call): Promise<number> {
  if (!isRotation(what))
    throw new UserError(`"${what}" cannot be rotated: name one of ${Object.keys(ROTATIONS).join(", ")}.`);
  const settings = presentInstance(folder);
  const wasUp = (await healthOf(settings)) !== undefined;
  // This also stops a control plane that does not answer: two processes must not have the state open at the
  // same time.
  await stopControlPlane(deps, settings);
  try {
    await deps.progress.step(`Replacing ${what}`, () => rotate(what, settings, deps.clock));
  } finally {
    if (wasUp) await bringUp(deps, folder, undefined);
  }
  process.stdout.write(`${ROTATIONS[what]}\n`);
  return 0;
}

function isRotation(word: string): word is Rotation {
  return Object.hasOwn(ROTATIONS, word);
}
