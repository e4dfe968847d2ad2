import type { FindImage } from "@gantry/controllers";
import { newWorld } from "@gantry/testkit";
import { describe, expect, it } from "vitest";

/** A registry of which the tag of every image points to `digest`. */
function newRegistry(digest: string) {
  const says: { digest: string; refusal: string | undefined } = { digest, refusal: undefined };
  const findImage: FindImage = (_, request) =>
    says.refusal === undefined
      ? { type: "resolved", digest: request.digest ?? says.digest }
      : { type: "refused", reason: says.refusal };
  return Object.assign(says, { findImage });
}

describe("the image of a task", () => {
  // Before: the engine was asked for the tag, had one, and ran the old image.
  it("is resolved once per deployment: a tag that moves changes no task until the next one", async () => {
    const registry = newRegistry("sha256:one");
    const world = newWorld({ findImage: registry.findImage });
    world.createService({ desiredCount: 2 });
    await world.clock.advance(30_000);
    const digests = () => world.runningTasks().map((task) => task.containers[0]?.imageDigest);
    expect(digests()).toEqual(["sha256:one", "sha256:one"]);
    registry.digest = "sha256:two";
    world.kill(world.runningTasks()[0]);
    await world.clock.advance(30_000);
    expect(digests()).toEqual(["sha256:one", "sha256:one"]);
    world.deploy("good");
    await world.clock.advance(60_000);
    expect(digests()).toEqual(["sha256:two", "sha256:two"]);
    const resolved = world.events().filter((message) => message.includes("is resolved to"));
    expect(resolved.map((message) => message.replace(/\d{19}/, "ID"))).toEqual([
      "(service s) (deployment ecs-svc/ID) container web: good is resolved to sha256:two.",
      "(service s) (deployment ecs-svc/ID) container web: good is resolved to sha256:one.",
    ]);
    const revisions = world.store.list("serviceRevision").map((revision) => revision.containerImages);
    expect(revisions).toContainEqual([{ containerName: "web", image: "good", imageDigest: "sha256:two" }]);
    expect(world.bugs).toEqual([]);
    world.stop();
  });

  it("is resolved once per task outside of a service, and shown before it is pulled", async () => {
    const registry = newRegistry("sha256:one");
    const world = newWorld({ findImage: registry.findImage });
    await world.clock.advance(5_000);
    for (const digest of ["sha256:one", "sha256:two"]) {
      registry.digest = digest;
      const { arn } = world.runTask("good");
      await world.clock.advance(10_000);
      expect(world.store.get("task", arn)).toMatchObject({
        lastStatus: "RUNNING",
        containers: [{ imageDigest: digest, pinnedDigest: digest, imageSource: "registry" }],
      });
    }
    world.stop();
  });

  // Before: where the engine had the image, no role was asked.
  it("is refused to a role that may no longer pull it, though the node has it", async () => {
    const registry = newRegistry("sha256:one");
    const world = newWorld({ findImage: registry.findImage });
    await world.clock.advance(5_000);
    world.runTask("good");
    await world.clock.advance(10_000);
    registry.refusal = "CannotPullContainerError: The task can't pull the image.";
    const { arn } = world.runTask("good");
    await world.clock.advance(10_000);
    expect(world.store.get("task", arn)).toMatchObject({
      lastStatus: "STOPPED",
      stopCode: "TaskFailedToStart",
      stoppedReason: registry.refusal,
      containers: [{ reason: registry.refusal }],
    });
    world.stop();
  });

  // Before: the task ended with "CannotCreateContainerError: No such image".
  it("is pulled again where it was removed from the engine", async () => {
    const registry = newRegistry("sha256:one");
    const world = newWorld({ findImage: registry.findImage });
    await world.clock.advance(5_000);
    world.runTask("good");
    await world.clock.advance(10_000);
    world.engine.loseImage("good@sha256:one");
    const { arn } = world.runTask("good");
    await world.clock.advance(10_000);
    expect(world.store.get("task", arn)?.lastStatus).toBe("RUNNING");
    world.stop();
  });
});
