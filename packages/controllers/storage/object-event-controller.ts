import type { NumberedEvent, ObjectStore } from "@gantry/content";
import { realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  addDelivery,
  DELIVERIES_MAX,
  notificationTarget,
  recordEvents,
  wantsEvent,
  type BucketRecord,
  type Transaction,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { bridgeEvent, eventNameOf, notificationMessage } from "./object-events.ts";

const OUTBOX = "outbox";
const BATCH = 100;
/** How many deliveries of an account may be left when another event is taken: an event has several targets. */
const ROOM = 500;
const RETRY_MS = 1_000;
/** As long as a delivery is tried. Earlier versions stored events and sent none: those are not sent now. */
const AGE_MAX_MS = 24 * 60 * 60_000;

/**
 * Passes the changes of buckets on: from the outbox, which has each with the change itself, to deliveries for queues,
 * topics and targets of EventBridge. An event leaves the outbox after its deliveries are stored, so that a crash
 * between repeats it. Where too many deliveries wait, events stay in the outbox.
 */
export function objectEventController(deps: ControllerDeps & { readonly objects: ObjectStore }): Reconciler {
  const { store, objects } = deps;
  return {
    name: "object-events",
    concurrencyMax: 1,
    keys: () => [OUTBOX],
    watch: (changed) => objects.index.events.listen(() => changed(OUTBOX)),
    async reconcile() {
      for (;;) {
        const events = objects.index.events.oldest(BATCH);
        if (events.length === 0) return undefined;
        const taken = store.transact((tx) => takeEvents(tx, deps, events));
        await store.settled();
        if (taken !== undefined) objects.index.events.forget(taken);
        if (taken !== events.at(-1)?.number) return RETRY_MS;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/** Makes deliveries of events until too many wait. Returns the number of the last event that was taken. */
function takeEvents(
  tx: Transaction,
  deps: ControllerDeps,
  events: readonly NumberedEvent[],
): number | undefined {
  // S3 notes the machine's time, whatever the platform's clock is moved to.
  const oldest = realTimeOf(deps.clock).clock.now() - AGE_MAX_MS;
  let taken: number | undefined;
  for (const numbered of events) {
    const { event } = numbered;
    // A bucket that was deleted has no deliveries.
    const bucket = event.at < oldest ? undefined : tx.get("bucket", event.bucket);
    if (bucket !== undefined) {
      const waiting = tx.countBy("eventDelivery", "account", bucket.account);
      if (waiting > DELIVERIES_MAX - ROOM) return taken;
      deliver(tx, deps, { numbered, bucket });
    }
    taken = numbered.number;
  }
  return taken;
}

function deliver(
  tx: Transaction,
  { ids, clock }: ControllerDeps,
  { numbered, bucket }: { readonly numbered: NumberedEvent; readonly bucket: BucketRecord },
): void {
  const { event, number } = numbered;
  const now = clock.now();
  if (bucket.tellsEvents === true)
    recordEvents(tx, bucket, () => [bridgeEvent(numbered, bucket)], { ids, now });
  const eventName = eventNameOf(numbered);
  for (const [index, notification] of (bucket.notifications ?? []).entries())
    if (wantsEvent(notification, eventName, event.key))
      addDelivery(tx, {
        // The same after a crash, so that what still waits is not doubled.
        id: `s3-${number}-${index}`,
        place: bucket,
        sourceArn: `arn:aws:s3:::${bucket.name}`,
        service: "s3",
        target: notificationTarget(notification),
        payload: notificationMessage(numbered, { bucket, configurationId: notification.id }),
        ids,
        now,
      });
}
