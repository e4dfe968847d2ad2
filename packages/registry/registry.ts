import type { IncomingMessage, ServerResponse } from "node:http";
import { BlobStore, DigestMismatchError, digestOf } from "@gantry/content";
import { formatArn, isDamage, isOutOfRoom, messageOf, type Clock, type Ids, type Logger, type Vault } from "@gantry/kernel";
import type { ImageRecord, RepositoryRecord, Store } from "@gantry/state";
import type { ConditionContext, Principal } from "@gantry/wire";
import { parseManifest, type Manifest } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";
import { readToken } from "./registry-token.ts";
import { readBounded, send, sendJson, stream } from "./responses.ts";

const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
const ECR_NAME = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/;

export interface RegistryDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly vault: Vault;
  readonly log: Logger;
  readonly policy: { deniedBecause(principal: Principal, action: string, resource: string, conditions: ConditionContext): string | undefined };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly principal: Principal;
  readonly repository: RepositoryRecord;
  /** The repository's name as the client wrote it in the path. */
  readonly name: string;
  readonly query: URLSearchParams;
}

/** Source: OCI distribution-spec 1.1. Names are `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY`, or plain behind that host. */
export class Registry {
  readonly #deps: RegistryDeps;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (thrown) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const error =
        thrown instanceof RegistryError
          ? thrown
          : thrown instanceof DigestMismatchError
            ? new RegistryError(400, "DIGEST_INVALID", thrown.message)
            : storageError(thrown);
      if (error === undefined || error.status >= 500)
        this.#deps.log.error("Registry request failed", { path: request.url, reason: messageOf(thrown) });
      const headers: Record<string, string> =
        error?.status === 401
          ? { "www-authenticate": `Basic realm="http://${request.headers.host ?? "127.0.0.1"}/",service="ecr.amazonaws.com"` }
          : {};
      sendJson(
        response,
        error?.status ?? 500,
        { errors: [{ code: error?.code ?? "UNKNOWN", message: error?.message ?? "The registry could not answer." }] },
        headers,
      );
    }
    if (!request.complete) request.resume();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? "/", "http://registry");
    if (url === null) throw new RegistryError(400, "NAME_INVALID", "The address has the wrong form.");
    const principal = this.#authenticate(request);
    if (url.pathname === "/v2/" || url.pathname === "/v2") return sendJson(response, 200, {});
    const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/?([^/]*)$/.exec(decoded(url.pathname));
    if (match === null) throw new RegistryError(404, "NAME_UNKNOWN", "There is nothing at this address.");
    const [, name = "", kind = "", reference = ""] = match;
    const call: Call = {
      request,
      response,
      principal,
      repository: this.#repositoryOf(name, request.headers.host ?? "", principal),
      name,
      query: url.searchParams,
    };
    switch (kind) {
      case "blobs/uploads":
        return this.#upload(call, reference);
      case "blobs":
        return this.#blob(call, reference);
      case "manifests":
        return this.#manifest(call, reference);
      case "tags":
        return this.#tags(call);
      default:
        return this.#referrers(call, reference);
    }
  }

  #authenticate(request: IncomingMessage): Principal {
    const header = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const [user, token = ""] = Buffer.from(header ?? "", "base64")
      .toString()
      .split(/:(.*)/s);
    const principal = user === "AWS" ? readToken(this.#deps.vault, token, this.#deps.clock.now()) : undefined;
    if (principal === undefined)
      throw new RegistryError(
        401,
        "UNAUTHORIZED",
        header === undefined ? "no basic auth credentials" : "Your authorization token has expired or is not valid. Reauthenticate and try again.",
      );
    return principal;
  }

  #repositoryOf(name: string, host: string, principal: Principal): RepositoryRecord {
    const [first = "", ...rest] = name.split("/");
    const own = ECR_NAME.exec(first);
    const byHost = ECR_NAME.exec(host.replace(/:\d+$/, ""));
    const [account, region, repository] =
      own !== null
        ? [own[1] ?? "", own[2] ?? "", rest.join("/")]
        : byHost !== null
          ? [byHost[1] ?? "", byHost[2] ?? "", name]
          : [principal.account, "us-east-1", name];
    const record = this.#deps.store.get("repository", formatArn("ecr", { account, region }, `repository/${repository}`));
    if (record === undefined)
      throw new RegistryError(404, "NAME_UNKNOWN", `The repository with name '${repository}' does not exist in the registry with id '${account}'`);
    return record;
  }

  #authorize(call: Call, ...actions: readonly string[]): void {
    for (const action of actions) {
      const why = this.#deps.policy.deniedBecause(call.principal, `ecr:${action}`, call.repository.arn, {});
      if (why !== undefined) throw new RegistryError(403, "DENIED", why);
    }
  }

  async #upload(call: Call, id: string): Promise<void> {
    const { request, query, response } = call;
    const { blobs, ids } = this.#deps;
    this.#authorize(call, "InitiateLayerUpload", "UploadLayerPart");
    const location = (upload: string) => `/v2/${call.name}/blobs/uploads/${upload}`;
    if (request.method === "POST" && id === "") {
      const mounted = query.get("mount");
      if (mounted !== null && (await blobs.sizeOf(mounted)) !== undefined)
        return send(response, 201, { location: `/v2/${call.name}/blobs/${mounted}`, "docker-content-digest": mounted });
      const upload = ids.uuid();
      await blobs.startUpload(upload);
      const digest = query.get("digest");
      if (digest !== null) return this.#finishUpload(call, upload, digest);
      return send(response, 202, { location: location(upload), "docker-upload-uuid": upload, range: "0-0" });
    }
    const size = await blobs.uploadSize(id);
    if (size === undefined) throw new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "The upload is not known to this registry.");
    switch (request.method) {
      case "GET":
        return send(response, 204, { location: location(id), "docker-upload-uuid": id, range: `0-${Math.max(0, size - 1)}` });
      case "PATCH": {
        const start = /^(?:bytes )?(\d+)-(\d+)/.exec(request.headers["content-range"] ?? "")?.[1];
        if (start !== undefined && Number(start) !== size) throw new RegistryError(416, "BLOB_UPLOAD_INVALID", `The upload goes on at byte ${size}.`);
        const next = await blobs.append(id, request);
        return send(response, 202, { location: location(id), "docker-upload-uuid": id, range: `0-${Math.max(0, next - 1)}` });
      }
      case "PUT":
        return this.#finishUpload(call, id, query.get("digest") ?? "");
      case "DELETE":
        await blobs.cancelUpload(id);
        return send(response, 204, {});
      default:
        throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
    }
  }

  async #finishUpload(call: Call, id: string, digest: string): Promise<void> {
    this.#authorize(call, "CompleteLayerUpload");
    await this.#deps.blobs.append(id, call.request);
    await this.#deps.blobs.finishUpload(id, digest);
    send(call.response, 201, { location: `/v2/${call.name}/blobs/${digest}`, "docker-content-digest": digest });
  }

  async #blob(call: Call, digest: string): Promise<void> {
    const { request, response } = call;
    const { blobs } = this.#deps;
    this.#authorize(call, request.method === "HEAD" ? "BatchCheckLayerAvailability" : "GetDownloadUrlForLayer");
    const size = /^sha256:[0-9a-f]{64}$/.test(digest) ? await blobs.sizeOf(digest) : undefined;
    if (size === undefined) throw new RegistryError(404, "BLOB_UNKNOWN", "The blob is not known to this registry.");
    const headers = { "content-type": "application/octet-stream", "docker-content-digest": digest, "accept-ranges": "bytes", etag: `"${digest}"` };
    if (request.method === "HEAD") return send(response, 200, { ...headers, "content-length": String(size) });
    if (request.method !== "GET") throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    if (range === null) return stream(response, 200, { ...headers, "content-length": String(size) }, blobs.read(digest));
    const start = Number(range[1]);
    const end = Math.min(range[2] === "" ? size - 1 : Number(range[2]), size - 1);
    if (start > end) throw new RegistryError(416, "BLOB_UNKNOWN", "The range lies outside of the blob.");
    return stream(
      response,
      206,
      { ...headers, "content-length": String(end - start + 1), "content-range": `bytes ${start}-${end}/${size}` },
      blobs.read(digest, { start, end }),
    );
  }

  async #manifest(call: Call, reference: string): Promise<void> {
    switch (call.request.method) {
      case "PUT":
        return this.#putManifest(call, reference);
      case "GET":
      case "HEAD":
        return this.#getManifest(call, reference);
      case "DELETE":
        return this.#deleteManifest(call, reference);
      default:
        throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
    }
  }

  async #getManifest(call: Call, reference: string): Promise<void> {
    this.#authorize(call, "BatchGetImage");
    const image = this.#findImage(call.repository, reference);
    if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
    const headers = {
      "content-type": image.mediaType,
      "docker-content-digest": image.digest,
      "content-length": String(image.sizeBytes),
      etag: `"${image.digest}"`,
    };
    if (call.request.method === "HEAD") return send(call.response, 200, headers);
    const bytes = await this.#deps.blobs.readAll(image.digest);
    call.response.writeHead(200, headers);
    call.response.end(bytes);
  }

  async #putManifest(call: Call, reference: string): Promise<void> {
    this.#authorize(call, "PutImage");
    const bytes = await readBounded(call.request, MANIFEST_MAX_BYTES);
    const manifest = parseManifest(bytes);
    const digest = digestOf(bytes);
    const byDigest = reference.startsWith("sha256:");
    if (byDigest && reference !== digest) throw new RegistryError(400, "DIGEST_INVALID", `The manifest's digest is ${digest}.`);
    if (!byDigest && !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(reference))
      throw new RegistryError(400, "TAG_INVALID", "The tag has the wrong form.");
    const references = await this.#checkReferences(call.repository, manifest);
    await this.#deps.blobs.write(bytes);
    const { store, clock } = this.#deps;
    const mediaType = call.request.headers["content-type"] ?? manifest.mediaType ?? "application/vnd.oci.image.manifest.v1+json";
    store.transact((tx) => {
      const images = tx.listBy("image", "repository", call.repository.arn);
      const holder = byDigest ? undefined : images.find((image) => image.imageTags.includes(reference));
      if (holder !== undefined && holder.digest !== digest) {
        if (call.repository.tagMutability === "IMMUTABLE")
          throw new RegistryError(
            400,
            "TAG_INVALID",
            `The image tag '${reference}' already exists in the '${call.repository.name}' repository and cannot be overwritten because the repository is immutable.`,
          );
        tx.put("image", keyOf(holder), { ...holder, imageTags: holder.imageTags.filter((tag) => tag !== reference) });
      }
      const known = images.find((image) => image.digest === digest);
      const imageTags = byDigest ? (known?.imageTags ?? []) : [...new Set([...(known?.imageTags ?? []), reference])];
      const image: ImageRecord = {
        repositoryArn: call.repository.arn,
        digest,
        mediaType,
        artifactType: manifest.artifactType ?? manifest.config?.mediaType,
        sizeBytes: bytes.length,
        imageTags,
        references,
        pushedAt: clock.now(),
      };
      tx.put("image", keyOf(image), image);
    });
    const subject = manifest.subject?.digest;
    send(call.response, 201, {
      location: `/v2/${call.name}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(subject === undefined ? {} : { "oci-subject": subject }),
    });
  }

  /** Digests that a manifest refers to, all of which must be here (but foreign layers, which lie elsewhere, and the subject). */
  async #checkReferences(repository: RepositoryRecord, manifest: Manifest): Promise<readonly string[]> {
    const layers = (manifest.layers ?? []).filter((layer) => (layer.urls ?? []).length === 0);
    const blobs = [...(manifest.config === undefined ? [] : [manifest.config]), ...layers].map((descriptor) => descriptor.digest);
    for (const digest of blobs)
      if ((await this.#deps.blobs.sizeOf(digest)) === undefined)
        throw new RegistryError(404, "MANIFEST_BLOB_UNKNOWN", `The blob ${digest} is not known to this registry.`);
    const manifests = (manifest.manifests ?? []).map((descriptor) => descriptor.digest);
    for (const digest of manifests)
      if (this.#findImage(repository, digest) === undefined)
        throw new RegistryError(404, "MANIFEST_UNKNOWN", `The manifest ${digest} is not known to this registry.`);
    return [...blobs, ...manifests, ...(manifest.subject === undefined ? [] : [manifest.subject.digest])];
  }

  #deleteManifest(call: Call, reference: string): void {
    this.#authorize(call, "BatchDeleteImage");
    const { store } = this.#deps;
    store.transact((tx) => {
      const image = this.#findImage(call.repository, reference);
      if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
      if (reference.startsWith("sha256:")) tx.delete("image", keyOf(image));
      else tx.put("image", keyOf(image), { ...image, imageTags: image.imageTags.filter((tag) => tag !== reference) });
    });
    send(call.response, 202, {});
  }

  #tags(call: Call): void {
    this.#authorize(call, "ListImages");
    const all = this.#deps.store
      .listBy("image", "repository", call.repository.arn)
      .flatMap((image) => image.imageTags)
      .toSorted();
    const last = call.query.get("last");
    const rest = last === null ? all : all.filter((tag) => tag > last);
    const count = Number(call.query.get("n") ?? 1_000);
    if (!Number.isInteger(count) || count < 0) throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is a number of tags.");
    const some = rest.slice(0, count);
    const more = rest.length > count && some.length > 0;
    sendJson(
      call.response,
      200,
      { name: call.name, tags: some },
      more ? { link: `</v2/${call.name}/tags/list?n=${count}&last=${encodeURIComponent(some.at(-1) ?? "")}>; rel="next"` } : {},
    );
  }

  async #referrers(call: Call, digest: string): Promise<void> {
    this.#authorize(call, "BatchGetImage");
    const filter = call.query.get("artifactType");
    const manifests = [];
    for (const image of this.#deps.store.listBy("image", "repository", call.repository.arn)) {
      if (!image.references.includes(digest)) continue;
      const manifest = parseManifest(await this.#deps.blobs.readAll(image.digest));
      if (manifest.subject?.digest !== digest || (filter !== null && image.artifactType !== filter)) continue;
      manifests.push({
        mediaType: image.mediaType,
        digest: image.digest,
        size: image.sizeBytes,
        artifactType: image.artifactType,
        annotations: manifest.annotations,
      });
    }
    sendJson(
      call.response,
      200,
      { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests },
      { "content-type": "application/vnd.oci.image.index.v1+json", ...(filter === null ? {} : { "oci-filters-applied": "artifactType" }) },
    );
  }

  #findImage(repository: RepositoryRecord, reference: string): ImageRecord | undefined {
    const { store } = this.#deps;
    if (reference.startsWith("sha256:")) return store.get("image", `${repository.arn}@${reference}`);
    return store.listBy("image", "repository", repository.arn).find((image) => image.imageTags.includes(reference));
  }
}

/** The path in plain letters. Errors: NAME_INVALID. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new RegistryError(400, "NAME_INVALID", "The address has a percent sign that stands for nothing.");
  }
}

/** What the disk did, in words for who pushes or pulls. */
function storageError(thrown: unknown): RegistryError | undefined {
  if (isOutOfRoom(thrown)) return new RegistryError(503, "UNAVAILABLE", "The disk that holds the registry is full: make room on it, then try again.");
  if (isDamage(thrown)) return new RegistryError(500, "UNKNOWN", `${messageOf(thrown)} It is not served: push it again.`);
  return undefined;
}

function keyOf(image: { repositoryArn: string; digest: string }): string {
  return `${image.repositoryArn}@${image.digest}`;
}
