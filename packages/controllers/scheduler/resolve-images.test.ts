import { randomIds } from "@gantry/kernel";
import {
  MemoryStore,
  recordServiceImage,
  serviceEventsOf,
  type TaskContainerRecord,
  type TaskRecord,
} from "@gantry/state";
import { beforeEach, describe, expect, it } from "vitest";
import { resolveImages, type FindImage } from "./resolve-images.ts";

const PLACE = { account: "000000000000", region: "eu-south-1" };
const IMAGE = "000000000000.dkr.ecr.eu-south-1.localhost/app:latest";
const container = { name: "web", image: IMAGE } as TaskContainerRecord; // What is looked at.
let store: MemoryStore;
let task: TaskRecord;
/** The digest that the registry has under the tag. */
let tagged: string;

/** Any record, by what of it matters. */
const put = (kind: string, key: string, record: object) =>
  store.transact((tx) => tx.put(kind as never, key, { ...PLACE, ...record } as never));
const findImage: FindImage = (_reader, { digest }) => ({ type: "resolved", digest: digest ?? tagged });
const digestNow = (): string | undefined =>
  store.transact((tx) => {
    const resolved = resolveImages(tx, findImage, task);
    if ("problem" in resolved) throw new Error(resolved.problem);
    const [first = container] = resolved.containers;
    recordServiceImage(tx, task, first, { ids: randomIds(), now: 0 });
    return first.pinnedDigest;
  });
const consistency = (versionConsistency: string) =>
  put("taskDefinition", "definition", {
    spec: { containers: [{ name: "web", image: IMAGE, versionConsistency }] },
  });
const messages = () => serviceEventsOf(store, "service").map((event) => event.message);

beforeEach(() => {
  store = new MemoryStore();
  tagged = "sha256:old";
  put("service", "service", { arn: "service", name: "app" });
  put("taskSet", "service|set", { id: "set", serviceArn: "service", revisionArn: "revision" });
  put("serviceRevision", "revision", { arn: "revision", serviceArn: "service" });
  task = {
    ...PLACE,
    arn: "task",
    serviceArn: "service",
    deploymentId: "set",
    taskDefinitionArn: "definition",
    overrides: {},
    containers: [container],
    network: { subnets: [] },
  } as unknown as TaskRecord; // What is looked at.
});

describe("the images of a service's tasks", () => {
  it("stay those of the deployment's first task with version consistency", () => {
    consistency("enabled");
    expect(digestNow()).toBe("sha256:old");
    tagged = "sha256:new";
    expect(digestNow()).toBe("sha256:old");
    expect(messages()).toEqual([
      `(service app) (deployment set) container web: ${IMAGE} is resolved to sha256:old.`,
    ]);
  });

  it("follow the tag if versionConsistency is disabled, and no digest is stored", () => {
    consistency("disabled");
    expect(digestNow()).toBe("sha256:old");
    tagged = "sha256:new";
    expect(digestNow()).toBe("sha256:new");
    expect(store.get("serviceRevision", "revision")?.containerImages).toBeUndefined();
    expect(messages()).toEqual([]);
  });

  it.each<["built" | "engine", string]>([
    ["built", "the node runs a replacement that Gantry built from Debian packages."],
    ["engine", "the node runs its own copy, sha256:old."],
  ])("have an event where no registry answered and the image is %s", (imageSource, what) => {
    consistency("enabled");
    store.transact((tx) =>
      recordServiceImage(
        tx,
        task,
        { ...container, imageDigest: "sha256:old", imageSource },
        { ids: randomIds(), now: 0 },
      ),
    );
    expect(messages()).toEqual([
      `(service app) (deployment set) container web: no registry answered for ${IMAGE}; ${what}`,
    ]);
    expect(store.get("serviceRevision", "revision")?.containerImages).toBeUndefined();
  });
});
