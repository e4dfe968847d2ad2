import type { MultipartUpload } from "@gantry/content";
import { ApiError } from "./api-error.ts";
import type { S3Deps } from "./s3-deps.ts";

/** The open upload of a bucket and key. Errors: NoSuchUpload. */
export function findUpload(
  { objects }: S3Deps,
  where: { id: string | undefined; bucket: string; key: string | undefined },
): MultipartUpload {
  const upload = where.id === undefined ? undefined : objects.index.uploads.find(where.id);
  if (upload === undefined || upload.bucket !== where.bucket || upload.key !== where.key)
    throw noSuchUpload(where.id);
  return upload;
}

export function noSuchUpload(id: string | undefined): ApiError {
  return new ApiError(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been " +
      "aborted or completed.",
    { status: 404, fields: { UploadId: id } },
  );
}
