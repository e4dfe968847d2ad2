import {
  BatchGetImageCommand,
  CreateRepositoryCommand,
  ECRClient,
  PutImageCommand,
} from "@aws-sdk/client-ecr";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { run } from "./helpers.ts";
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
const ecr = new ECRClient(demo.client());
let tasks: Awaited<ReturnType<typeof openTasks>>;
let uri = "";
const digests: Record<string, string> = {};

/** An image that prints its name, pushed under it. */
async function pushNamed(name: string): Promise<void> {
  const id = (
    await run("docker", ["create", "--entrypoint", "/bin/echo", "busybox:latest", "image", name])
  ).trim();
  await run("docker", ["commit", id, `${uri}:${name}`]);
  await run("docker", ["rm", id]);
  digests[name] = await demo.push(`${uri}:${name}`);
}

/** Points a tag to an image in the registry alone, as another machine's push does. */
async function moveTag(tag: string, name: string): Promise<void> {
  const { images = [] } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: "moving", imageIds: [{ imageTag: name }] }),
  );
  const { imageManifest } = images[0] ?? {};
  await ecr.send(new PutImageCommand({ repositoryName: "moving", imageManifest, imageTag: tag }));
}

/** Runs the image of the tag; answers the digest that DescribeTasks shows and what the task printed. */
async function runTag(family: string) {
  const task = await tasks.runToEnd(family, {
    image: `${uri}:latest`,
    entryPoint: undefined,
    command: undefined,
  });
  return {
    digest: task?.containers?.[0]?.imageDigest,
    printed: (await tasks.messagesOf(family, task)).at(-1),
    reason: task?.stoppedReason,
  };
}

beforeAll(async () => {
  tasks = await openTasks(demo);
  // The first task with a well-known image makes the node build it.
  const task = await tasks.runToEnd("images-busybox", { image: "busybox:latest", command: ["true"] });
  expect(task?.attributes).toContainEqual({
    name: "gantry.image-source.main",
    value: expect.any(String) as string,
  });
  const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: "moving" }));
  uri = repository?.repositoryUri ?? "";
  await pushNamed("one");
  await pushNamed("two");
});

afterAll(async () => {
  // What this test committed and tagged itself is not the platform's to purge.
  for (const tag of ["one", "two", "latest"])
    await run("docker", ["rmi", "-f", `${uri}:${tag}`]).catch(() => {});
});

describe("the image of a task, with a real engine and registry", () => {
  // Before: the second task ran "one" again, for the engine had an image under the tag.
  it("is the one that the registry's tag names now, not the engine's", async () => {
    await moveTag("latest", "one");
    expect(await runTag("images-first")).toMatchObject({ digest: digests["one"], printed: "image one" });
    await moveTag("latest", "two");
    await run("docker", ["tag", `${uri}:one`, `${uri}:latest`]);
    expect(await runTag("images-moved")).toMatchObject({ digest: digests["two"], printed: "image two" });
  });

  // Before: the task ended with "No such image".
  it("is pulled again after it was removed from the engine", async () => {
    await run("docker", ["rmi", "-f", `${uri}:two`, `${uri}@${digests["two"]}`]);
    expect(await runTag("images-removed")).toMatchObject({ digest: digests["two"], printed: "image two" });
    // What the platform pulled carries its mark, so that a purge finds it.
    const names = await run("docker", [
      ...["image", "inspect", "-f", '{{join .RepoTags " "}}', `${uri}@${digests["two"]}`],
    ]);
    expect(names).toContain("gantry/used-by-");
  });
});
