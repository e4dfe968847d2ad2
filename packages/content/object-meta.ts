/** One file of an object's bytes; an object has several where it was uploaded in parts. */
export interface Segment {
  readonly file: string;
  readonly size: number;
  /** The hash of the stored bytes of a segment sealed with a customer's key: damage is detected without the key. */
  readonly sha256?: string;
  /** The salt of the frames, in hex. */
  readonly iv: string;
  /** How many plain bytes each frame holds. */
  readonly frameBytes: number;
  /** Which of the store's keys encrypts its bytes; absent: the first one. */
  readonly keyId?: string;
  /** The key is the customer's, not the store's. */
  readonly sealed?: true;
  /** The part's own checksum, where it was uploaded with one. */
  readonly checksum?: string;
  /** The bytes are few and lie beside the row that names them, not in a file: `file` is their key. */
  readonly inline?: true;
}

export interface WrittenSegment extends Segment {
  readonly md5: string;
}

/** What becomes of the version that a write meets. Undefined: it is replaced. */
export type Versioning = "Enabled" | "Suspended" | undefined;

/** One version of an object, or the marker that it was deleted. */
export interface ObjectMeta {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
  /** Content-Type and the other headers that come back as they were given. */
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  /** By the SDK's member: ChecksumCRC32 and so on, base64. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE" | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys of the tags in their order, where it is not that of `tags`. */
  readonly tagOrder?: readonly string[] | undefined;
  readonly segments: readonly Segment[];
  /** Absent: the null version, written while the bucket kept none. */
  readonly versionId?: string | undefined;
  /** Rises with each version of a key. */
  readonly sequence?: number;
  readonly isDeleteMarker?: true;
  /** When another version took its place. */
  readonly noncurrentSince?: number;
  readonly redirect?: string;
  readonly retention?: { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly until: number };
  readonly legalHold?: boolean;
  /** Base64 MD5 of the customer's key that its bytes are sealed with. */
  readonly customerKeyMd5?: string | undefined;
}

export interface MultipartUpload {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys of the tags in their order, where it is not that of `tags`. */
  readonly tagOrder?: readonly string[] | undefined;
  readonly checksumAlgorithm?: string | undefined;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE" | undefined;
  readonly redirect?: string;
  readonly retention?: ObjectMeta["retention"];
  readonly legalHold?: boolean;
  readonly customerKeyMd5?: string;
}

/** What an upload was completed to: completing it again answers the same. */
export interface CompletedUpload extends Pick<
  ObjectMeta,
  "key" | "etag" | "versionId" | "checksums" | "checksumType" | "customerKeyMd5"
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

/** What is known of a change besides the object: kept with it where the bucket tells of its changes. */
export interface ChangeNote {
  readonly id: string;
  readonly at: number;
  readonly type: "created" | "deleted";
  /** The operation, or the rule, that made it. */
  readonly reason: string;
  readonly requestId: string | undefined;
  readonly requester: string;
}

/** A change of a bucket that was asked to tell of them. */
export interface ObjectEvent extends ChangeNote {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly sequence: number;
  readonly isDeleteMarker: boolean;
}

/** Where a listing goes on: after this version of this key; without a sequence after all of them. */
export interface VersionMarker {
  readonly key: string;
  readonly sequence: number | undefined;
}

/** What a change is given besides the object: how the bucket keeps versions, and what it tells of the change. */
export interface ChangeOptions {
  readonly versioning?: Versioning;
  readonly note?: ChangeNote | undefined;
}
