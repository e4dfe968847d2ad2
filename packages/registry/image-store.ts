import type { Readable } from "node:stream";
import { algorithmOf, digestOf, isDigest } from "@gantry/content/blob-store";
import { glob } from "@gantry/iam";
import { realTimeOf, type Clock, type Ids } from "@gantry/kernel";
import {
  requestReplication,
  type ImageRecord,
  type Reader,
  type RepositoryRecord,
  type Store,
  type Transaction,
} from "@gantry/state";
import { DigestLocks } from "./digest-locks.ts";
import { parseManifest, type Manifest } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";

/**
 * A layer that was queried or pushed is not garbage-collected within this time, because a manifest may
 * follow.
 */
export const GRACE_MS = 24 * 60 * 60_000;
const PULL_NOTE_MS = 24 * 60 * 60_000;
/** A tag. Source: OCI distribution-spec 1.1, "Pulling manifests". */
export const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** The bytes, as the image store needs them; `BlobStore` is one. */
export interface Blobs {
  sizeOf(digest: string): Promise<number | undefined>;
  write(bytes: Uint8Array, algorithm?: ReturnType<typeof algorithmOf>): Promise<string>;
  startUpload(id: string): Promise<void>;
  uploadSize(id: string): Promise<number | undefined>;
  append(id: string, body: Readable, algorithm?: ReturnType<typeof algorithmOf>): Promise<number>;
  finishUpload(id: string, digest: string): Promise<void>;
  cancelUpload(id: string): Promise<void>;
  remove(digest: string): Promise<void>;
  digests(): AsyncIterable<string>;
  uploads(): Promise<readonly string[]>;
}

/** References of an image that its repository does not have. */
export class MissingReferenceError extends RegistryError {
  readonly digest: string;
  readonly kind: "layer" | "manifest";
  constructor(kind: "layer" | "manifest", digest: string) {
    super(
      404,
      kind === "layer" ? "MANIFEST_BLOB_UNKNOWN" : "MANIFEST_UNKNOWN",
      `The ${kind === "layer" ? "blob" : "manifest"} ${digest} is not known to this repository.`,
    );
    this.kind = kind;
    this.digest = digest;
  }
}

/** The tag belongs to another image and is immutable. */
export class ImmutableTagError extends RegistryError {
  constructor(tag: string, repository: RepositoryRecord) {
    super(
      400,
      "TAG_INVALID",
      `The image tag '${tag}' already exists in the '${repository.name}' repository and cannot be ` +
        "overwritten because the " +
        `${repository.tagMutability.startsWith("IMMUTABLE") ? "repository is" : "tag is"} immutable.`,
    );
  }
}

/**
 * Images of repositories: which blobs a repository may use, which manifests it has, and which bytes are
 * garbage. Operations on the bytes of one digest are serialized, so that garbage collection never races with
 * a push.
 */
export class ImageStore {
  readonly #store: Store;
  readonly #blobs: Blobs;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #locks = new DigestLocks();

  constructor(deps: { store: Store; blobs: Blobs; clock: Clock; ids: Ids }) {
    this.#store = deps.store;
    this.#blobs = deps.blobs;
    this.#clock = realTimeOf(deps.clock).clock;
    this.#ids = deps.ids;
  }

