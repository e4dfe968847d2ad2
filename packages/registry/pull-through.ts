import { digestOf, isDigest } from "@gantry/content";
import { formatArn, type Clock, type Logger, type Vault } from "@gantry/kernel";
import { sessionOf, type Principal } from "@gantry/iam";
import {
  createFromTemplate,
  ecrRegistryKey,
  isKeyActive,
  longestPrefix,
  openProtected,
  ROOT_PREFIX,
  secretNamed,
  secretUse,
  secretVersionOf,
  type Placed,
  type PullThroughRuleRecord,
  type RepositoryRecord,
  type Store,
} from "@gantry/state";
import type { ImageStore } from "./image-store.ts";
import { parseManifest } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";
import { UpstreamClient, UpstreamError, type UpstreamLogin } from "./upstream-client.ts";

/**
 * How long a tag is served from the cache before it is compared with the upstream registry.
 * Source: ECR User Guide, "Pull through cache".
 */
const FRESH_MS = 24 * 60 * 60_000;
const CHILDREN_MAX = 64;
/** Copies at a time: of an account, whose upstream registry may be slow, and of all. */
const ACCOUNT_COPIES_MAX = 8;
const COPIES_MAX = 64;
const ECR_HOST = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/;

export interface PullThroughDeps {
  readonly store: Store;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly log: Logger;
  /** Where an upstream registry answers, by its host. */
  readonly upstreamAt: (host: string) => URL;
}

/** What a pull names: a repository that may not be there yet, and a tag or digest. */
export interface Wanted {
  readonly place: Placed;
  readonly name: string;
  readonly reference: string;
}

/**
 * Copies images of upstream registries into repositories of a pull-through cache when they are pulled: the
 * manifest and everything that it references, each verified by digest. A tag is compared again after a day;
 * while the upstream registry does not answer, what is there is served.
 */
export class PullThroughCache {
  readonly #deps: PullThroughDeps;
  /** Copies that are being made: a second pull of the same image waits for the first. */
  readonly #inFlight = new Map<string, { readonly account: string; readonly copying: Promise<void> }>();

  constructor(deps: PullThroughDeps) {
    this.#deps = deps;
  }

  /** The rule that a pull needs, where the image is not there or is to be compared; else undefined. */
  ruleFor({ place, name, reference }: Wanted): PullThroughRuleRecord | undefined {
    const { store, images, clock } = this.#deps;
    const rule = longestPrefix(store.list("pullThroughRule", `${ecrRegistryKey(place)}/`), name);
    if (rule === undefined) return undefined;
    const repository = store.get("repository", arnOf(place, name));
    if (repository === undefined || images.find(repository, reference) === undefined) return rule;
    if (isDigest(reference)) return undefined;
    const checkedAt = repository.upstreamCheckedAt?.[reference];
    return checkedAt !== undefined && clock.now() - checkedAt >= FRESH_MS ? rule : undefined;
  }

  /** Copies the image. The caller may do it. Errors: RegistryError. */
  async provide(rule: PullThroughRuleRecord, wanted: Wanted): Promise<void> {
    const key = `${arnOf(wanted.place, wanted.name)}:${wanted.reference}`;
    const known = this.#inFlight.get(key);
    if (known !== undefined) return known.copying;
    const { account } = wanted.place;
    const own = [...this.#inFlight.values()].filter((each) => each.account === account);
    if (own.length >= ACCOUNT_COPIES_MAX || this.#inFlight.size >= COPIES_MAX)
      throw new RegistryError(429, "TOOMANYREQUESTS", "Too many images are being copied: try again later.");
    const copying = this.#copy(rule, wanted).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, { account, copying });
    return copying;
  }

  /** Whether the upstream registry of a rule answers and takes its credentials. Errors: UpstreamError. */
  async check(rule: PullThroughRuleRecord): Promise<void> {
    if (ECR_HOST.test(rule.upstreamUrl)) return;
    await this.#clientOf(rule).check();
  }

  async #copy(rule: PullThroughRuleRecord, wanted: Wanted): Promise<void> {
    const { log } = this.#deps;
    const upstream = upstreamName(rule, wanted.name);
    try {
      const own = ECR_HOST.exec(rule.upstreamUrl);
      if (own === null) await this.#copyFrom(this.#clientOf(rule), upstream, wanted);
      else await this.#copyWithin({ account: own[1] ?? "", region: own[2] ?? "" }, upstream, wanted);
      log.info("An image was copied from its upstream registry", { repository: wanted.name, upstream });
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) throw thrown;
      log.warn("An image was not copied from its upstream registry", {
        repository: wanted.name,
        reason: thrown.message,
      });
      const isMissing = thrown.status === 404;
      throw new RegistryError(
        isMissing ? 404 : 502,
        isMissing ? "MANIFEST_UNKNOWN" : "UNAVAILABLE",
        isMissing ? "Requested image not found" : thrown.message,
      );
    }
  }

