import { messageOf } from "@gantry/kernel";
import type {
  DatabaseEventRecord,
  DatabaseInstanceRecord,
  DatabaseParameterGroupRecord,
  DatabaseSubscriptionRecord,
  Kind,
  Reader,
  RecordOf,
  Store,
  Transaction,
} from "@gantry/state";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { publishWith } from "../sns/from-service.ts";

type SourceDeps = Pick<ApiDeps, "store" | "ids" | "vault" | "clock" | "log">;
/** What happened: the number of the event in RDS's list, its category and its sentence. */
type Happening = readonly [number: string, category: string, message: string];
interface Change<K extends Kind> {
  readonly before: RecordOf<K> | undefined;
  readonly after: RecordOf<K> | undefined;
}

/** Source: API_DescribeEvents: events of the past 14 days. */
export const EVENT_AGE_MS = 14 * 24 * 60 * 60_000;
/** Events that are kept in an account and region: what makes many of them must not fill the disk. */
const EVENTS_MAX = 5_000;
const SERVICE = { principal: "events.rds.amazonaws.com", name: "Amazon RDS" };
const GUIDE = "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html";

const observed = new WeakSet<Store>();

/**
 * Makes events of what changes, and publishes them to the topics of the subscriptions that they fit: in the
 * transaction of the change, so that none is lost or doubled. A second call for a store does nothing.
 * Source: Amazon RDS User Guide, "Amazon RDS event categories and event messages".
 */
export function databaseEventSources(deps: SourceDeps): void {
  const { store } = deps;
  if (observed.has(store)) return;
  observed.add(store);
  store.derive("databaseInstance", (tx, _key, change) => {
    const record = change.after ?? change.before;
    if (record === undefined) return;
    const source = {
      sourceType: "db-instance",
      sourceIdentifier: record.identifier,
      sourceArn: record.arn,
    } as const;
    for (const each of ofInstance(change, tx)) addEvent(tx, deps, record, { ...source, happening: each });
  });
  store.derive("databaseSnapshot", (tx, _key, change) => {
    const record = change.after ?? change.before;
    if (record === undefined) return;
    const source = {
      sourceType: "db-snapshot",
      sourceIdentifier: record.identifier,
      sourceArn: record.arn,
    } as const;
    for (const each of ofSnapshot(change)) addEvent(tx, deps, record, { ...source, happening: each });
  });
  store.derive("databaseParameterGroup", (tx, _key, change) => {
    const record = change.after;
    if (record === undefined || change.before === undefined) return;
    const source = {
      sourceType: "db-parameter-group",
      sourceIdentifier: record.name,
      sourceArn: record.arn,
    } as const;
    for (const each of ofParameters(change.before, record))
      addEvent(tx, deps, record, { ...source, happening: each });
  });
}

function ofInstance({ before, after }: Change<"databaseInstance">, reader: Reader): readonly Happening[] {
  if (before === undefined) return [];
  if (after === undefined) return [["0003", "deletion", "DB instance deleted."]];
  const happenings: Happening[] = [];
  if (before.status !== after.status) happenings.push(...ofStatus(before, after, reader));
  if (before.instanceClass !== after.instanceClass)
    happenings.push(["0014", "configuration change", "Finished applying modification to DB instance class."]);
  if (before.allocatedStorageGiB !== after.allocatedStorageGiB)
    happenings.push(["0017", "configuration change", "Finished applying modification to allocated storage."]);
  happenings.push(...ofZones(before, after));
  if (before.replicating !== after.replicating) happenings.push(...ofReplication(before, after));
  if (before.parameterGroupName !== after.parameterGroupName)
    happenings.push(["0092", "configuration change", "Finished updating DB parameter group."]);
  return happenings;
}

function ofStatus(
  before: DatabaseInstanceRecord,
  after: DatabaseInstanceRecord,
  reader: Reader,
): readonly Happening[] {
  if (after.status === "stopped") return [["0087", "notification", "DB instance stopped."]];
  if (after.status !== "available") return [];
  switch (before.status) {
    case "creating":
      return [...restored(after, reader), ["0005", "creation", "DB instance created."]];
    case "rebooting":
      return [["0006", "availability", "DB instance restarted."]];
    case "starting":
      return [["0088", "notification", "DB instance started."]];
    case "resetting-master-credentials":
      return [["0016", "configuration change", "Reset master credentials."]];
    default:
      return [];
  }
}

function ofZones(before: DatabaseInstanceRecord, after: DatabaseInstanceRecord): readonly Happening[] {
  const happenings: Happening[] = [];
  const add = (number: string, message: string): void => {
    happenings.push([number, "configuration change", message]);
  };
  if (!before.multiAz && after.multiAz)
    add("0024", "Applying modification to convert to a Multi-AZ DB instance.");
  if (before.conversion === "pending" && after.conversion === "done")
    add("0025", "Finished applying modification to convert to a Multi-AZ DB instance.");
  if (before.multiAz && !after.multiAz) {
    add("0030", "Applying modification to convert to a standard (Single-AZ) DB instance.");
    add("0029", "Finished applying modification to convert to a standard (Single-AZ) DB instance.");
  }
  const [had, has] = [before, after].map(({ failingOver }) => failingOver === true);
  if (has && !had) happenings.push(["0013", "failover", "Multi-AZ instance failover started."]);
  if (had && !has) happenings.push(["0049", "failover", "Multi-AZ instance failover completed."]);
  return happenings;
}

