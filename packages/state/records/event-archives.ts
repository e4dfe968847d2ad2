import type { Placed } from "./common.ts";
import type { LogDataKey } from "./logs.ts";

/** An archive of a bus's events. The events are in the log store, under `contentGroup`. Key: the ARN. */
export interface EventArchiveRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly busArn: string;
  readonly busName: string;
  readonly description: string | undefined;
  /** The pattern's JSON text; undefined: every event. */
  readonly pattern: string | undefined;
  /** 0: events are kept for ever. */
  readonly retentionDays: number;
  /** The group of the log store; another one for an archive that is created again under the same name. */
  readonly contentGroup: string;
  /** The KMS key that new events are encrypted with, as the caller named it, and by its ARN. */
  readonly kmsKeyId?: string;
  readonly kmsKeyArn?: string;
  /** The data keys of the events, the one for new events last where the archive has a KMS key. */
  readonly dataKeys?: readonly LogDataKey[];
  readonly createdAt: number;
}

/** A replay of an archive's events to its bus. Key: the ARN. Times in ms since the epoch. */
export interface EventReplayRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly archiveArn: string;
  readonly busArn: string;
  /** Rules that the events are sent to; none: all rules of the bus. */
  readonly filterArns: readonly string[];
  /** Events whose time is in [from, until) are replayed. */
  readonly from: number;
  readonly until: number;
  readonly startedAt: number;
  /** CANCELLING ← api; else ← the replay controller. */
  readonly state: "STARTING" | "RUNNING" | "CANCELLING" | "COMPLETED" | "CANCELLED" | "FAILED";
  readonly stateReason?: string;
  readonly endedAt?: number;
  /** The event of the archive that was replayed last. ← the replay controller. */
  readonly after?: { readonly timestamp: number; readonly id: number };
  /** The time of the event that was replayed last. ← the replay controller. */
  readonly lastEventAt?: number;
}
