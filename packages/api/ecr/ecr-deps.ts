import type { BlobStore } from "@gantry/content";
import type { ImageStore } from "@gantry/registry";
import type { ApiDeps } from "../common/api-deps.ts";

/** The dependencies of ECR's operations. */
export interface EcrDeps extends ApiDeps {
  readonly blobs: BlobStore;
  readonly images: ImageStore;
  /** Host and port at which the registry answers on this machine. */
  readonly registry: string;
  /** Where an upstream registry answers, by its host. */
  readonly upstreamAt: (host: string) => URL;
}
