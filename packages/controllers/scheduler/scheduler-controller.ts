import { realTimeOf, type Reconciler, type Vault } from "@gantry/kernel";
import {
  allocatePublicIp,
  createInterface,
  recordServiceImage,
  reservationOf,
  type NetworkInterfaceRecord,
  type Overcommit,
  type Reader,
  type TaskPlacement,
  type TaskRecord,
  type TaskSecrets,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import type { Permissions } from "../task/execution-role.ts";
import { choosePlacement } from "./choose-placement.ts";
import { checkMounts, type MountDecision } from "./file-system-problem.ts";
import { candidatesOf, placementRequestOf } from "./gather-candidates.ts";
import { queriesOf } from "./node-queries.ts";
import type { Candidate, Refusal } from "./placement-candidate.ts";
import { prepareLogs } from "./prepare-logs.ts";
import {
  needsEnvironmentFiles,
  readEnvironmentFiles,
  type EnvironmentFiles,
  type ReadObject,
} from "./read-environment-files.ts";
import { readLogOptions, readSecrets } from "./read-secrets.ts";
import { recordUnplaced } from "./record-unplaced.ts";
import { resolveImages, type FindImage } from "./resolve-images.ts";

interface SchedulerDeps extends ControllerDeps {
  readonly publicPool: string;
  readonly findImage: FindImage;
  readonly permissions: Permissions;
  readonly vault: Vault;
  readonly overcommit: Overcommit;
  readonly readObject: ReadObject;
}

/** The outcome of an attempt to place a task. */
type Outcome =
  | {
      readonly type: "placed";
      readonly candidate: Candidate;
      readonly eni: NetworkInterfaceRecord;
      readonly mounts: MountDecision;
      readonly logOptions: TaskPlacement["logOptions"];
      readonly containers: TaskRecord["containers"];
      readonly secrets: TaskSecrets | undefined;
    }
  /** Its environment files are to be read first. */
  | { readonly type: "reads" }
  | { readonly type: "waits"; readonly refusals: readonly Refusal[] }
  /** It cannot start. The container is the one that is the reason, where one is. */
  | { readonly type: "failed"; readonly problem: string; readonly container?: string };

const NO_NODE_RETRY_MS = 1_000;

/**
 * Assigns a node and a network interface to each wanted task, or records why it cannot. A task that no node
 * can take waits, and is planned again when another task stops or a node changes. Writes `task.placement`.
 */
export function schedulerController(deps: SchedulerDeps): Reconciler {
  const { store, log } = deps;
  const waiting = () => store.keysBy("task", "unplaced", "waiting");
  /**
   * The task itself, or the tasks that wait for its resources, or for a node with tasks of its group.
   */
  const touchedBy = (key: string): readonly string[] => {
    const task = store.get("task", key);
    if (task === undefined || task.lastStatus === "STOPPED") return inOrder(waiting());
    if (isUnplaced(task)) return [key];
    return inOrder(waiting()).filter((each) => {
      const other = store.get("task", each);
      return other !== undefined && queriesOf(store, other).length > 0;
    });
  };
  const inOrder = (keys: readonly string[]) =>
    keys.toSorted((a, b) => (store.get("task", a)?.createdAt ?? 0) - (store.get("task", b)?.createdAt ?? 0));
  return {
    name: "scheduler",
    keys: () => [...inOrder(waiting()), ...unreserved(store)],
    watch: watchKinds(store, { task: touchedBy, node: () => inOrder(waiting()) }),
    async reconcile(key) {
      const known = store.get("task", key);
      if (known === undefined) return undefined;
      if (known.placement !== undefined) {
        store.transact((tx) => addReservation(tx, key));
        return undefined;
      }
      if (!isUnplaced(known)) return undefined;
      if (store.keys("node").length === 0) return NO_NODE_RETRY_MS;
      const attempt = (files?: EnvironmentFiles, problem?: string) =>
        store.transact((tx): Outcome["type"] | undefined => {
          const task = tx.get("task", key);
          if (task === undefined || !isUnplaced(task)) return undefined;
          const outcome: Outcome =
            problem === undefined ? place(tx, deps, task, files) : { type: "failed", problem };
          record(tx, deps, task, outcome);
          if (outcome.type === "failed")
            log.warn("Task could not be placed", { taskArn: key, reason: outcome.problem });
          if (outcome.type === "waits")
            log.debug("Task waits for a node", { taskArn: key, refusals: outcome.refusals });
          return outcome.type;
        });
      if (attempt() !== "reads") return undefined;
      const read = await readEnvironmentFiles(deps, known);
      if ("problem" in read) attempt(undefined, read.problem);
      else attempt(read.files);
      return undefined;
    },
  };
}

function isUnplaced(task: TaskRecord): boolean {
  return task.placement === undefined && task.desiredStatus === "RUNNING" && task.lastStatus !== "STOPPED";
}

function unreserved(reader: Reader): readonly string[] {
  return reader
    .list("task")
    .filter(
      ({ placement, lastStatus }) =>
        lastStatus !== "STOPPED" && placement !== undefined && placement.reserved === undefined,
    )
    .map((task) => task.arn);
}

/** Adds what a task reserves to a placement that an earlier version wrote. */
function addReservation(tx: Transaction, key: string): void {
  const task = tx.get("task", key);
  if (task?.placement === undefined || task.placement.reserved !== undefined) return;
  const spec = tx.get("taskDefinition", task.taskDefinitionArn)?.spec;
  if (spec === undefined) return;
  const reserved = reservationOf(spec, task.overrides);
  tx.put("task", key, { ...task, placement: { ...task.placement, reserved } });
}

function record(tx: Transaction, deps: SchedulerDeps, task: TaskRecord, outcome: Outcome): void {
  const { clock, ids } = deps;
  switch (outcome.type) {
    case "reads":
      return;
    case "waits":
      recordUnplaced(tx, deps, task, outcome.refusals);
      return;
    case "failed":
      tx.put("task", task.arn, {
        ...task,
        desiredStatus: "STOPPED",
        lastStatus: "STOPPED",
        stopCode: "TaskFailedToStart",
        stoppedReason: outcome.problem,
        stoppedAt: clock.now(),
        version: task.version + 1,
        containers: task.containers.map((container) => ({
          ...container,
          lastStatus: "STOPPED",
          reason: container.name === outcome.container ? outcome.problem : container.reason,
        })),
      });
      return;
    case "placed":
      tx.put("task", task.arn, {
        ...task,
        placement: placementOf(tx, task, outcome),
        containers: outcome.containers,
        lastStatus: "PENDING",
        version: task.version + 1,
      });
      if (outcome.secrets !== undefined)
        tx.put("taskSecrets", task.arn, {
          taskArn: task.arn,
          sealedSecrets: deps.vault.seal(JSON.stringify(outcome.secrets)),
        });
      for (const container of outcome.containers)
        recordServiceImage(tx, task, container, { ids, now: clock.now() });
  }
}

function placementOf(
  tx: Transaction,
  task: TaskRecord,
  { candidate, eni, mounts, logOptions }: Extract<Outcome, { type: "placed" }>,
): TaskPlacement {
  const { id, subnetId, mac, privateIp } = eni;
  const { availabilityZone } = candidate.subnet;
  const { readOnlyVolumes, rootSquashVolumes } = mounts;
  const spec = tx.get("taskDefinition", task.taskDefinitionArn)?.spec;
  return {
    nodeId: candidate.node.id,
    reserved: spec && reservationOf(spec, task.overrides),
    networkInterfaceId: id,
    ...(readOnlyVolumes.length === 0 ? {} : { readOnlyVolumes }),
    ...(rootSquashVolumes.length === 0 ? {} : { rootSquashVolumes }),
    ...(logOptions === undefined ? {} : { logOptions }),
    attachment: { subnetId, availabilityZone, mac, privateIp },
  };
}

/** A node and a network interface for the task, or why it waits or cannot start. */
function place(
  tx: Transaction,
  deps: SchedulerDeps,
  task: TaskRecord,
  files: EnvironmentFiles | undefined,
): Outcome {
  const request = placementRequestOf(tx, task, {
    overcommit: deps.overcommit,
    now: realTimeOf(deps.clock).clock.now(),
  });
  const choice = choosePlacement(request, candidatesOf(tx, task, tx.list("node")));
  const isFull =
    choice.type === "refused" &&
    choice.refusals.length > 0 &&
    choice.refusals.every(({ reason }) => reason !== "RESOURCE:ENI");
  if (choice.type === "refused" && isFull) return { type: "waits", refusals: choice.refusals };
  if (files === undefined && needsEnvironmentFiles(tx, task)) return { type: "reads" };
  const logging = readLogOptions(tx, deps, task);
  if ("problem" in logging) return { type: "failed", problem: logging.problem };
  const { logOptions } = logging;
  const early = prepareLogs(tx, deps, { task, logOptions });
  if (early !== undefined) return { type: "failed", problem: early };
  const read = readSecrets(tx, deps, task, files ?? new Map());
  if ("problem" in read) return { type: "failed", problem: read.problem };
  const images = resolveImages(tx, deps.findImage, task);
  if ("problem" in images) return { type: "failed", ...images };
  if (choice.type === "refused")
    return {
      type: "failed",
      problem:
        "Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet",
    };
  const eni = takeInterface(tx, deps, task, choice.candidate);
  const mounts = checkMounts(tx, deps, { task, eni });
  if (mounts.problem === undefined)
    return {
      type: "placed",
      candidate: choice.candidate,
      eni,
      mounts,
      logOptions,
      containers: images.containers,
      secrets: read.secrets,
    };
  // The node removes a warm one, and the pool makes another.
  tx.delete("networkInterface", eni.id);
  return { type: "failed", problem: mounts.problem };
}

/** A ready interface of the pool where there is one, else a new one; the address belongs to the task from here on. */
function takeInterface(
  tx: Transaction,
  deps: SchedulerDeps,
  task: TaskRecord,
  { node, subnet, warm: [warm] }: Candidate,
): NetworkInterfaceRecord {
  const publicIp =
    task.network.assignPublicIp === "ENABLED" ? allocatePublicIp(tx, deps.publicPool) : undefined;
  const securityGroups = securityGroupsOf(tx, task, subnet.vpcId);
  const description = `Interface for task ${task.arn}`;
  if (warm === undefined)
    return createInterface(tx, deps.ids, {
      subnet,
      securityGroups,
      type: "interface",
      description,
      owner: { type: "task", key: task.arn },
      nodeId: node.id,
      publicIp,
      now: deps.clock.now(),
    });
  const taken: NetworkInterfaceRecord = {
    ...warm,
    type: "interface",
    description,
    securityGroups,
    owner: { type: "task", key: task.arn },
    publicIp,
  };
  tx.put("networkInterface", warm.id, taken);
  return taken;
}

/** The task's security groups, else the default one of its VPC. Source: API_AwsVpcConfiguration, securityGroups. */
function securityGroupsOf(reader: Reader, { network }: TaskRecord, vpcId: string): readonly string[] {
  if (network.securityGroups.length > 0) return network.securityGroups;
  const fallback = reader
    .list("securityGroup")
    .find((group) => group.vpcId === vpcId && group.name === "default");
  return fallback === undefined ? [] : [fallback.id];
}
