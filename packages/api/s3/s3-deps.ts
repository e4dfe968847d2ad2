import type { ObjectStore } from "@gantry/content";
import type { Logger } from "@gantry/kernel";
import type { ApiDeps } from "../common/api-deps.ts";

export interface S3Deps extends ApiDeps {
  readonly objects: ObjectStore;
  readonly log: Logger;
}
