import type { ChangeType, NumberedEvent } from "@gantry/content";
import type { BucketRecord, EventContent } from "@gantry/state";

/** Numbers as text that sorts as they do. Source: S3 User Guide, "Event message structure", sequencer. */
const SEQUENCER_DIGITS = 16;
/** Versions of the message by event type. Source: as above. */
const LATER_TYPES = /^(?:Lifecycle|ObjectTagging|ObjectAcl)/;

const CREATED: Readonly<Record<string, string>> = {
  PutObject: "Put",
  PostObject: "Post",
  CopyObject: "Copy",
  CompleteMultipartUpload: "CompleteMultipartUpload",
};

/** The type of an event, without `s3:`. Source: S3 User Guide, "Supported event types". */
export function eventNameOf({ event: { type, reason, isDeleteMarker } }: NumberedEvent): string {
  const isByRule = reason === "Lifecycle Expiration";
  switch (type) {
    case "created":
      return `ObjectCreated:${CREATED[reason] ?? "Put"}`;
    case "deleted":
      return `${isByRule ? "LifecycleExpiration" : "ObjectRemoved"}:${isDeleteMarker ? "DeleteMarkerCreated" : "Delete"}`;
    case "tagged":
      return "ObjectTagging:Put";
    case "untagged":
      return "ObjectTagging:Delete";
    case "acl":
      return "ObjectAcl:Put";
    case "moved":
      return "LifecycleTransition";
  }
}

/** The message that a queue or a topic gets. Source: S3 User Guide, "Event message structure". */
export function notificationMessage(
  numbered: NumberedEvent,
  { bucket, configurationId }: { readonly bucket: BucketRecord; readonly configurationId: string },
): string {
  const { event } = numbered;
  const eventName = eventNameOf(numbered);
  const record = {
    eventVersion: LATER_TYPES.test(eventName) ? "2.3" : "2.1",
    eventSource: "aws:s3",
    awsRegion: bucket.region,
    eventTime: new Date(event.at).toISOString(),
    eventName,
    userIdentity: { principalId: event.principalId ?? event.requester },
    requestParameters: { sourceIPAddress: event.sourceAddress ?? event.requester },
    responseElements: { "x-amz-request-id": event.requestId ?? event.id, "x-amz-id-2": event.id },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId,
      bucket: {
        name: bucket.name,
        ownerIdentity: { principalId: bucket.account },
        arn: `arn:aws:s3:::${bucket.name}`,
      },
      object: {
        key: formEncoded(event.key),
        ...(event.type === "deleted" ? {} : { size: event.size, eTag: event.etag }),
        ...(event.versionId === undefined ? {} : { versionId: event.versionId }),
        sequencer: sequencerOf(numbered),
      },
    },
  };
  return JSON.stringify({ Records: [record] });
}

const DETAIL_TYPES: Readonly<Record<ChangeType, string>> = {
  created: "Object Created",
  deleted: "Object Deleted",
  tagged: "Object Tags Added",
  untagged: "Object Tags Deleted",
  acl: "Object ACL Updated",
  moved: "Object Storage Class Changed",
};

/** The event that EventBridge gets. Source: S3 User Guide, "EventBridge event message structure". */
export function bridgeEvent(
  numbered: NumberedEvent,
  { name, account, region }: Pick<BucketRecord, "name" | "account" | "region">,
): EventContent {
  const { event } = numbered;
  const { type, requestId, requester, sourceAddress } = event;
  const deletion = event.isDeleteMarker ? "Delete Marker Created" : "Permanently Deleted";
  return {
    ...{ account, region, time: event.at, source: "aws.s3", detailType: DETAIL_TYPES[type] },
    resources: [`arn:aws:s3:::${name}`],
    detail: {
      version: "0",
      bucket: { name },
      object: {
        key: event.key,
        ...(type === "created" ? { size: event.size } : {}),
        ...(type === "deleted" ? {} : { etag: event.etag }),
        "version-id": event.versionId,
        sequencer: type === "created" || type === "deleted" ? sequencerOf(numbered) : undefined,
      },
      "request-id": requestId,
      requester,
      "source-ip-address": sourceAddress,
      ...(event.reason === "" || type === "moved" ? {} : { reason: event.reason }),
      ...(type === "deleted" ? { "deletion-type": deletion } : {}),
      ...(type === "moved" ? { "destination-storage-class": event.storageClass ?? "STANDARD" } : {}),
    },
  };
}

function sequencerOf({ number }: NumberedEvent): string {
  return number.toString(16).toUpperCase().padStart(SEQUENCER_DIGITS, "0");
}

/** Keys are encoded as in forms: a space is `+`. Source: as `notificationMessage`. */
function formEncoded(key: string): string {
  return new URLSearchParams({ key }).toString().slice("key=".length).replaceAll("%2F", "/");
}
