import type { ObjectMeta } from "@gantry/content";
import type { BucketRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";

const DAY_MS = 86_400_000;

interface LockInput {
  ObjectLockMode?: string | undefined;
  ObjectLockRetainUntilDate?: Date | undefined;
  ObjectLockLegalHoldStatus?: string | undefined;
}

/**
 * Returns the retention and the legal hold of a new version: those of the request, else the bucket's default.
 * Source: "How S3 Object Lock works".
 */
export function lockOf(
  bucket: BucketRecord,
  input: LockInput,
  now: number,
): Pick<ObjectMeta, "retention" | "legalHold"> {
  const asked =
    input.ObjectLockMode !== undefined ||
    input.ObjectLockRetainUntilDate !== undefined ||
    input.ObjectLockLegalHoldStatus !== undefined;
  if (asked) requireLock(bucket);
  const retention =
    retentionOf({ Mode: input.ObjectLockMode, RetainUntilDate: input.ObjectLockRetainUntilDate }, now) ??
    defaultRetention(bucket, now);
  return {
    ...(retention === undefined ? {} : { retention }),
    ...(input.ObjectLockLegalHoldStatus === "ON" ? { legalHold: true } : {}),
  };
}

/** A retention as a request gives it, checked; undefined where it gives none. */
export function retentionOf(
  given: { Mode?: string | undefined; RetainUntilDate?: Date | undefined },
  now: number,
): ObjectMeta["retention"] {
  const { Mode: mode, RetainUntilDate: until } = given;
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined)
    throw new ApiError(
      "InvalidArgument",
      "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
      { status: 400 },
    );
  if (mode !== "GOVERNANCE" && mode !== "COMPLIANCE")
    throw new ApiError("InvalidArgument", "Unknown wormMode directive.", { status: 400 });
  if (until.getTime() <= now)
    throw new ApiError("InvalidArgument", "The retain until date must be in the future!", { status: 400 });
  return { mode, until: until.getTime() };
}

function defaultRetention(bucket: BucketRecord, now: number): ObjectMeta["retention"] {
  const standard = bucket.objectLock?.defaultRetention;
  return standard === undefined ? undefined : { mode: standard.mode, until: now + standard.days * DAY_MS };
}

/** Errors: InvalidRequest where the bucket was made without object lock. */
export function requireLock(bucket: BucketRecord): void {
  if (bucket.objectLock === undefined)
    throw new ApiError("InvalidRequest", "Bucket is missing Object Lock Configuration", { status: 400 });
}

/** Whether a version may go or its retention be shortened now. Errors: AccessDenied while it is held. */
export function checkUnlocked(
  meta: ObjectMeta,
  options: { now: number; bypass: boolean | undefined; context: RequestContext; arn: string },
): void {
  const denied = new ApiError("AccessDenied", "Access Denied because object protected by object lock.", {
    status: 403,
  });
  if (meta.legalHold === true) throw denied;
  if (meta.retention === undefined || meta.retention.until <= options.now) return;
  if (meta.retention.mode === "COMPLIANCE" || options.bypass !== true) throw denied;
  options.context.authorize("s3:BypassGovernanceRetention", options.arn);
}

/** What an answer says of a version's lock. */
export function presentLock(meta: Pick<ObjectMeta, "retention" | "legalHold">) {
  return {
    ObjectLockMode: meta.retention?.mode,
    ObjectLockRetainUntilDate: meta.retention === undefined ? undefined : new Date(meta.retention.until),
    ObjectLockLegalHoldStatus:
      meta.legalHold === undefined ? undefined : meta.legalHold ? ("ON" as const) : ("OFF" as const),
  };
}
