import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { DigestMismatchError } from "@gantry/content";
import { seededIds, VirtualClock } from "@gantry/kernel";
import { MemoryStore, type ImageRecord, type RepositoryRecord } from "@gantry/state";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GRACE_MS, ImageStore, keyOf, type Blobs } from "./image-store.ts";
import { InvalidLifecyclePolicyError, parseLifecyclePolicy, planExpiry } from "./lifecycle-policy.ts";

const digestOf = (bytes: string | Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
type Dice = (sides: number) => number;

/**
 * An in-memory blob store whose steps take a random number of turns, so that operations interleave at random.
 */
function slowBlobs(roll: Dice): Blobs & { has: (digest: string) => boolean; count: () => number } {
  const [blobs, uploads] = [new Map<string, Uint8Array>(), new Map<string, Buffer>()];
  const pause = async (): Promise<void> => {
    for (let turns = roll(12); turns > 0; turns -= 1) await Promise.resolve();
  };
  return {
    has: (digest) => blobs.has(digest),
    count: () => blobs.size,
    async sizeOf(digest) {
      await pause();
      return blobs.get(digest)?.length;
    },
    async write(bytes) {
      const digest = digestOf(bytes);
      await pause();
      if (blobs.has(digest)) return digest;
      await pause();
      blobs.set(digest, bytes);
      return digest;
    },
    async startUpload(id) {
      await pause();
      uploads.set(id, Buffer.alloc(0));
    },
    async uploadSize(id) {
      await pause();
      return uploads.get(id)?.length;
    },
    async append(id, body) {
      const bytes = Buffer.concat([
        uploads.get(id) ?? Buffer.alloc(0),
        ...((await body.toArray()) as Buffer[]),
      ]); // The test's own streams are of buffers.
      await pause();
      uploads.set(id, bytes);
      return bytes.length;
    },
    async finishUpload(id, digest) {
      await pause();
      const bytes = uploads.get(id) ?? Buffer.alloc(0);
      uploads.delete(id);
      if (digestOf(bytes) !== digest) throw new DigestMismatchError("no");
      await pause();
      blobs.set(digest, bytes);
      await pause();
    },
    async cancelUpload(id) {
      await pause();
      uploads.delete(id);
    },
    async remove(digest) {
      await pause();
      blobs.delete(digest);
      await pause();
    },
    async *digests() {
      for (const digest of [...blobs.keys()]) {
        await pause();
        yield digest;
      }
    },
    async uploads() {
      await pause();
      return [...uploads.keys()];
    },
  };
}

function newWorld(seed: number) {
  let state = seed;
  const roll: Dice = (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  const [clock, store, blobs] = [new VirtualClock(1_700_000_000_000), new MemoryStore(), slowBlobs(roll)];
  const images = new ImageStore({ store, blobs, clock, ids: seededIds(seed) });
  const repositories = ["a", "b"].map((name) => {
    const record: RepositoryRecord = {
      account: "0",
      region: "r",
      arn: `arn:${name}`,
      name,
      tagMutability: "MUTABLE",
      scanOnPush: false,
      createdAt: 0,
      tags: {},
    };
    store.transact((tx) => tx.put("repository", record.arn, record));
    return record;
  });
  // The list is not empty.
  const repository = (): RepositoryRecord => repositories[roll(repositories.length)] as RepositoryRecord;
  const pushLayer = async (to: RepositoryRecord, text: string): Promise<string> => {
    const digest = digestOf(text);
    if ((await images.layerSize(to, digest, { touch: true })) !== undefined) return digest;
    if (roll(2) === 0 && (await images.mount(repository(), to, digest))) return digest;
    const id = await images.startUpload(to);
    await images.append(id, Readable.from([Buffer.from(text)]));
    await images.finishUpload(to, id, digest);
    return digest;
  };
  /** Acts as a client: queries, pushes or mounts missing blobs, then pushes the manifest. */
  const push = async (): Promise<void> => {
    const to = repository();
    const layers = [];
    for (let index = 0; index < 1 + roll(3); index += 1)
      layers.push({ digest: await pushLayer(to, `layer ${roll(5)}`), size: 7 });
    const config = { digest: await pushLayer(to, `config ${roll(3)}`), size: 8 };
    await images.putManifest(to, Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers })), {
      mediaType: undefined,
      tag: `t${roll(4)}`,
    });
  };
  const remove = async (): Promise<void> => {
    for (let turns = roll(40); turns > 0; turns -= 1) await Promise.resolve();
    const all = store.list("image");
    const image = all[roll(Math.max(1, all.length))];
    if (image !== undefined)
      store.transact((tx) => tx.delete("image", keyOf(image.repositoryArn, image.digest)));
  };
  const lost = (): string[] =>
    store
      .list("image")
      .flatMap((image) => [image.digest, ...image.references].filter((digest) => !blobs.has(digest)));
  return { roll, clock, store, blobs, images, push, remove, lost };
}

