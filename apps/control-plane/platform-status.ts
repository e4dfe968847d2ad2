import type { PlatformClock } from "@gantry/kernel";
import {
  allocatableOn,
  capacityOf,
  reservedOn,
  serviceEventsOf,
  type Overcommit,
  type Resources,
  type Reader,
  type ServiceRecord,
  type TaskRecord,
} from "@gantry/state";
import { clockStatus, type ClockStatus } from "./clock-control.ts";
import { loadBalancerStatus } from "./load-balancer-status.ts";
import { networkStatus } from "./network-status.ts";

/**
 * The platform's status for `gantry status`, `ps`, `logs` and `exec`. Times are milliseconds since the epoch.
 */
export interface PlatformStatus {
  readonly clock: ClockStatus;
  readonly overcommit: Overcommit;
  readonly loadBalancers: ReturnType<typeof loadBalancerStatus>;
  readonly networkProblems: ReturnType<typeof networkStatus>;
  readonly nodes: readonly {
    readonly id: string;
    readonly hostname: string;
    readonly engine: { readonly answers: boolean; readonly since: number } | undefined;
    /** The availability zone that it serves; undefined: all zones. */
    readonly zone: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
    readonly state: "CONNECTED" | "DISCONNECTED" | undefined;
    readonly lastContactAt: number | undefined;
    readonly capacity: Resources;
    /**
     * The total reservation of its tasks, and the limit for it: the capacity times the overcommit factors.
     */
    readonly reserved: Resources;
    readonly allocatable: Resources;
  }[];
  readonly services: readonly ServiceStatus[];
  readonly tasks: readonly TaskStatusRow[];
}

export interface ServiceStatus {
  readonly cluster: string;
  readonly name: string;
  readonly status: string;
  readonly desired: number;
  readonly running: number;
  readonly rolloutState: string | undefined;
  readonly lastEvent: { readonly at: number; readonly message: string } | undefined;
  /** The stop reason of the task that stopped last. */
  readonly lastStop: { readonly at: number; readonly task: string; readonly reason: string } | undefined;
}

export interface TaskStatusRow {
  readonly id: string;
  readonly cluster: string;
  readonly service: string | undefined;
  readonly definition: string;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly health: string;
  readonly startedAt: number | undefined;
  readonly stoppedAt: number | undefined;
  readonly stoppedReason: string | undefined;
  readonly containers: readonly { readonly name: string; readonly lastStatus: string }[];
}

/** Derives the platform's status from the records. */
export function platformStatus(
  reader: Reader,
  { overcommit, clock }: { readonly overcommit: Overcommit; readonly clock: PlatformClock },
): PlatformStatus {
  return {
    clock: clockStatus(clock),
    overcommit,
    loadBalancers: loadBalancerStatus(reader),
    networkProblems: networkStatus(reader),
    nodes: reader.list("node").map((node) => ({
      id: node.id,
      hostname: node.hostname,
      engine: node.engine,
      zone: node.zone,
      labels: node.labels ?? {},
      state: node.state,
      lastContactAt: node.lastContactAt,
      capacity: capacityOf(node),
      reserved: reservedOn(reader, node.id),
      allocatable: allocatableOn(capacityOf(node), overcommit),
    })),
    services: reader
      .list("service")
      .filter((service) => service.status !== "INACTIVE")
      .map((service) => serviceStatus(reader, service)),
    tasks: reader.list("task").map((task) => taskStatus(reader, task)),
  };
}

function serviceStatus(reader: Reader, service: ServiceRecord): ServiceStatus {
  const tasks = reader.listBy("task", "service", service.arn);
  const [event] = serviceEventsOf(reader, service.arn);
  const stopped = tasks
    .filter((task) => task.lastStatus === "STOPPED" && task.stoppedReason !== undefined)
    .toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0))[0];
  return {
    cluster: nameOf(service.clusterArn),
    name: service.name,
    status: service.status,
    desired: service.spec.desiredCount,
    running: tasks.filter((task) => task.lastStatus === "RUNNING").length,
    rolloutState: reader.listBy("taskSet", "service", service.arn).find((set) => set.status === "PRIMARY")
      ?.rollout.state,
    lastEvent: event && { at: event.createdAt, message: event.message },
    lastStop: stopped && {
      at: stopped.stoppedAt ?? stopped.createdAt,
      task: nameOf(stopped.arn),
      reason: stopped.stoppedReason ?? "",
    },
  };
}

function taskStatus(reader: Reader, task: TaskRecord): TaskStatusRow {
  const service = reader.get("service", task.serviceArn);
  return {
    id: nameOf(task.arn),
    cluster: nameOf(task.clusterArn),
    service: service?.name,
    definition: nameOf(task.taskDefinitionArn),
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    health: task.health,
    startedAt: task.startedAt,
    stoppedAt: task.stoppedAt,
    stoppedReason: task.stoppedReason,
    containers: task.containers.map(({ name, lastStatus }) => ({ name, lastStatus })),
  };
}

/** The last part of an ARN. */
function nameOf(arn: string): string {
  return arn.split("/").at(-1) ?? arn;
}
