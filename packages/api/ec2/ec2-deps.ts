import type { ApiDeps } from "../common/api-deps.ts";

/** What the operations of EC2 need. */
export interface Ec2Deps extends ApiDeps {
  /** Block that public addresses come from. */
  readonly publicPool: string;
}
