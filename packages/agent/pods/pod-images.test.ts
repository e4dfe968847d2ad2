import type { ContainerAssignment, PodAssignment } from "@gantry/agent-protocol";
import { VirtualClock } from "@gantry/kernel";
import { describe, expect, it } from "vitest";
import { FakeEngine } from "../engine/fake-engine.ts";
import { namingOf } from "../naming.ts";
import { PodImages, SILENT_MS, useTag } from "./pod-images.ts";

const TASK = { role: "task" } as PodAssignment; // The fields that images depend on.
const container = (image: string) => ({ image, registryAuth: undefined }) as ContainerAssignment; // As above.
const OWN = namingOf("own");

function newNode(images: readonly string[] = []) {
  const clock = new VirtualClock();
  const engine = new FakeEngine(clock, images);
  const requested: string[] = [];
  let makes = false;
  const podImages = new PodImages({
    engine,
    clock,
    naming: OWN,
    requestImage: async (image) => {
      requested.push(image);
      if (!makes) throw new Error("There is no recipe.");
      engine.addImage(image);
    },
  });
  const provide = (image: string, pod = TASK) => podImages.provide(container(image), pod);
  return { clock, engine, requested, podImages, provide, setMakes: () => (makes = true) };
}

describe("the image of a container", () => {
  // Regression: an image that the engine had under the tag was never looked up.
  it("is resolved at the registry, regardless of the engine's image with that tag", async () => {
    const { engine, provide } = newNode(["app:1"]);
    expect(await provide("app:1")).toEqual({
      reference: "app@sha256:app:1",
      digest: "sha256:app:1",
      source: "registry",
    });
    engine.registry = () => "sha256:moved";
    expect((await provide("app:1")).reference).toBe("app@sha256:moved");
    expect(await engine.image("app@sha256:moved")).toBeDefined();
  });

  it("is not pulled again where the engine has that digest", async () => {
    const { engine, provide } = newNode(["app@sha256:app"]);
    engine.fault = (operation) => {
      throw new Error(`${operation} is not expected.`);
    };
    expect((await provide("app")).reference).toBe("app@sha256:app");
  });

  it("is requested once for several containers that start together", async () => {
    const { engine, provide } = newNode();
    await Promise.all([provide("app"), provide("app"), provide("app")]);
    expect(engine.resolved).toEqual(["app"]);
  });

  it("is the engine's copy by its id if no registry answers, which is asked again only later", async () => {
    const { clock, engine, provide } = newNode(["app"]);
    engine.registry = () => undefined;
    expect(await provide("app")).toEqual({ reference: "app", digest: "app", source: "engine" });
    await provide("app");
    expect(engine.resolved).toHaveLength(1);
    await clock.advance(SILENT_MS + 1);
    engine.registry = () => "sha256:back";
    expect((await provide("app")).source).toBe("registry");
  });

  // Regression: the task ran Debian's nginx instead of the image, and nothing reported it.
  it("is reported as built if no registry answers", async () => {
    const { engine, provide, setMakes } = newNode();
    engine.registry = () => undefined;
    engine.isBuilt = () => true;
    setMakes();
    expect(await provide("nginx:latest")).toMatchObject({ source: "built" });
  });

  it("is refused in the registry's words if it does not exist", async () => {
    const { engine, provide } = newNode();
    engine.registry = () => undefined;
    await expect(provide("app")).rejects.toMatchObject({
      name: "CannotPullContainerError",
      message: "failed to resolve ref app: no such host",
    });
  });

  // Regression: "gantry/mariadb:4" was requested from Docker Hub first, where anybody may publish that name.
  it("is pulled only from the platform if its name is the platform's", async () => {
    const { engine, requested, provide, setMakes } = newNode();
    setMakes();
    await provide("gantry/node:1");
    await provide("gantry/mariadb:4", { role: "database" } as PodAssignment); // As above.
    expect(requested).toEqual(["gantry/node:1", "gantry/mariadb:4"]);
    expect(engine.resolved).toEqual([]);
  });

  it("has a mark of each instance that uses it, if Gantry pulled it", async () => {
    const { engine, provide, podImages } = newNode(["mine@sha256:mine"]);
    const marks = async (reference: string) => (await engine.image(reference))?.names;
    await provide("app");
    expect(await marks("app@sha256:app")).toEqual([useTag(OWN, "app@sha256:app")]);
    await provide("mine");
    expect(await marks("mine@sha256:mine")).toEqual([]);
    await engine.tagImage("mine@sha256:mine", useTag(namingOf("other"), "mine@sha256:mine"));
    expect(await podImages.present(container("mine@sha256:mine"), TASK)).toMatchObject({
      source: "registry",
    });
    expect(await marks("mine@sha256:mine")).toHaveLength(2);
  });
});
