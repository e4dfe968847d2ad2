import { authorize, checkReadable, type Call, type RegistryDeps } from "./registry-access.ts";
import { RegistryError } from "./registry-error.ts";

/** Answers GET (whole or one range), HEAD and DELETE of a blob. Errors: DENIED, BLOB_UNKNOWN, RANGE_INVALID. */
export async function blob(deps: RegistryDeps, call: Call, digest: string): Promise<void> {
  const { request, response, repository } = call;
  const { blobs, images } = deps;
  if (request.method === "DELETE") return deleteBlob(deps, call, digest);
  const isHead = request.method === "HEAD";
  authorize(deps, call, isHead ? "BatchCheckLayerAvailability" : "GetDownloadUrlForLayer");
  if (!isHead) checkReadable(deps, repository);
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
    return response.stream(200, { ...headers, "content-length": String(size) }, (out) =>
      blobs.sendTo(out, digest),
    );
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
    (out) => blobs.sendTo(out, digest, { start, end }),
  );
}

async function deleteBlob(deps: RegistryDeps, call: Call, digest: string): Promise<void> {
  authorize(deps, call, "BatchDeleteImage");
  if ((await deps.images.layerSize(call.repository, digest, { touch: false })) === undefined)
    throw new RegistryError(404, "BLOB_UNKNOWN", "The blob is not known to this registry.");
  if (!deps.images.removeLayer(call.repository, digest))
    throw new RegistryError(
      405,
      "UNSUPPORTED",
      "An image of this repository needs the blob: delete the image first.",
    );
  await call.response.send(202, {});
}
