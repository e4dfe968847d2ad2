import { afterEach, describe, expect, it } from "vitest";
import { namingOf, pauseSpec } from "../naming.ts";
import type { ContainerSpec, Engine } from "./engine.ts";

const LABEL = "gantry.engine-suite=true";

/**
 * The conformance suite of engines. The fake and Docker both run it, so that the fake's behaviour cannot
 * diverge.
 */
export function describeEngine(name: string, open: () => Engine): void {
  describe(name, () => {
    const engine = open();
    const spec = (container: string): ContainerSpec => ({
      ...pauseSpec(namingOf("suite")),
      name: `gantry-suite-${container}`,
      labels: { "gantry.engine-suite": "true", part: container },
    });
    afterEach(async () => {
      for (const container of await engine.list(LABEL)) await engine.removeContainer(container.id);
    });

    it("creates a container once however often it is asked", async () => {
      const ids = [await engine.createContainer(spec("once")), await engine.createContainer(spec("once"))];
      expect(ids[0]).toBe(ids[1]);
      expect(await engine.list(LABEL)).toHaveLength(1);
    });

    it("can be probed with and without containers", async () => {
      await engine.probe(LABEL, 1);
      await engine.createContainer(spec("probed"));
      for (const turn of [1, 2, 3]) await engine.probe(LABEL, turn);
    });

    it("finds an image by each of its names, and by no other", async () => {
      const { image } = spec("any");
      await engine.tagImage(image, "gantry/engine-suite:1");
      const there = await engine.image(image);
      expect(there?.names).toContain("gantry/engine-suite:1");
      expect(there?.id).not.toBe("");
      expect(await engine.image("gantry/engine-suite:none")).toBeUndefined();
    });

    it("makes an image of a container, and keeps it while another container uses it", async () => {
      const copy = "gantry/engine-suite:copy";
      const id = await engine.createContainer(spec("copied"));
      await engine.startContainer(id);
      await engine.commitContainer(id, copy);
      expect((await engine.inspect(id))?.state).toBe("running");
      await engine.removeContainer(id);
      const user = await engine.createContainer({ ...spec("user"), image: copy });
      await expect(engine.removeImage(copy)).rejects.toThrow();
      expect(await engine.image(copy)).toBeDefined();
      await engine.removeContainer(user);
      await engine.removeImage(copy);
      expect(await engine.image(copy)).toBeUndefined();
      await engine.removeImage(copy);
      await expect(engine.commitContainer("gantry-suite-none", copy)).rejects.toThrow();
    });

    it("samples the usage of a running container, and none of a missing one", async () => {
      const id = await engine.createContainer(spec("measured"));
      await engine.startContainer(id);
      expect(await engine.stats(id)).toMatchObject({
        id,
        name: "/gantry-suite-measured",
        cpu_stats: { cpu_usage: { total_usage: expect.any(Number) as number } },
      });
      expect(await engine.stats("gantry-suite-none")).toBeUndefined();
    });

    it("counts what a container stores, and nothing of a missing one", async () => {
      const id = await engine.createContainer(spec("stored"));
      await engine.startContainer(id);
      const stored = await engine.storage("gantry-suite-stored");
      expect(stored?.imageId).not.toBe("");
      expect(stored?.imageBytes).toBeGreaterThan(0);
      expect(stored?.writtenBytes).toBeGreaterThanOrEqual(0);
      expect(await engine.storage("gantry-suite-none")).toBeUndefined();
    });

    it("moves a container from created through running to exited", async () => {
      const id = await engine.createContainer(spec("life"));
      expect((await engine.inspect(id))?.state).toBe("created");
      await engine.startContainer(id);
      const running = await engine.inspect("gantry-suite-life");
      expect(running).toMatchObject({ id, state: "running", labels: { part: "life" } });
      expect(running?.pid).toBeGreaterThan(0);
      await engine.stopContainer(id, 1);
      const ended = await engine.inspect(id);
      expect(ended?.state).toBe("exited");
      expect(ended?.exitCode).not.toBe(0);
    });

    it("treats starting a running, stopping a stopped and removing a missing container as success", async () => {
      const id = await engine.createContainer(spec("again"));
      await engine.startContainer(id);
      await engine.startContainer(id);
      await engine.stopContainer(id, 1);
      await engine.stopContainer(id, 1);
      await engine.removeContainer(id);
      await engine.removeContainer(id);
      await engine.stopContainer(id, 1);
      expect(await engine.inspect(id)).toBeUndefined();
    });

    it("does not start a container in the network of an exited one", async () => {
      const pause = await engine.createContainer(spec("network"));
      await engine.startContainer(pause);
      const id = await engine.createContainer({
        ...spec("inside"),
        network: "container:gantry-suite-network",
      });
      await engine.stopContainer(pause, 1);
      await expect(engine.startContainer(id)).rejects.toMatchObject({ name: "CannotStartContainerError" });
      expect((await engine.inspect(id))?.state).not.toBe("running");
    });

    it("reports a missing image in ECS's words", async () => {
      await expect(
        engine.createContainer({ ...spec("none"), image: "gantry/missing:1" }),
      ).rejects.toMatchObject({
        name: "CannotCreateContainerError",
      });
    });

    it("notifies watchers of events of containers with the label", async () => {
      const seen: string[] = [];
      const abort = new AbortController();
      engine.watch(LABEL, (labels) => seen.push(labels["part"] ?? ""), abort.signal);
      const id = await engine.createContainer(spec("watched"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await engine.startContainer(id);
      await new Promise((resolve) => setTimeout(resolve, 300));
      abort.abort();
      expect(seen).toContain("watched");
    });
  });
}