  /**
   * The size of a blob that the repository may use. With `touch` a query counts as use: a client that gets
   * the size does not push the blob.
   */
  async layerSize(
    repository: RepositoryRecord,
    digest: string,
    options: { touch: boolean },
  ): Promise<number | undefined> {
    if (!isDigest(digest) || !mayUse(this.#store, repository, digest)) return undefined;
    const size = await this.#blobs.sizeOf(digest);
    if (size === undefined || !options.touch) return size;
    // The lock prevents garbage collection between the query and the record of it.
    return this.#locks.hold([digest], async () => {
      const still = await this.#blobs.sizeOf(digest);
      if (still === undefined || !mayUse(this.#store, repository, digest)) return undefined;
      this.#store.transact((tx) => this.#link(tx, repository, digest, still));
      return still;
    });
  }

  async startUpload(repository: RepositoryRecord): Promise<string> {
    const id = this.#ids.uuid();
    await this.#blobs.startUpload(id);
    this.#store.transact((tx) =>
      tx.put("layerUpload", id, { id, repositoryArn: repository.arn, startedAt: this.#clock.now() }),
    );
    return id;
  }

  /** The size of an upload; undefined if the repository has no such upload. */
  async uploadSize(repository: RepositoryRecord, id: string): Promise<number | undefined> {
    return this.#store.get("layerUpload", id)?.repositoryArn === repository.arn
      ? this.#blobs.uploadSize(id)
      : undefined;
  }

  /** `digest` is the expected digest, if it is known yet. */
  append(id: string, body: Readable, digest?: string): Promise<number> {
    return this.#blobs.append(
      id,
      body,
      digest === undefined || !isDigest(digest) ? undefined : algorithmOf(digest),
    );
  }

  /**
   * Turns an upload into a blob of the repository. Errors: DigestMismatchError; the upload is then removed.
   */
  async finishUpload(repository: RepositoryRecord, id: string, digest: string): Promise<void> {
    return this.#locks.hold([digest], async () => {
      try {
        await this.#blobs.finishUpload(id, digest);
      } finally {
        this.#store.transact((tx) => tx.delete("layerUpload", id));
      }
      const size = (await this.#blobs.sizeOf(digest)) ?? 0;
      this.#store.transact((tx) => this.#link(tx, repository, digest, size));
    });
  }

  async cancelUpload(id: string): Promise<void> {
    this.#store.transact((tx) => tx.delete("layerUpload", id));
    await this.#blobs.cancelUpload(id);
  }

  /** Lets a repository use a blob of another one; false if the other one does not have it. */
  async mount(from: RepositoryRecord, to: RepositoryRecord, digest: string): Promise<boolean> {
    if (!isDigest(digest)) return false;
    return this.#locks.hold([digest], async () => {
      const size = await this.#blobs.sizeOf(digest);
      if (size === undefined || !mayUse(this.#store, from, digest)) return false;
      this.#store.transact((tx) => this.#link(tx, to, digest, size));
      return true;
    });
  }

  /**
   * Removes a blob from a repository; false if one of its images needs the blob. The bytes are removed once
   * nothing uses them.
   */
  removeLayer(repository: RepositoryRecord, digest: string): boolean {
    return this.#store.transact((tx) => {
      if (isReferred(tx, repository.arn, digest)) return false;
      tx.delete("layer", keyOf(repository.arn, digest));
      return true;
    });
  }

  /**
   * Stores a manifest, under a tag if one is given. The repository must have everything that it references,
   * except foreign layers, which are stored elsewhere, and the subject, which may be pushed later. A given
   * digest must match. Errors: MissingReferenceError, ImmutableTagError, RegistryError.
   */
  async putManifest(
    repository: RepositoryRecord,
    bytes: Buffer,
    options: { mediaType: string | undefined; tag: string | undefined; digest?: string | undefined },
  ): Promise<ImageRecord> {
    const { tag } = options;
    if (tag !== undefined && !TAG.test(tag))
      throw new RegistryError(400, "TAG_INVALID", "The tag has the wrong form.");
    const manifest = parseManifest(bytes);
    const algorithm = options.digest === undefined ? "sha256" : algorithmOf(options.digest);
    const digest = digestOf(bytes, algorithm);
    if (digest !== (options.digest ?? digest))
      throw new RegistryError(400, "DIGEST_INVALID", `The manifest's digest is ${digest}.`);
    const blobs = blobsOf(manifest);
    const manifests = (manifest.manifests ?? []).map((descriptor) => descriptor.digest);
    return this.#locks.hold([digest, ...blobs, ...manifests], async () => {
      for (const blob of blobs)
        if (
          !isDigest(blob) ||
          !mayUse(this.#store, repository, blob) ||
          (await this.#blobs.sizeOf(blob)) === undefined
        )
          throw new MissingReferenceError("layer", blob);
      await this.#blobs.write(bytes, algorithm);
      return this.#store.transact((tx) => {
        for (const each of manifests)
          if (tx.get("image", keyOf(repository.arn, each)) === undefined)
            throw new MissingReferenceError("manifest", each);
        const fresh = tx.get("repository", repository.arn);
        if (fresh === undefined)
          throw new RegistryError(
            404,
            "NAME_UNKNOWN",
            `The repository with name '${repository.name}' does not exist in the registry with id ` +
              `'${repository.account}'`,
          );
        if (tag !== undefined) releaseTag(tx, fresh, tag, digest);
        const known = tx.get("image", keyOf(repository.arn, digest));
        const next: ImageRecord = {
          repositoryArn: repository.arn,
          digest,
          mediaType: options.mediaType ?? manifest.mediaType ?? "application/vnd.oci.image.manifest.v1+json",
          artifactType: manifest.artifactType ?? manifest.config?.mediaType,
          sizeBytes: bytes.length,
          contentBytes: [manifest.config, ...(manifest.layers ?? [])].reduce(
            (sum, descriptor) => sum + (descriptor?.size ?? 0),
            0,
          ),
          imageTags:
            tag === undefined ? (known?.imageTags ?? []) : [...new Set([...(known?.imageTags ?? []), tag])],
          references: [...blobs, ...manifests],
          ...(manifest.subject === undefined ? {} : { subject: manifest.subject.digest }),
          pushedAt: this.#clock.now(),
        };
        tx.put("image", keyOf(repository.arn, digest), next);
        requestReplication(tx, fresh, next);
        return next;
      });
    });
  }

  /**
   * Gives another repository an image with everything that it references; nothing is read or written but
   * records. A tag of the other repository moves to the image unless it is immutable. Returns false if the
   * image is gone.
   * Errors: ImmutableTagError.
   */
  async copyImage(from: RepositoryRecord, to: RepositoryRecord, digest: string): Promise<boolean> {
    const image = this.#store.get("image", keyOf(from.arn, digest));
    if (image === undefined) return false;
    for (const reference of image.references)
      if (this.#store.get("image", keyOf(from.arn, reference)) !== undefined)
        await this.copyImage(from, to, reference);
    return this.#locks.hold([digest, ...image.references], async () =>
      this.#store.transact((tx) => {
        const { pulledAt: _, ...fresh } = tx.get("image", keyOf(from.arn, digest)) ?? image;
        if (
          tx.get("image", keyOf(from.arn, digest)) === undefined ||
          tx.get("repository", to.arn) === undefined
        )
          return false;
        const key = keyOf(to.arn, digest);
        for (const tag of fresh.imageTags) releaseTag(tx, to, tag, digest);
        const imageTags = [...new Set([...(tx.get("image", key)?.imageTags ?? []), ...fresh.imageTags])];
        tx.put("image", key, { ...fresh, repositoryArn: to.arn, imageTags, pushedAt: this.#clock.now() });
        return true;
      }),
    );
  }

  /** The image of a tag or a digest. */
  find(repository: RepositoryRecord, reference: string): ImageRecord | undefined {
    if (isDigest(reference)) return this.#store.get("image", keyOf(repository.arn, reference));
    return this.#store
      .listBy("image", "repository", repository.arn)
      .find((image) => image.imageTags.includes(reference));
  }

  /** Records that an image was pulled. */
  notePull(image: ImageRecord): void {
    const now = this.#clock.now();
    if (now - (image.pulledAt ?? -Infinity) < PULL_NOTE_MS) return;
    const key = keyOf(image.repositoryArn, image.digest);
    this.#store.transact((tx) => {
      const fresh = tx.get("image", key);
      if (fresh !== undefined) tx.put("image", key, { ...fresh, pulledAt: now });
    });
  }

  /**
   * Collects garbage: uploads and unreferenced layers that were not used for a day, and bytes that no
   * repository uses. Returns how many blobs were removed.
   */
  async collect(): Promise<number> {
    const before = this.#clock.now() - GRACE_MS;
    for (const id of await this.#blobs.uploads()) {
      const upload = this.#store.get("layerUpload", id);
      if (upload === undefined || upload.startedAt <= before) await this.cancelUpload(id);
    }
    let removed = 0;
    for await (const digest of this.#blobs.digests())
      removed += await this.#locks.hold([digest], async () => {
        const used = this.#store.transact((tx) => {
          for (const layer of tx.listBy("layer", "digest", digest))
            if (layer.usedAt <= before && !isReferred(tx, layer.repositoryArn, digest))
              tx.delete("layer", keyOf(layer.repositoryArn, digest));
          return (
            tx.countBy("layer", "digest", digest) > 0 ||
            tx.list("image").some((image) => image.digest === digest || image.references.includes(digest))
          );
        });
        if (used) return 0;
        await this.#blobs.remove(digest);
        return 1;
      });
    return removed;
  }

  #link(tx: Transaction, repository: RepositoryRecord, digest: string, size: number): void {
    tx.put("layer", keyOf(repository.arn, digest), {
      repositoryArn: repository.arn,
      digest,
      size,
      usedAt: this.#clock.now(),
    });
  }
}

