/** A message of a queue. The content is opaque to the store: the caller encrypts it. Times are ms since the epoch. */
export interface QueueMessage {
  /** The order in which messages were written. */
  readonly sequence: number;
  readonly id: string;
  readonly content: string;
  /** What encrypted the content. */
  readonly keyId: string;
  readonly groupId: string | undefined;
  readonly sentAt: number;
  /** When it can be received next. */
  readonly visibleAt: number;
  readonly firstReceivedAt: number | undefined;
  /** How often it was received: from all queues, and from this one. */
  readonly receiveCount: number;
  readonly ownReceiveCount: number;
  /** Identifies the last receipt; undefined before the first one. */
  readonly receipt: string | undefined;
  /** The ARN of the queue whose redrive policy moved it here. */
  readonly movedFrom: string | undefined;
}

export interface NewQueueMessage {
  readonly id: string;
  readonly content: string;
  readonly keyId: string;
  readonly groupId: string | undefined;
  readonly visibleAt: number;
  /** A message that repeats one of the last five minutes by this value is not written. */
  readonly deduplicateBy: string | undefined;
}

/** The tables of queues.db. A sequence is never used again, so that an old receipt cannot name a new message. */
export const QUEUE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS message (sequence INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, key_id TEXT NOT NULL, group_id TEXT, sent_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, first_received_at INTEGER, receive_count INTEGER NOT NULL DEFAULT 0, own_receive_count INTEGER NOT NULL DEFAULT 0, receipt TEXT, moved_from TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS message_by_visibility ON message (queue, visible_at, sequence);
  CREATE INDEX IF NOT EXISTS message_by_age ON message (queue, sent_at);
  CREATE INDEX IF NOT EXISTS message_by_group ON message (queue, group_id, visible_at, sequence) WHERE group_id IS NOT NULL;
  CREATE TABLE IF NOT EXISTS deduplication (queue TEXT NOT NULL, value TEXT NOT NULL, message_id TEXT NOT NULL, sequence INTEGER NOT NULL, sent_at INTEGER NOT NULL, PRIMARY KEY (queue, value)) STRICT;
  CREATE INDEX IF NOT EXISTS deduplication_by_age ON deduplication (sent_at);
`;

export interface MessageRow {
  readonly sequence: number;
  readonly id: string;
  readonly content: string;
  readonly key_id: string;
  readonly group_id: string | null;
  readonly sent_at: number;
  readonly visible_at: number;
  readonly first_received_at: number | null;
  readonly receive_count: number;
  readonly own_receive_count: number;
  readonly receipt: string | null;
  readonly moved_from: string | null;
}

export function toMessage(row: MessageRow): QueueMessage {
  return {
    sequence: row.sequence,
    id: row.id,
    content: row.content,
    keyId: row.key_id,
    groupId: row.group_id ?? undefined,
    sentAt: row.sent_at,
    visibleAt: row.visible_at,
    firstReceivedAt: row.first_received_at ?? undefined,
    receiveCount: row.receive_count,
    ownReceiveCount: row.own_receive_count,
    receipt: row.receipt ?? undefined,
    movedFrom: row.moved_from ?? undefined,
  };
}
