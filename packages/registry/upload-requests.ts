import { ecrRegistryOf } from "@gantry/state";
import {
  authorize,
  checkReadable,
  lookUp,
  requestKeys,
  type Call,
  type RegistryDeps,
} from "./registry-access.ts";
import { RegistryError } from "./registry-error.ts";

/**
 * Starts, continues, reports, finishes and cancels the upload of a blob. A POST may mount a blob of another
 * repository instead.
 * Source: OCI distribution-spec 1.1, "Pushing blobs". Errors: DENIED, BLOB_UPLOAD_UNKNOWN,
 * BLOB_UPLOAD_INVALID, DIGEST_INVALID.
 */
export async function upload(deps: RegistryDeps, call: Call, id: string): Promise<void> {
  const { request, query, response, repository } = call;
  const { images } = deps;
  authorize(deps, call, "InitiateLayerUpload", "UploadLayerPart");
  const location = (upload: string) => `/v2/${call.name}/blobs/uploads/${upload}`;
  const progress = (upload: string, size: number) => ({
    location: location(upload),
    "docker-upload-uuid": upload,
    range: `0-${Math.max(0, size - 1)}`,
  });
  if (request.method === "POST" && id === "") {
    const mounted = query.get("mount");
    if (mounted !== null && (await mount(deps, call, mounted)))
      return response.send(201, {
        location: `/v2/${call.name}/blobs/${mounted}`,
        "docker-content-digest": mounted,
      });
    const upload = await images.startUpload(repository);
    const digest = query.get("digest");
    if (digest !== null) return finishUpload(deps, call, upload, digest);
    return response.send(202, progress(upload, 0));
  }
  const size = await images.uploadSize(repository, id);
  if (size === undefined)
    throw new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "The upload is not known to this registry.");
  switch (request.method) {
    case "GET":
      return response.send(204, progress(id, size));
    case "PATCH": {
      checkOrder(call, id, size);
      return response.send(202, progress(id, await images.append(id, request)));
    }
    case "PUT":
      checkOrder(call, id, size);
      return finishUpload(deps, call, id, query.get("digest") ?? "");
    case "DELETE":
      await images.cancelUpload(id);
      return response.send(204, {});
    default:
      throw new RegistryError(405, "UNSUPPORTED", "The operation is not supported.");
  }
}

/** Mounts a blob of a repository that the caller may pull from. False if the client must push the blob. */
async function mount(deps: RegistryDeps, call: Call, digest: string): Promise<boolean> {
  const from = call.query.get("from");
  // Without `from`, the registry may choose a repository: its own needs no further permission.
  const source =
    from === null ? call.repository : lookUp(deps, from, call.request.headers.host ?? "", call.principal);
  const { settings } = ecrRegistryOf(deps.store, call.repository);
  if (source === undefined || settings?.["BLOB_MOUNTING"] === "DISABLED") return false;
  checkReadable(deps, source);
  const why = deps.policy.deniedBecause(call.principal, "ecr:GetDownloadUrlForLayer", source.arn, () =>
    requestKeys(deps, call),
  );
  return why === undefined && deps.images.mount(source, call.repository, digest);
}

/** A chunk must begin where the last one ended. Source: OCI distribution-spec 1.1, "Pushing a blob in chunks". */
function checkOrder(call: Call, id: string, size: number): void {
  const header = call.request.headers["content-range"];
  if (header === undefined) return;
  const start = /^(?:bytes )?(\d+)-(\d+)/.exec(header)?.[1];
  if (start !== undefined && Number(start) === size) return;
  const headers = { location: `/v2/${call.name}/blobs/uploads/${id}`, range: `0-${Math.max(0, size - 1)}` };
  throw new RegistryError(416, "BLOB_UPLOAD_INVALID", `The next chunk must begin at byte ${size}.`, headers);
}

async function finishUpload(deps: RegistryDeps, call: Call, id: string, digest: string): Promise<void> {
  authorize(deps, call, "CompleteLayerUpload");
  await deps.images.append(id, call.request, digest);
  await deps.images.finishUpload(call.repository, id, digest);
  await call.response.send(201, {
    location: `/v2/${call.name}/blobs/${digest}`,
    "docker-content-digest": digest,
  });
}
