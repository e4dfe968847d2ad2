import type { ApiDeps } from "../common/api-deps.ts";

/** The dependencies of EC2's operations. */
export interface Ec2Deps extends ApiDeps {
  /** Block that public addresses come from. */
  readonly publicPool: string;
}
