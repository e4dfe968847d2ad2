import { isObject } from "@gantry/kernel";
import type {
  Assignment,
  BalancerPartLeftOut,
  DatabaseSnapshotAssignment,
  FolderKeptAssignment,
  RootSnapshotAssignment,
  VolumeFileAssignment,
} from "@gantry/agent-protocol";
import { integer, matching, object, oneOf, optional, relativePath, wordOf, type Check } from "./check.ts";
import { checkBalancers } from "./check-balancers.ts";
import { checkPod, checkWarm } from "./check-pod.ts";
import { checkZone } from "./check-zone.ts";
import { checkVpc } from "./check-vpc.ts";

/** The assignment is accepted, possibly without some of its parts, or refused as a whole. */
export type CheckedAssignment =
  | {
      readonly type: "accepted";
      readonly assignment: Assignment;
      readonly problems: readonly string[];
      /** The problems that concern parts of load balancers. */
      readonly leftOut: readonly BalancerPartLeftOut[];
    }
  | { readonly type: "refused"; readonly problem: string };

/** Source: EBS User Guide, "Amazon EBS volume constraints": 64 TiB. */
const VOLUME_BYTES_MAX = 64 * 1024 ** 4;

const folder = object<FolderKeptAssignment>({
  kind: oneOf("folder"),
  key: matching(/^folder\/[A-Za-z0-9-]{1,64}$/, "a folder's key"),
  path: relativePath,
});

const volumeFile = object<VolumeFileAssignment>({
  kind: oneOf("volumeFile"),
  key: matching(/^(?:volume\/vol|snapshot\/snap)-[0-9a-f]{8,40}$/, "a volume's key"),
  bytes: integer(1, VOLUME_BYTES_MAX),
  source: optional(matching(/^(?:vol|snap)-[0-9a-f]{8,40}$/, "the id of a volume or snapshot")),
});

const rootSnapshot = object<RootSnapshotAssignment>({
  kind: oneOf("rootSnapshot"),
  key: matching(/^snapshot\/snap-[0-9a-f]{8,40}$/, "a snapshot's key"),
  bytes: integer(1, VOLUME_BYTES_MAX),
  pod: optional(matching(/^pod\/i-[0-9a-f]{8,40}$/, "an instance's key")),
  source: optional(matching(/^snap-[0-9a-f]{8,40}$/, "the id of a snapshot")),
});

const databaseSnapshot = object<DatabaseSnapshotAssignment>({
  kind: oneOf("databaseSnapshot"),
  key: matching(/^databaseSnapshot\/snapshot-[0-9a-f]{17}$/, "a database snapshot's key"),
  source: optional(
    matching(/^(?:db-[0-9A-Z]{26}|snapshot-[0-9a-f]{17})$/, "the id of a database or snapshot"),
  ),
});

/**
 * Checks an assignment as strictly as the API checks its requests: the agent runs as root, so it trusts no
 * value because of its sender. Of a VPC and of load balancers only the invalid parts are left out, since the
 * valid ones have to be applied.
 */
export function checkAssignment(value: unknown): CheckedAssignment {
  if (!isObject(value)) return { type: "refused", problem: "it is not an object" };
  if (value["kind"] === "vpc") {
    const checked = checkVpc(value);
    return typeof checked === "string"
      ? { type: "refused", problem: checked }
      : { type: "accepted", assignment: checked.vpc, problems: checked.problems, leftOut: [] };
  }
  if (value["kind"] === "balancers") {
    const checked = checkBalancers(value);
    if (typeof checked === "string") return { type: "refused", problem: checked };
    const { assignment, leftOut } = checked;
    const problems = leftOut.map(({ balancerArn, part, reason }) => `${balancerArn}: ${part}: ${reason}`);
    return { type: "accepted", assignment, problems, leftOut };
  }
  const checks: Readonly<Record<string, Check>> = {
    pod: checkPod,
    interface: checkWarm,
    folder,
    volumeFile,
    rootSnapshot,
    databaseSnapshot,
    zone: checkZone,
  };
  const kind = wordOf(value["kind"]);
  const check = Object.hasOwn(checks, kind) ? checks[kind] : undefined;
  const problem = check === undefined ? "its kind is not known" : check(value, "");
  if (problem !== undefined) return { type: "refused", problem };
  // Every member of its kind is checked.
  return { type: "accepted", assignment: value as unknown as Assignment, problems: [], leftOut: [] };
}
