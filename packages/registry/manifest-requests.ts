import { isDigest } from "@gantry/content";
import { keyOf } from "./image-store.ts";
import { parseManifest } from "./manifest.ts";
import { authorize, checkReadable, type Call, type RegistryDeps } from "./registry-access.ts";
import { RegistryError } from "./registry-error.ts";
import { readBounded } from "./responses.ts";

const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Answers PUT, GET, HEAD and DELETE of a manifest by tag or digest.
 * Errors: DENIED, MANIFEST_UNKNOWN, MANIFEST_INVALID.
 */
export async function manifest(deps: RegistryDeps, call: Call, reference: string): Promise<void> {
  switch (call.request.method) {
    case "PUT":
      return putManifest(deps, call, reference);
    case "GET":
    case "HEAD":
      return getManifest(deps, call, reference);
    case "DELETE":
      return deleteManifest(deps, call, reference);
    default:
      throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
  }
}

async function getManifest(deps: RegistryDeps, call: Call, reference: string): Promise<void> {
  authorize(deps, call, "BatchGetImage");
  checkReadable(deps, call.repository);
  const image = deps.images.find(call.repository, reference);
  if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
  const headers = {
    "content-type": image.mediaType,
    "docker-content-digest": image.digest,
    "content-length": String(image.sizeBytes),
    etag: `"${image.digest}"`,
  };
  if (call.request.method === "HEAD") return call.response.send(200, headers);
  const bytes = await deps.blobs.readAll(image.digest);
  deps.images.notePull(image);
  await call.response.sendBytes(200, bytes, headers);
}

async function putManifest(deps: RegistryDeps, call: Call, reference: string): Promise<void> {
  authorize(deps, call, "PutImage");
  checkReadable(deps, call.repository);
  const bytes = await readBounded(call.request, MANIFEST_MAX_BYTES);
  const hasColon = reference.includes(":");
  if (hasColon && !isDigest(reference))
    throw new RegistryError(400, "DIGEST_INVALID", `${reference} is no digest.`);
  const image = await deps.images.putManifest(call.repository, bytes, {
    mediaType: call.request.headers["content-type"],
    ...(hasColon ? { tag: undefined, digest: reference } : { tag: reference }),
  });
  await call.response.send(201, {
    location: `/v2/${call.name}/manifests/${image.digest}`,
    "docker-content-digest": image.digest,
    ...(image.subject === undefined ? {} : { "oci-subject": image.subject }),
  });
}

async function deleteManifest(deps: RegistryDeps, call: Call, reference: string): Promise<void> {
  authorize(deps, call, "BatchDeleteImage");
  const { store, images } = deps;
  store.transact((tx) => {
    const image = images.find(call.repository, reference);
    if (image === undefined) throw new RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found");
    const key = keyOf(image.repositoryArn, image.digest);
    if (isDigest(reference)) tx.delete("image", key);
    else tx.put("image", key, { ...image, imageTags: image.imageTags.filter((tag) => tag !== reference) });
  });
  await call.response.send(202, {});
}

/** Lists tags in lexical order, in pages of `n` after `last`. Source: OCI distribution-spec 1.1, "Listing Tags". */
export async function tags(deps: RegistryDeps, call: Call): Promise<void> {
  authorize(deps, call, "ListImages");
  const all = deps.store
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

/** Lists the manifests whose subject is the digest. Source: OCI distribution-spec 1.1, "Listing Referrers". */
export async function referrers(deps: RegistryDeps, call: Call, digest: string): Promise<void> {
  authorize(deps, call, "BatchGetImage");
  if (!isDigest(digest)) throw new RegistryError(400, "DIGEST_INVALID", `${digest} is no digest.`);
  const filter = call.query.get("artifactType");
  const manifests = [];
  for (const image of deps.store.listBy("image", "repository", call.repository.arn)) {
    if (image.subject !== digest || (filter !== null && image.artifactType !== filter)) continue;
    const { annotations } = parseManifest(await deps.blobs.readAll(image.digest));
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