  async #copyFrom(client: UpstreamClient, upstream: string, wanted: Wanted): Promise<void> {
    const { place, name, reference } = wanted;
    const first = await client.manifest(upstream, reference);
    const repository = this.#repository(place, name);
    await this.#importManifest(client, upstream, { repository, reference, ...first });
    if (!isDigest(reference)) this.#noteCheck(repository, reference);
  }

  /** Imports a manifest after everything that it references. */
  async #importManifest(
    client: UpstreamClient,
    upstream: string,
    given: {
      readonly repository: RepositoryRecord;
      readonly reference: string;
      readonly bytes: Buffer;
      readonly mediaType: string | undefined;
    },
    depth = 0,
  ): Promise<void> {
    const { images } = this.#deps;
    const { repository, reference, bytes, mediaType } = given;
    if (isDigest(reference) && digestOf(bytes) !== reference)
      throw new UpstreamError("The upstream registry sent a manifest of another digest.");
    const manifest = parseManifest(bytes);
    const children = manifest.manifests ?? [];
    if (children.length > CHILDREN_MAX || depth > 2)
      throw new UpstreamError("The upstream image references too many manifests.");
    for (const { digest } of children) {
      if (images.find(repository, digest) !== undefined) continue;
      const child = await client.manifest(upstream, digest);
      await this.#importManifest(client, upstream, { repository, reference: digest, ...child }, depth + 1);
    }
    for (const { digest, size, urls = [] } of [manifest.config, ...(manifest.layers ?? [])].flatMap(
      (each) => each ?? [],
    )) {
      if (urls.length > 0 || (await images.layerSize(repository, digest, { touch: true })) !== undefined)
        continue;
      const upload = await images.startUpload(repository);
      try {
        await images.append(upload, await client.blob(upstream, digest, size), digest);
      } catch (thrown) {
        await images.cancelUpload(upload);
        throw thrown;
      }
      await images.finishUpload(repository, upload, digest);
    }
    await images.putManifest(repository, bytes, {
      mediaType,
      tag: isDigest(reference) ? undefined : reference,
    });
  }

  /**
   * The upstream registry is one of this instance: records are copied, as far as its policies let the rule's
   * account read.
   */
  async #copyWithin(upstream: Placed, upstreamRepository: string, wanted: Wanted): Promise<void> {
    const { store, images } = this.#deps;
    const from = store.get("repository", arnOf(upstream, upstreamRepository));
    const image = from && images.find(from, wanted.reference);
    if (from === undefined || image === undefined) throw new UpstreamError("Requested image not found", 404);
    const to = this.#repository(wanted.place, wanted.name);
    for (const { kmsKeyArn } of [from, to])
      if (kmsKeyArn !== undefined && !isKeyActive(store.get("kmsKey", kmsKeyArn)))
        throw new UpstreamError("KmsException: the key of the repository cannot be used.");
    await images.copyImage(from, to, image.digest);
    if (!isDigest(wanted.reference)) this.#noteCheck(to, wanted.reference);
  }

  #repository(place: Placed, name: string): RepositoryRecord {
    const { store, clock } = this.#deps;
    return store.transact((tx) =>
      createFromTemplate(tx, place, name, { purpose: "PULL_THROUGH_CACHE", now: clock.now() }),
    );
  }

  #noteCheck({ arn }: RepositoryRecord, tag: string): void {
    const { store, clock } = this.#deps;
    store.transact((tx) => {
      const fresh = tx.get("repository", arn);
      if (fresh !== undefined)
        tx.put("repository", arn, {
          ...fresh,
          upstreamCheckedAt: { ...fresh.upstreamCheckedAt, [tag]: clock.now() },
        });
    });
  }

  #clientOf(rule: PullThroughRuleRecord): UpstreamClient {
    return new UpstreamClient(this.#deps.upstreamAt(rule.upstreamUrl), this.#loginOf(rule));
  }

  /**
   * The login in the rule's secret.
   * Source: ECR User Guide, "Storing your upstream repository credentials".
   * Errors: UpstreamError.
   */
  #loginOf({ credentialArn, ...place }: PullThroughRuleRecord): UpstreamLogin | undefined {
    const { store, vault } = this.#deps;
    if (credentialArn === undefined) return undefined;
    const secret = secretNamed(store, place, credentialArn);
    const version = secret?.account === place.account ? secretVersionOf(store, secret, {}) : undefined;
    if (version === undefined)
      throw new UpstreamError("The secret of the pull through cache rule does not exist.");
    try {
      const text = openProtected(store, vault, version, secretUse(version.secretArn, version.versionId));
      const { username, accessToken } = JSON.parse(text) as { username?: unknown; accessToken?: unknown };
      if (typeof username === "string" && typeof accessToken === "string")
        return { username, password: accessToken };
    } catch (thrown) {
      throw new UpstreamError("The secret of the pull through cache rule cannot be read.", undefined, {
        cause: thrown,
      });
    }
    throw new UpstreamError("The secret of the pull through cache rule has no username and accessToken.");
  }
}

/**
 * Whom the rule reads another registry of ECR as: its role, or the account itself. Undefined where the role
 * is gone.
 */
export function readerOf(store: Store, rule: PullThroughRuleRecord): Principal | undefined {
  const { account, customRoleArn } = rule;
  if (customRoleArn === undefined)
    return { type: "root", arn: `arn:aws:iam::${account}:root`, account, id: account };
  const role = store.get("role", customRoleArn);
  return role === undefined || role.account !== account
    ? undefined
    : sessionOf(role, "ecr-pull-through-cache");
}

/** The ARN of the repository of ECR that a rule copies from; undefined where its upstream registry is another one. */
export function upstreamArn(rule: PullThroughRuleRecord, name: string): string | undefined {
  const own = ECR_HOST.exec(rule.upstreamUrl);
  return own === null
    ? undefined
    : arnOf({ account: own[1] ?? "", region: own[2] ?? "" }, upstreamName(rule, name));
}

/** The repository's name in the upstream registry. */
function upstreamName({ prefix, upstreamPrefix }: PullThroughRuleRecord, name: string): string {
  const rest = prefix === ROOT_PREFIX ? name : name.slice(prefix.length + 1);
  return upstreamPrefix === undefined || upstreamPrefix === ROOT_PREFIX ? rest : `${upstreamPrefix}/${rest}`;
}

function arnOf(place: Placed, name: string): string {
  return formatArn("ecr", place, `repository/${name}`);
}
