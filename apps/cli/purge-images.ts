import { useTagsOf, useTag, type Naming } from "@gantry/agent";
import { run } from "./run.ts";

interface ImageAnswer {
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
}

/** Removes the snapshots of root file systems of an instance's EC2 instances. */
export async function purgeRootSnapshots(naming: Naming): Promise<void> {
  const filter = ["--filter", `label=${naming.label}`, "gantry/root-snapshot"];
  const listed = await run("docker", ["images", "--format", "{{.Repository}}:{{.Tag}}", ...filter]);
  for (const image of listed.split("\n").filter(Boolean)) await run("docker", ["rmi", image]);
}

/**
 * Removes the images that Gantry pulled and that no other instance uses: the agent marks each with a tag of
 * its instance. Names that users gave to an image stay, and so do images that a container uses.
 */
export async function purgePulledImages(naming: Naming): Promise<void> {
  const listed = await run("docker", ["images", "--format", "{{.Repository}}:{{.Tag}}", useTagsOf(naming)]);
  for (const mark of listed.split("\n").filter(Boolean)) {
    const [image] = JSON.parse(await run("docker", ["image", "inspect", mark])) as ImageAnswer[]; // Docker's answer.
    await run("docker", ["rmi", mark]).catch(() => {}); // A container uses the image, so it stays.
    const isPulled = (name: string) => useTag(naming, name) === mark;
    const isShared = image?.RepoTags?.some(
      (name) =>
        name !== mark && name.startsWith("gantry/used-by-") && name.split(":")[1] === mark.split(":")[1],
    );
    if (isShared !== false) continue;
    for (const name of [...(image?.RepoDigests ?? []), ...(image?.RepoTags ?? [])].filter(isPulled))
      await run("docker", ["rmi", name]).catch(() => {}); // As above.
  }
}
