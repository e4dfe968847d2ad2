/** One file of an object's bytes; an object has several where it was uploaded in parts. */
export interface Segment {
  readonly file: string;
  readonly size: number;
  /**
   * The hash of the stored bytes of a segment encrypted with a customer's key: damage is detected without the
   * key.
   */
  readonly sha256?: string;
  /** The salt of the frames, in hex. */
  readonly iv: string;
  /** Plaintext bytes per frame. */
  readonly frameBytes: number;
  /** The id of the store's key that encrypts the bytes; absent: the first key. */
  readonly keyId?: string;
  /** The segment is encrypted with the customer's key, not the store's. */
  readonly sealed?: true;
  /** The part's own checksum, where it was uploaded with one. */
  readonly checksum?: string;
  /** The bytes are stored beside the row that names them, not in a file: `file` is their key. */
  readonly inline?: true;
}

export interface WrittenSegment extends Segment {
  readonly md5: string;
}

/** What happens to the existing version on a write. Undefined: it is replaced. */
export type Versioning = "Enabled" | "Suspended" | undefined;

/** One version of an object, or a delete marker. */
export interface ObjectMeta {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
  /** Content-Type and the other headers that are returned as they were given. */
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  /** By the SDK's member: ChecksumCRC32 and so on, base64. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE" | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys of the tags in their order, if it differs from that of `tags`. */
  readonly tagOrder?: readonly string[] | undefined;
  readonly segments: readonly Segment[];
  /** Absent: the null version, written while the bucket was not versioned. */
  readonly versionId?: string | undefined;
  /** Increases with each version of a key. */
  readonly sequence?: number | undefined;
  readonly isDeleteMarker?: true;
  /** When a newer version replaced it. */
  readonly noncurrentSince?: number | undefined;
  readonly redirect?: string;
  readonly retention?: { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly until: number };
  readonly legalHold?: boolean;
  /** Base64 MD5 of the customer's key that encrypts its bytes. */
  readonly customerKeyMd5?: string | undefined;
  readonly kms?: KmsSealing | undefined;
  /** Absent: its owner alone. */
  readonly acl?: readonly AclGrant[] | undefined;
  /** Where its replication to other buckets stands, or that it is a replica. Absent: neither. */
  readonly replication?: "PENDING" | "COMPLETED" | "FAILED" | "REPLICA";
}

/** One grant of an ACL: to an account by its id, or to a group of S3 by its URI. */
export interface AclGrant {
  readonly grantee: string;
  readonly permission: "FULL_CONTROL" | "READ" | "WRITE" | "READ_ACP" | "WRITE_ACP";
}

/** The KMS key that encrypts the data key of an object's bytes. */
export interface KmsSealing {
  readonly algorithm: "aws:kms" | "aws:kms:dsse";
  readonly keyArn: string;
  /** The data key as KMS encrypted it, base64. */
  readonly dataKey: string;
  /** The data key is encrypted for the bucket, not for the object alone. */
  readonly bucketKey?: true;
}

export interface MultipartUpload {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys of the tags in their order, if it differs from that of `tags`. */
  readonly tagOrder?: readonly string[] | undefined;
  readonly checksumAlgorithm?: string | undefined;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE" | undefined;
  readonly redirect?: string;
  readonly retention?: ObjectMeta["retention"];
  readonly legalHold?: boolean;
  readonly customerKeyMd5?: string;
  readonly kms?: KmsSealing | undefined;
  readonly acl?: readonly AclGrant[] | undefined;
}

/** The result of a completed upload: completing it again returns the same. */
export interface CompletedUpload extends Pick<
  ObjectMeta,
  "key" | "etag" | "versionId" | "checksums" | "checksumType" | "customerKeyMd5" | "kms"
> {
  readonly id: string;
  readonly bucket: string;
  readonly at: number;
}

export interface MultipartPart {
  readonly number: number;
  readonly segment: Segment;
  readonly etag: string;
  readonly modifiedAt: number;
}

/** Details of a change besides the object, stored with it if the bucket sends events. */
export interface ChangeNote {
  readonly id: string;
  readonly at: number;
  readonly type: ChangeType;
  /** The operation, or the lifecycle rule, that made it. */
  readonly reason: string;
  readonly requestId: string | undefined;
  readonly requester: string;
  /** The unique id of the caller, and the address of the request; absent where S3 itself made the change. */
  readonly principalId?: string;
  readonly sourceAddress?: string;
}

/** `tagged` and `untagged` are of an object's tags, `moved` of its storage class. */
export type ChangeType = "created" | "deleted" | "tagged" | "untagged" | "acl" | "moved";

/** A change of a bucket that sends events. */
export interface ObjectEvent extends ChangeNote {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly sequence: number;
  readonly isDeleteMarker: boolean;
  /** Absent: STANDARD. */
  readonly storageClass?: string | undefined;
}

/** An event that waits in the outbox. Numbers increase with time, and are never used twice. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: ObjectEvent;
}

/**
 * Where a listing continues: after this version of this key; without a sequence after all of its versions.
 */
export interface VersionMarker {
  readonly key: string;
  readonly sequence: number | undefined;
}

/** Options of a change: the bucket's versioning, the details for its event, and what is replicated. */
export interface ChangeOptions {
  readonly versioning?: Versioning;
  readonly note?: ChangeNote | undefined;
  /** Whether the version is to be replicated. Undefined: none is. */
  readonly isReplicated?: ((meta: ObjectMeta) => boolean) | undefined;
}