function ofReplication(before: DatabaseInstanceRecord, after: DatabaseInstanceRecord): readonly Happening[] {
  if (after.replicating === false)
    return [["0045", "read replica", "Replication on the read replica was interrupted."]];
  return before.replicating === false
    ? [["0046", "read replica", "Replication for the Read Replica resumed."]]
    : [];
}

function restored({ restoredFrom, replicaOf }: DatabaseInstanceRecord, reader: Reader): readonly Happening[] {
  if (restoredFrom === undefined || replicaOf !== undefined) return [];
  const [snapshot] = reader.listBy("databaseSnapshot", "id", restoredFrom);
  if (snapshot?.type === "replica")
    return [["0019", "restoration", `Restored from DB instance ${snapshot.instance.identifier}.`]];
  const name = snapshot?.identifier ?? restoredFrom;
  return [["0043", "restoration", `Restored from snapshot ${name}.`]];
}

function ofSnapshot({ before, after }: Change<"databaseSnapshot">): readonly Happening[] {
  const { type } = after ?? before ?? { type: "manual" };
  if (type === "replica") return [];
  const word = type === "manual" ? "manual" : "automated";
  if (before === undefined)
    return [[word === "manual" ? "0040" : "0090", "creation", `Creating ${word} snapshot.`]];
  if (after === undefined)
    return [
      ["0041", "deletion", word === "manual" ? "User snapshot deleted." : "Automated snapshot deleted."],
    ];
  if (before.completedAt !== undefined || after.completedAt === undefined) return [];
  return [
    word === "manual"
      ? ["0042", "creation", "Manual snapshot created."]
      : ["0091", "creation", "Automated snapshot created."],
  ];
}

function ofParameters(
  before: DatabaseParameterGroupRecord,
  after: DatabaseParameterGroupRecord,
): readonly Happening[] {
  return Object.entries(after.parameters).flatMap(([name, { value, applyMethod }]): readonly Happening[] =>
    before.parameters[name]?.value === value
      ? []
      : [
          [
            "0037",
            "configuration change",
            `Updated parameter ${name} to ${value} with apply method ${applyMethod}`,
          ],
        ],
  );
}

function addEvent(
  tx: Transaction,
  deps: SourceDeps,
  { account, region }: Place,
  of: Pick<DatabaseEventRecord, "sourceType" | "sourceIdentifier" | "sourceArn"> & {
    readonly happening: Happening;
  },
): void {
  const { happening, ...source } = of;
  const [number, category, message] = happening;
  const at = deps.clock.now();
  const event: DatabaseEventRecord = {
    ...{ ...source, account, region, at, message, categories: [category] },
    id: `${String(at).padStart(15, "0")}-${String(tx.next("databaseEvent")).padStart(12, "0")}`,
  };
  dropOld(tx, event);
  tx.put("databaseEvent", event.id, event);
  for (const subscription of tx.listBy("databaseSubscription", "place", `${account}/${region}`))
    if (wants(subscription, event)) publish(tx, deps, { subscription, event, number });
}

/** Events that are too old, and the oldest of too many. */
function dropOld(tx: Transaction, { account, region, at }: DatabaseEventRecord): void {
  const keys = tx.keysBy("databaseEvent", "place", `${account}/${region}`).toSorted();
  for (const [index, key] of keys.entries()) {
    if (keys.length - index < EVENTS_MAX && Number(key.slice(0, 15)) > at - EVENT_AGE_MS) return;
    tx.delete("databaseEvent", key);
  }
}

/** Whether a subscription is for an event. */
export function wants(
  { enabled, sourceType, sourceIds, categories }: DatabaseSubscriptionRecord,
  event: DatabaseEventRecord,
): boolean {
  if (!enabled || (sourceType !== undefined && sourceType !== event.sourceType)) return false;
  if (sourceIds.length > 0 && !sourceIds.includes(event.sourceIdentifier)) return false;
  return categories.length === 0 || event.categories.some((each) => categories.includes(each));
}

/** Source: Amazon RDS User Guide, "Working with Amazon RDS event notification", example. */
function publish(
  tx: Transaction,
  deps: SourceDeps,
  {
    subscription,
    event,
    number,
  }: {
    readonly subscription: DatabaseSubscriptionRecord;
    readonly event: DatabaseEventRecord;
    readonly number: string;
  },
): void {
  const content = {
    "Event Source": event.sourceType,
    "Event Time": new Date(event.at).toISOString().replace("T", " ").replace("Z", ""),
    "Source ID": event.sourceIdentifier,
    "Source ARN": event.sourceArn,
    "Event ID": `${GUIDE}#RDS-EVENT-${number}`,
    "Event Message": event.message,
  };
  try {
    publishWith(tx, deps, {
      ...{ topicArn: subscription.topicArn, service: SERVICE, source: subscription },
      ...{ subject: "RDS Notification Message", message: JSON.stringify(content) },
    });
  } catch (thrown) {
    deps.log.warn("An event of RDS was not published", {
      ...{ subscription: subscription.arn, topic: subscription.topicArn, reason: messageOf(thrown) },
    });
  }
}