describe("collecting", () => {
  it(
    "never removes blobs that a concurrent push refers to, and removes all others",
    { timeout: 60_000 },
    async () => {
      for (let seed = 1; seed <= 150; seed += 1) {
        const world = newWorld(seed);
        for (let round = 0; round < 6; round += 1) {
          await world.clock.advance(Math.floor(GRACE_MS / 2));
          const collecting = async () => {
            await world.images.collect();
            expect(world.lost(), `seed ${seed}, round ${round}`).toEqual([]);
          };
          await Promise.all([
            world.push(),
            world.push(),
            world.push(),
            world.remove(),
            world.remove(),
            collecting(),
            collecting(),
          ]);
          expect(world.lost(), `seed ${seed}, round ${round}`).toEqual([]);
        }
        world.store.transact((tx) => {
          for (const image of tx.list("image")) tx.delete("image", keyOf(image.repositoryArn, image.digest));
        });
        await world.clock.advance(2 * GRACE_MS);
        await world.images.collect();
        expect(world.blobs.count(), `seed ${seed}`).toBe(0);
        expect(world.store.list("layer")).toEqual([]);
      }
    },
  );

  it("removes uploads that were idle for a day, and no younger ones", async () => {
    const { images, clock, store, blobs } = newWorld(1);
    const [repository] = store.list("repository");
    if (repository === undefined) throw new Error("The world has repositories.");
    const old = await images.startUpload(repository);
    await clock.advance(GRACE_MS / 2);
    const young = await images.startUpload(repository);
    await clock.advance(GRACE_MS / 2);
    await images.collect();
    expect(await blobs.uploads()).toEqual([young]);
    expect(store.keys("layerUpload")).not.toContain(old);
  });
});

describe("lifecycle policies", () => {
  const day = 86_400_000;
  const image = (
    digest: string,
    imageTags: string[],
    daysOld: number,
    references: string[] = [],
  ): ImageRecord => ({
    repositoryArn: "r",
    digest,
    mediaType: "m",
    artifactType: undefined,
    sizeBytes: 1,
    imageTags,
    references,
    pushedAt: 1_000 * day - daysOld * day,
  });
  const rule = (rulePriority: number, selection: object) => ({
    rulePriority,
    selection,
    action: { type: "expire" },
  });
  const expiring = (rules: object[], images: ImageRecord[]) =>
    planExpiry(parseLifecyclePolicy(JSON.stringify({ rules })), images, 1_000 * day).map(
      (each) => `${each.image.digest} by ${each.rule}`,
    );

  it("expire by count and by age, the older first, by the first rule that selects an image", () => {
    const images = [
      image("1", ["prod-1"], 9),
      image("2", ["prod-2"], 8),
      image("3", ["dev"], 7),
      image("4", [], 6),
      image("5", [], 1),
      image("6", ["x"], 0),
    ];
    expect(
      expiring(
        [
          rule(1, {
            tagStatus: "untagged",
            countType: "sinceImagePushed",
            countUnit: "days",
            countNumber: 5,
          }),
        ],
        images,
      ),
    ).toEqual(["4 by 1"]);
    expect(
      expiring([rule(2, { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 2 })], images),
    ).toEqual(["4 by 2", "3 by 2", "2 by 2", "1 by 2"]);
    // The first rule selects and keeps both production images: the second must not touch them.
    expect(
      expiring(
        [
          rule(1, {
            tagStatus: "tagged",
            tagPrefixList: ["prod"],
            countType: "imageCountMoreThan",
            countNumber: 2,
          }),
          rule(9, { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 }),
        ],
        images,
      ),
    ).toEqual(["5 by 9", "4 by 9", "3 by 9"]);
    expect(
      expiring(
        [
          rule(1, {
            tagStatus: "tagged",
            tagPatternList: ["*-1", "prod*"],
            countType: "sinceImagePushed",
            countUnit: "days",
            countNumber: 1,
          }),
        ],
        images,
      ),
    ).toEqual(["1 by 1"]);
  });

  it("keep the images of an index", () => {
    const images = [image("index", ["t"], 0, ["part"]), image("part", [], 9)];
    expect(
      expiring(
        [
          rule(1, {
            tagStatus: "untagged",
            countType: "sinceImagePushed",
            countUnit: "days",
            countNumber: 1,
          }),
        ],
        images,
      ),
    ).toEqual([]);
  });

  it.each([
    "nonsense",
    "{}",
    '{"rules":[]}',
    JSON.stringify({
      rules: [rule(0, { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 })],
    }),
    JSON.stringify({
      rules: [rule(1, { tagStatus: "tagged", countType: "imageCountMoreThan", countNumber: 1 })],
    }),
    JSON.stringify({
      rules: [
        rule(1, { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 1 }),
        rule(2, { tagStatus: "untagged", countType: "imageCountMoreThan", countNumber: 1 }),
      ],
    }),
    JSON.stringify({ rules: [rule(1, { tagStatus: "any", countType: "sinceImagePushed", countNumber: 1 })] }),
  ])("are refused with %s", (text) =>
    expect(() => parseLifecyclePolicy(text)).toThrow(InvalidLifecyclePolicyError),
  );

  it("are refused or parsed, whatever they contain", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseLifecyclePolicy(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(InvalidLifecyclePolicyError);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