/**
 * Whether an image's tag must not move to another image. Source: ECR's "Preventing image tags from being
 * overwritten".
 */
export function isImmutable(repository: RepositoryRecord, tag: string): boolean {
  const isExcluded = (repository.excludedTags ?? []).some((pattern) => glob(pattern, tag));
  return repository.tagMutability.startsWith("IMMUTABLE") ? !isExcluded : isExcluded;
}

/** Removes the tag from the image that has it. Errors: ImmutableTagError. */
function releaseTag(tx: Transaction, repository: RepositoryRecord, tag: string, digest: string): void {
  const holder = tx
    .listBy("image", "repository", repository.arn)
    .find((image) => image.imageTags.includes(tag));
  if (holder === undefined || holder.digest === digest) return;
  if (isImmutable(repository, tag)) throw new ImmutableTagError(tag, repository);
  tx.put("image", keyOf(repository.arn, holder.digest), {
    ...holder,
    imageTags: holder.imageTags.filter((each) => each !== tag),
  });
}

/** The blobs of a manifest that the registry must have. */
function blobsOf(manifest: Manifest): readonly string[] {
  const layers = (manifest.layers ?? []).filter((layer) => (layer.urls ?? []).length === 0);
  return [...(manifest.config === undefined ? [] : [manifest.config]), ...layers].map(
    (descriptor) => descriptor.digest,
  );
}

function mayUse(reader: Reader, repository: RepositoryRecord, digest: string): boolean {
  return (
    reader.get("layer", keyOf(repository.arn, digest)) !== undefined ||
    isReferred(reader, repository.arn, digest)
  );
}

function isReferred(reader: Reader, repositoryArn: string, digest: string): boolean {
  return reader
    .listBy("image", "repository", repositoryArn)
    .some((image) => image.references.includes(digest));
}
export function keyOf(repositoryArn: string, digest: string): string {
  return `${repositoryArn}@${digest}`;
}
