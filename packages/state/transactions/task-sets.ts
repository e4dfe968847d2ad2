import { formatArn, type Ids } from "@gantry/kernel";
import type { ServiceRecord, ServiceVersion, Tags, TaskSetRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { newRevision } from "./service-deployments.ts";
import { taskSetKeyOf } from "./task-set-keys.ts";

const PERCENT_ALL = 100;

/** `arn:aws:ecs:REGION:ACCOUNT:task-set/CLUSTER/SERVICE/ID`. Source: API_TaskSet. */
export function taskSetArnOf(service: Pick<ServiceRecord, "arn" | "account" | "region">, id: string): string {
  const path = service.arn.slice(service.arn.indexOf("/") + 1);
  return formatArn("ecs", service, `task-set/${path}/${id}`);
}

/** A task set of a service by its id or ARN. */
export function findTaskSet(
  reader: Pick<Reader, "get">,
  service: ServiceRecord,
  named: string | undefined,
): TaskSetRecord | undefined {
  const prefix = taskSetArnOf(service, "");
  const id = named?.startsWith(prefix) === true ? named.slice(prefix.length) : (named ?? "");
  return reader.get("taskSet", taskSetKeyOf(service.arn, id));
}

/**
 * How many tasks a task set must run: its share of the service's desired count, rounded up. Source:
 * API_TaskSet, computedDesiredCount.
 */
export function computedDesiredCountOf(service: ServiceRecord, set: TaskSetRecord): number {
  if (set.status === "DRAINING") return 0;
  return Math.ceil((service.spec.desiredCount * set.scale.value) / PERCENT_ALL);
}

/**
 * Adds a task set to a service with an external deployment controller. It is ACTIVE until it is made PRIMARY.
 */
export function addTaskSet(
  tx: Transaction,
  service: ServiceRecord,
  version: ServiceVersion,
  options: Pick<TaskSetRecord, "scale"> & {
    external: NonNullable<TaskSetRecord["external"]>;
    ids: Ids;
    now: number;
  },
): TaskSetRecord {
  const { ids, now, scale, external } = options;
  const revision = newRevision(service, version, { ids, now });
  tx.put("serviceRevision", revision.arn, revision);
  const id = `ecs-svc/${ids.digits(19)}`;
  const { arn: revisionArn, createdAt: _, containerImages: __, ...kept } = revision;
  const set: TaskSetRecord = {
    ...kept,
    id,
    revisionArn,
    status: "ACTIVE",
    scale,
    stability: "STABILIZING",
    stabilityAt: now,
    rollout: { state: "COMPLETED", reason: "" },
    failedTasks: 0,
    healthyAt: undefined,
    createdAt: now,
    updatedAt: now,
    external,
  };
  tx.put("taskSet", taskSetKeyOf(service.arn, id), set);
  return set;
}

/** Changes the desired state of a task set: its scale, or its removal. */
export function changeTaskSet(
  tx: Transaction,
  set: TaskSetRecord,
  change: Partial<Pick<TaskSetRecord, "scale" | "status">>,
  now: number,
): TaskSetRecord {
  const next: TaskSetRecord = {
    ...set,
    ...change,
    stability: "STABILIZING",
    stabilityAt: now,
    updatedAt: now,
  };
  tx.put("taskSet", taskSetKeyOf(set.serviceArn, set.id), next);
  return next;
}

/** Gives a task set that a caller made other tags. */
export function tagTaskSet(tx: Transaction, set: TaskSetRecord, tags: Tags): void {
  if (set.external === undefined) return;
  const next: TaskSetRecord = { ...set, external: { ...set.external, tags } };
  tx.put("taskSet", taskSetKeyOf(set.serviceArn, set.id), next);
}

/** Makes a task set the PRIMARY one of its service; the previous one becomes ACTIVE. */
export function makePrimary(tx: Transaction, set: TaskSetRecord, now: number): TaskSetRecord {
  for (const each of tx.listBy("taskSet", "service", set.serviceArn))
    if (each.status === "PRIMARY" && each.id !== set.id)
      tx.put("taskSet", taskSetKeyOf(each.serviceArn, each.id), {
        ...each,
        status: "ACTIVE",
        updatedAt: now,
      });
  const next: TaskSetRecord = { ...set, status: "PRIMARY", updatedAt: now };
  tx.put("taskSet", taskSetKeyOf(set.serviceArn, set.id), next);
  return next;
}
