import type { IncomingMessage, ServerResponse } from "node:http";
import { DigestMismatchError, isDigest, type BlobStore } from "@gantry/content";
import {
  formatArn,
  isDamage,
  isOutOfRoom,
  messageOf,
  type Clock,
  type Logger,
  type Vault,
} from "@gantry/kernel";
import type { RepositoryRecord, Store } from "@gantry/state";
import type { ConditionContext, Principal } from "@gantry/iam";
import { keyOf, type ImageStore } from "./image-store.ts";
import { parseManifest } from "./manifest.ts";
import { RegistryError } from "./registry-error.ts";
import { readToken } from "./registry-token.ts";
import { readBounded, Responder } from "./responses.ts";

const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
const ECR_NAME = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com$/;

export interface RegistryDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly log: Logger;
  /** The address that a connection comes from, where it is not its peer's: a relay may stand between. */
  readonly sourceOf?: (socket: IncomingMessage["socket"]) => string;
  readonly policy: {
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => ConditionContext,
    ): string | undefined;
    /** The caller as it is now; undefined if it was deleted. */
    current(principal: Principal): Principal | undefined;
  };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: Responder;
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
  async handle(request: IncomingMessage, serverResponse: ServerResponse): Promise<void> {
    const response = new Responder(serverResponse, () => this.#deps.store.settled());
    try {
      await this.#route(request, response);
    } catch (thrown) {
      if (response.hasBegun) {
        response.abort();
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
          ? {
              "www-authenticate": `Basic realm="http://${request.headers.host ?? "127.0.0.1"}/",service="ecr.amazonaws.com"`,
            }
          : { ...error?.headers };
      await response.sendJson(
        error?.status ?? 500,
        {
          errors: [
            { code: error?.code ?? "UNKNOWN", message: error?.message ?? "The registry could not answer." },
          ],
        },
        headers,
      );
    }
    if (!request.complete) request.resume();
  }

  async #route(request: IncomingMessage, response: Responder): Promise<void> {
    const url = URL.parse(request.url ?? "/", "http://registry");
    if (url === null) throw new RegistryError(400, "NAME_INVALID", "The address has the wrong form.");
    const principal = this.#authenticate(request, url);
    if (url.pathname === "/v2/" || url.pathname === "/v2") return response.sendJson(200, {});
    const match = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/?([^/]*)$/.exec(
      decoded(url.pathname),
    );
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

  /** A token comes as Docker sends it, or in the address of a layer that ECR gave out, which reads that layer alone. */
  #authenticate(request: IncomingMessage, url: URL): Principal {
    const given = url.searchParams.get("token");
    const isRead = request.method === "GET" || request.method === "HEAD";
    const { vault, clock } = this.#deps;
    const header = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const [user, token = ""] = Buffer.from(header ?? "", "base64")
      .toString()
      .split(/:(.*)/s);
    const now = clock.now();
    const holder =
      given === null
        ? user === "AWS"
          ? readToken(vault, token, { now, path: undefined })
          : undefined
        : isRead
          ? readToken(vault, given, { now, path: url.pathname })
          : undefined;
    const principal = holder && this.#deps.policy.current(holder);
    if (principal === undefined)
      throw new RegistryError(
        401,
        "UNAUTHORIZED",
        header === undefined
          ? "no basic auth credentials"
          : "Your authorization token has expired or is not valid. Reauthenticate and try again.",
      );
    return principal;
  }

  #repositoryOf(name: string, host: string, principal: Principal): RepositoryRecord {
    const record = this.#lookUp(name, host, principal);
    if (record !== undefined) return record;
    const { account, repository } = placeOf(name, host, principal);
    throw new RegistryError(
      404,
      "NAME_UNKNOWN",
      `The repository with name '${repository}' does not exist in the registry with id '${account}'`,
    );
  }

  #lookUp(name: string, host: string, principal: Principal): RepositoryRecord | undefined {
    const { account, region, repository } = placeOf(name, host, principal);
    return this.#deps.store.get(
      "repository",
      formatArn("ecr", { account, region }, `repository/${repository}`),
    );
  }

  #authorize(call: Call, ...actions: readonly string[]): void {
    for (const action of actions) {
      const why = this.#deps.policy.deniedBecause(call.principal, `ecr:${action}`, call.repository.arn, () =>
        this.#requestKeys(call),
      );
      if (why !== undefined) throw new RegistryError(403, "DENIED", why);
    }
  }

  /** What conditions can know of a request. Source: IAM User Guide, "AWS global condition context keys". */
  #requestKeys({ request, repository }: Call): ConditionContext {
    const { socket, headers } = request;
    const { sourceOf } = this.#deps;
    const userAgent = headers["user-agent"];
    return {
      "aws:SourceIp": sourceOf?.(socket) ?? (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
      "aws:SecureTransport": String("encrypted" in socket),
      "aws:RequestedRegion": repository.arn.split(":")[3] ?? "",
      ...(userAgent === undefined ? {} : { "aws:UserAgent": userAgent }),
    };
  }

  async #upload(call: Call, id: string): Promise<void> {
    const { request, query, response, repository } = call;
    const { images } = this.#deps;
    this.#authorize(call, "InitiateLayerUpload", "UploadLayerPart");
    const location = (upload: string) => `/v2/${call.name}/blobs/uploads/${upload}`;
    const progress = (upload: string, size: number) => ({
      location: location(upload),
      "docker-upload-uuid": upload,
      range: `0-${Math.max(0, size - 1)}`,
    });
    if (request.method === "POST" && id === "") {
      const mounted = query.get("mount");
      if (mounted !== null && (await this.#mount(call, mounted)))
        return response.send(201, {
          location: `/v2/${call.name}/blobs/${mounted}`,
          "docker-content-digest": mounted,
        });
      const upload = await images.startUpload(repository);
      const digest = query.get("digest");
      if (digest !== null) return this.#finishUpload(call, upload, digest);
      return response.send(202, progress(upload, 0));
    }
    const size = await images.uploadSize(repository, id);
    if (size === undefined)
      throw new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "The upload is not known to this registry.");
    switch (request.method) {
      case "GET":
        return response.send(204, progress(id, size));
      case "PATCH": {
        this.#checkOrder(call, id, size);
        return response.send(202, progress(id, await images.append(id, request)));
      }
      case "PUT":
        this.#checkOrder(call, id, size);
        return this.#finishUpload(call, id, query.get("digest") ?? "");
      case "DELETE":
        await images.cancelUpload(id);
        return response.send(204, {});
      default:
        throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
    }
  }

  /** A blob of another repository that the caller may pull from; false where a push is needed after all. */
  async #mount(call: Call, digest: string): Promise<boolean> {
    const from = call.query.get("from");
    // Without a name any repository will do; its own is the one whose blobs the caller may use without more.
    const source =
      from === null ? call.repository : this.#lookUp(from, call.request.headers.host ?? "", call.principal);
    if (source === undefined) return false;
    const why = this.#deps.policy.deniedBecause(
      call.principal,
      "ecr:GetDownloadUrlForLayer",
      source.arn,
      () => this.#requestKeys(call),
    );
    return why === undefined && this.#deps.images.mount(source, call.repository, digest);
  }

  /** A chunk goes on where the last one ended. Source: OCI distribution-spec 1.1, "Pushing a blob in chunks". */
  #checkOrder(call: Call, id: string, size: number): void {
    const header = call.request.headers["content-range"];
    if (header === undefined) return;
    const start = /^(?:bytes )?(\d+)-(\d+)/.exec(header)?.[1];
    if (start !== undefined && Number(start) === size) return;
    const headers = { location: `/v2/${call.name}/blobs/uploads/${id}`, range: `0-${Math.max(0, size - 1)}` };
    throw new RegistryError(416, "BLOB_UPLOAD_INVALID", `The upload goes on at byte ${size}.`, headers);
  }

  async #finishUpload(call: Call, id: string, digest: string): Promise<void> {
    this.#authorize(call, "CompleteLayerUpload");
    await this.#deps.images.append(id, call.request, digest);
    await this.#deps.images.finishUpload(call.repository, id, digest);
    await call.response.send(201, {
      location: `/v2/${call.name}/blobs/${digest}`,
      "docker-content-digest": digest,
    });
  }

  async #blob(call: Call, digest: string): Promise<void> {
    const { request, response, repository } = call;
    const { blobs, images } = this.#deps;
    if (request.method === "DELETE") return this.#deleteBlob(call, digest);
    const isHead = request.method === "HEAD";
    this.#authorize(call, isHead ? "BatchCheckLayerAvailability" : "GetDownloadUrlForLayer");
    const size = await images.layerSize(repository, digest, { touch: isHead });
    if (size === undefined)
      throw new RegistryError(404, "BLOB_UNKNOWN", "The blob is not known to this registry.");
    const headers = {
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
      etag: `"${digest}"`,
    };
    if (isHead) return response.send(200, { ...headers, "content-length": String(size) });
    if (request.method !== "GET")
      throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
    const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
    if (range === null || (range[1] === "" && range[2] === ""))
      return response.stream(200, { ...headers, "content-length": String(size) }, blobs.read(digest));
    const start = range[1] === "" ? Math.max(0, size - Number(range[2])) : Number(range[1]);
    const end = range[1] === "" || range[2] === "" ? size - 1 : Math.min(Number(range[2]), size - 1);
    if (start > end)
      throw new RegistryError(416, "RANGE_INVALID", "The range lies outside of the blob.", {
        "content-range": `bytes */${size}`,
      });
    return response.stream(
      206,
      {
        ...headers,
        "content-length": String(end - start + 1),
        "content-range": `bytes ${start}-${end}/${size}`,
      },
      blobs.read(digest, { start, end }),
    );
  }

  async #deleteBlob(call: Call, digest: string): Promise<void> {
    this.#authorize(call, "BatchDeleteImage");
    if ((await this.#deps.images.layerSize(call.repository, digest, { touch: false })) === undefined)
      throw new RegistryError(404, "BLOB_UNKNOWN", "The blob is not known to this registry.");
    if (!this.#deps.images.removeLayer(call.repository, digest))
      throw new RegistryError(
        405,
        "UNSUPPORTED",
        "An image of this repository needs the blob: delete the image first.",
      );
    await call.response.send(202, {});
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
    const image = this.#deps.images.find(call.repository, reference);
    if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
    const headers = {
      "content-type": image.mediaType,
      "docker-content-digest": image.digest,
      "content-length": String(image.sizeBytes),
      etag: `"${image.digest}"`,
    };
    if (call.request.method === "HEAD") return call.response.send(200, headers);
    const bytes = await this.#deps.blobs.readAll(image.digest);
    this.#deps.images.notePull(image);
    await call.response.sendBytes(200, bytes, headers);
  }

  async #putManifest(call: Call, reference: string): Promise<void> {
    this.#authorize(call, "PutImage");
    const bytes = await readBounded(call.request, MANIFEST_MAX_BYTES);
    const hasColon = reference.includes(":");
    if (hasColon && !isDigest(reference))
      throw new RegistryError(400, "DIGEST_INVALID", `${reference} is no digest.`);
    const image = await this.#deps.images.putManifest(call.repository, bytes, {
      mediaType: call.request.headers["content-type"],
      ...(hasColon ? { tag: undefined, digest: reference } : { tag: reference }),
    });
    await call.response.send(201, {
      location: `/v2/${call.name}/manifests/${image.digest}`,
      "docker-content-digest": image.digest,
      ...(image.subject === undefined ? {} : { "oci-subject": image.subject }),
    });
  }

  async #deleteManifest(call: Call, reference: string): Promise<void> {
    this.#authorize(call, "BatchDeleteImage");
    const { store, images } = this.#deps;
    store.transact((tx) => {
      const image = images.find(call.repository, reference);
      if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
      const key = keyOf(image.repositoryArn, image.digest);
      if (isDigest(reference)) tx.delete("image", key);
      else tx.put("image", key, { ...image, imageTags: image.imageTags.filter((tag) => tag !== reference) });
    });
    await call.response.send(202, {});
  }

  async #tags(call: Call): Promise<void> {
    this.#authorize(call, "ListImages");
    const all = this.#deps.store
      .listBy("image", "repository", call.repository.arn)
      .flatMap((image) => image.imageTags)
      .toSorted();
    const last = call.query.get("last");
    const rest = last === null ? all : all.filter((tag) => tag > last);
    const count = Number(call.query.get("n") ?? 1_000);
    if (!Number.isInteger(count) || count < 0)
      throw new RegistryError(400, "PAGINATION_NUMBER_INVALID", "n is a number of tags.");
    const some = rest.slice(0, count);
    const more = rest.length > count && some.length > 0;
    await call.response.sendJson(
      200,
      { name: call.name, tags: some },
      more
        ? {
            link: `</v2/${call.name}/tags/list?n=${count}&last=${encodeURIComponent(some.at(-1) ?? "")}>; rel="next"`,
          }
        : {},
    );
  }

  async #referrers(call: Call, digest: string): Promise<void> {
    this.#authorize(call, "BatchGetImage");
    if (!isDigest(digest)) throw new RegistryError(400, "DIGEST_INVALID", `${digest} is no digest.`);
    const filter = call.query.get("artifactType");
    const manifests = [];
    for (const image of this.#deps.store.listBy("image", "repository", call.repository.arn)) {
      if (image.subject !== digest || (filter !== null && image.artifactType !== filter)) continue;
      const { annotations } = parseManifest(await this.#deps.blobs.readAll(image.digest));
      manifests.push({
        mediaType: image.mediaType,
        digest: image.digest,
        size: image.sizeBytes,
        artifactType: image.artifactType,
        annotations,
      });
    }
    await call.response.sendJson(
      200,
      { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests },
      {
        "content-type": "application/vnd.oci.image.index.v1+json",
        ...(filter === null ? {} : { "oci-filters-applied": "artifactType" }),
      },
    );
  }
}

/** Account, region and name that a repository is meant by. */
function placeOf(
  name: string,
  host: string,
  principal: Principal,
): { account: string; region: string; repository: string } {
  const [first = "", ...rest] = name.split("/");
  const own = ECR_NAME.exec(first);
  if (own !== null) return { account: own[1] ?? "", region: own[2] ?? "", repository: rest.join("/") };
  const byHost = ECR_NAME.exec(host.replace(/:\d+$/, ""));
  if (byHost !== null) return { account: byHost[1] ?? "", region: byHost[2] ?? "", repository: name };
  return { account: principal.account, region: "us-east-1", repository: name };
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
  if (isOutOfRoom(thrown))
    return new RegistryError(
      503,
      "UNAVAILABLE",
      "The disk that holds the registry is full: make room on it, then try again.",
    );
  if (isDamage(thrown))
    return new RegistryError(500, "UNKNOWN", `${messageOf(thrown)} It is not served: push it again.`);
  return undefined;
}
