import type { Ids, Logger, Clock } from "@gantry/kernel";
import {
  recordEvents,
  type AlarmRecord,
  type EventContent,
  type ImageRecord,
  type Kind,
  type Placed,
  type Reader,
  type RecordOf,
  type ServiceDeploymentRecord,
  type ServiceEventRecord,
  type Store,
  type TaskRecord,
} from "@gantry/state";
import { presentTask } from "../ecs/present-task.ts";

type Content = Omit<EventContent, "account" | "region" | "time">;
interface Change<K extends Kind> {
  readonly before: RecordOf<K> | undefined;
  readonly after: RecordOf<K> | undefined;
}
interface SourceDeps {
  readonly store: Store;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Makes events of what changes: each in the transaction of its change, so that it is neither lost nor
 * doubled. Where no rule of the default bus has a pattern and it has no archive, a change costs two look-ups.
 */
export function eventSources({ store, ids, clock, log }: SourceDeps): void {
  const source = <K extends Kind>(
    kind: K,
    placeOf: (record: RecordOf<K>, reader: Reader) => Placed | undefined,
    contentsOf: (change: Change<K>, reader: Reader) => readonly Content[],
  ): void =>
    store.derive(kind, (tx, _key, change) => {
      const record = change.after ?? change.before;
      const place = record === undefined ? undefined : placeOf(record, tx);
      if (place === undefined) return;
      const { account, region } = place;
      const now = clock.now();
      const compose = (): readonly EventContent[] =>
        contentsOf(change, tx).map((content) => ({ ...content, account, region, time: now }));
      const dropped = recordEvents(tx, place, compose, { ids, now });
      if (dropped > 0) log.warn("Events were dropped: too many wait for their targets", { account, dropped });
    });
  const own = (record: Placed): Placed => record;
  source("task", own, taskEvents);
  source("serviceEvent", own, ({ before, after }, reader) =>
    before === undefined && after !== undefined ? serviceActions(after, reader) : [],
  );
  source("serviceDeployment", own, ({ before, after }) =>
    after === undefined || before?.status === after.status ? [] : deploymentEvents(after),
  );
  source("alarm", own, ({ before, after }) =>
    before === undefined || after === undefined || before.stateValue === after.stateValue
      ? []
      : [alarmEvent(before, after)],
  );
  source("image", (image, reader) => reader.get("repository", image.repositoryArn), imageEvents);
}

/** Source: Amazon ECS Developer Guide, "Amazon ECS task state change events". */
function taskEvents({ before, after }: Change<"task">, reader: Reader): readonly Content[] {
  if (after === undefined || (before !== undefined && !isOtherState(before, after))) return [];
  const { tags: _tags, ...task } = presentTask(after, reader, []);
  return [
    {
      source: "aws.ecs",
      detailType: "ECS Task State Change",
      resources: [after.arn],
      detail: { ...task, updatedAt: latestTime(after) },
    },
  ];
}

function isOtherState(before: TaskRecord, after: TaskRecord): boolean {
  return (
    before.lastStatus !== after.lastStatus ||
    before.desiredStatus !== after.desiredStatus ||
    before.containers.some(({ lastStatus }, index) => lastStatus !== after.containers[index]?.lastStatus)
  );
}

function latestTime(task: TaskRecord): string {
  const times = [task.createdAt, task.connectivityAt, task.startedAt, task.stoppingAt, task.stoppedAt];
  return new Date(Math.max(...times.map((time) => time ?? 0))).toISOString();
}

/** Source: Amazon ECS Developer Guide, "Amazon ECS service action events"; the messages are those of service events. */
const ACTIONS: readonly (readonly [message: RegExp, eventType: string, eventName: string])[] = [
  [/has reached a steady state/, "INFO", "SERVICE_STEADY_STATE"],
  [/was unable to place a task/, "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE"],
  [/is unable to consistently start tasks/, "WARN", "SERVICE_TASK_START_IMPAIRED"],
];

function serviceActions(event: ServiceEventRecord, reader: Reader): readonly Content[] {
  const known = ACTIONS.find(([message]) => message.test(event.message));
  if (known === undefined) return [];
  const [, eventType, eventName] = known;
  return [
    {
      source: "aws.ecs",
      detailType: "ECS Service Action",
      resources: [event.serviceArn],
      detail: {
        eventType,
        eventName,
        clusterArn: reader.get("service", event.serviceArn)?.clusterArn,
        createdAt: new Date(event.createdAt).toISOString(),
        ...(eventType === "INFO" ? {} : { reason: event.message }),
      },
    },
  ];
}

/** Source: Amazon ECS Developer Guide, "Amazon ECS service deployment state change events". */
const DEPLOYMENT_EVENTS: Readonly<
  Partial<Record<ServiceDeploymentRecord["status"], readonly [string, string]>>
> = {
  IN_PROGRESS: ["INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"],
  SUCCESSFUL: ["INFO", "SERVICE_DEPLOYMENT_COMPLETED"],
  ROLLBACK_SUCCESSFUL: ["ERROR", "SERVICE_DEPLOYMENT_FAILED"],
  ROLLBACK_FAILED: ["ERROR", "SERVICE_DEPLOYMENT_FAILED"],
  STOPPED: ["ERROR", "SERVICE_DEPLOYMENT_FAILED"],
};

function deploymentEvents(deployment: ServiceDeploymentRecord): readonly Content[] {
  const [eventType, eventName] = DEPLOYMENT_EVENTS[deployment.status] ?? [];
  if (eventType === undefined) return [];
  return [
    {
      source: "aws.ecs",
      detailType: "ECS Deployment State Change",
      resources: [deployment.serviceArn],
      detail: {
        eventType,
        eventName,
        deploymentId: deployment.taskSetId,
        updatedAt: new Date(deployment.updatedAt).toISOString(),
        reason:
          deployment.statusReason ??
          `ECS deployment ${deployment.taskSetId} ${WORDS[eventName ?? ""] ?? ""}.`,
      },
    },
  ];
}

const WORDS: Readonly<Record<string, string>> = {
  SERVICE_DEPLOYMENT_IN_PROGRESS: "in progress",
  SERVICE_DEPLOYMENT_COMPLETED: "completed",
  SERVICE_DEPLOYMENT_FAILED: "failed",
};

/** Source: Amazon CloudWatch User Guide, "Alarm events and EventBridge". */
function alarmEvent(before: AlarmRecord, after: AlarmRecord): Content {
  const stateOf = (alarm: AlarmRecord): object => ({
    value: alarm.stateValue,
    reason: alarm.stateReason,
    reasonData: alarm.stateReasonData,
    timestamp: new Date(alarm.stateUpdatedAt).toISOString().replace("Z", "+0000"),
  });
  return {
    source: "aws.cloudwatch",
    detailType: "CloudWatch Alarm State Change",
    resources: [after.arn],
    detail: {
      alarmName: after.name,
      state: stateOf(after),
      previousState: stateOf(before),
      configuration: { description: after.description, ...configurationOf(after) },
    },
  };
}

function configurationOf({ spec, ...alarm }: AlarmRecord): object {
  if (spec.type === "composite")
    return { alarmRule: spec.rule, actionsSuppressor: spec.suppressor?.alarm, alarmName: alarm.name };
  if (spec.source.type === "metric") {
    const { namespace, metricName: name, dimensions, statistic: stat, period, unit } = spec.source.stat;
    const metricStat = { metric: { namespace, name, dimensions }, period, stat, unit };
    return { metrics: [{ id: "m1", metricStat, returnData: true }] };
  }
  return {
    metrics: spec.source.queries.map(({ id, source, label, returnData }) => ({
      id,
      label,
      returnData,
      ...(source.type === "metric"
        ? {
            metricStat: {
              metric: {
                namespace: source.stat.namespace,
                name: source.stat.metricName,
                dimensions: source.stat.dimensions,
              },
              period: source.stat.period,
              stat: source.stat.statistic,
            },
          }
        : { expression: source.expression }),
    })),
  };
}

/**
 * One event for each tag that an image gets, and for each that goes with it.
 * Source: Amazon ECR User Guide, "Amazon ECR events".
 */
function imageEvents({ before, after }: Change<"image">, reader: Reader): readonly Content[] {
  const event = (image: ImageRecord, type: string, tag: string | undefined): Content => ({
    source: "aws.ecr",
    detailType: "ECR Image Action",
    resources: [],
    detail: {
      result: "SUCCESS",
      "repository-name": reader.get("repository", image.repositoryArn)?.name,
      "image-digest": image.digest,
      "action-type": type,
      ...(tag === undefined ? {} : { "image-tag": tag }),
      ...(type === "PUSH" ? { "manifest-media-type": image.mediaType } : {}),
      ...(type === "PUSH" && image.artifactType !== undefined
        ? { "artifact-media-type": image.artifactType }
        : {}),
    },
  });
  if (after !== undefined) {
    const added = after.imageTags.filter((tag) => before?.imageTags.includes(tag) !== true);
    if (added.length > 0) return added.map((tag) => event(after, "PUSH", tag));
    return before === undefined ? [event(after, "PUSH", undefined)] : [];
  }
  if (before === undefined) return [];
  return before.imageTags.length === 0
    ? [event(before, "DELETE", undefined)]
    : before.imageTags.map((tag) => event(before, "DELETE", tag));
}
