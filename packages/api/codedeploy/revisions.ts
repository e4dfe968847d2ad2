import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-codedeploy";
import type { ObjectStore } from "@gantry/content";
import {
  hasEnded,
  type CodeDeployRevision,
  type CodeDeployRevisionRecord,
  type Reader,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { findAsCaller } from "../s3/read-as-caller.ts";
import { ApiError } from "./api-error.ts";
import { findApplication, invalidToken } from "./lookups.ts";

export interface CodeDeployDeps extends ApiDeps {
  readonly objects: ObjectStore;
}

const PAGE = 100;
const BATCH_MAX = 25;
/** An AppSpec has a few hundred bytes. */
const APP_SPEC_BYTES_MAX = 256 * 1024;

/** Revisions of applications. Source: API_RegisterApplicationRevision and following. */
export function revisionOperations(deps: CodeDeployDeps) {
  return {
    RegisterApplicationRevision: (input, context) => registerApplicationRevision(deps, input, context),
    GetApplicationRevision: (input, context) => getApplicationRevision(deps, input, context),
    ListApplicationRevisions: (input, context) => listApplicationRevisions(deps, input, context),
    BatchGetApplicationRevisions: (input, context) => batchGetApplicationRevisions(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: those of `findApplication` and `toRevision`. */
function registerApplicationRevision(
  { store, clock }: CodeDeployDeps,
  input: sdk.RegisterApplicationRevisionInput,
  place: Place,
): object {
  const revision = toRevision(input.revision);
  store.transact((tx) => {
    const application = findApplication(tx, place, input.applicationName);
    rememberRevision(tx, application.arn, revision, {
      place,
      now: clock.now(),
      isUsed: false,
      description: input.description,
    });
  });
  return {};
}

/** Errors: those of `findApplication` and `toRevision`, RevisionDoesNotExistException. */
function getApplicationRevision(
  { store }: CodeDeployDeps,
  input: sdk.GetApplicationRevisionInput,
  place: Place,
): sdk.GetApplicationRevisionOutput {
  const application = findApplication(store, place, input.applicationName);
  const found = store.get("codeDeployRevision", keyOf(application.arn, toRevision(input.revision)));
  if (found === undefined)
    throw new ApiError(
      "RevisionDoesNotExistException",
      "The named revision does not exist with the user or Amazon Web Services account.",
    );
  return { applicationName: application.name, ...presentInfo(store, found) };
}

/** Errors: those of `findApplication`. */
function listApplicationRevisions(
  { store }: CodeDeployDeps,
  input: sdk.ListApplicationRevisionsInput,
  place: Place,
): sdk.ListApplicationRevisionsOutput {
  const application = findApplication(store, place, input.applicationName);
  const { s3Bucket, s3KeyPrefix = "", deployed = "ignore", sortBy = "registerTime" } = input;
  const time = (each: CodeDeployRevisionRecord): number =>
    (sortBy === "registerTime"
      ? each.registeredAt
      : sortBy === "firstUsedTime"
        ? each.firstUsedAt
        : each.lastUsedAt) ?? 0;
  const direction = input.sortOrder === "ascending" ? 1 : -1;
  const all = store
    .listBy("codeDeployRevision", "application", application.arn)
    .filter(
      ({ revision, firstUsedAt }) =>
        (s3Bucket === undefined ||
          (revision.s3?.bucket === s3Bucket && revision.s3.key.startsWith(s3KeyPrefix))) &&
        (deployed === "ignore" || (deployed === "include") === (firstUsedAt !== undefined)),
    )
    .toSorted((a, b) => direction * (time(a) - time(b)))
    .map((each, index) => ({ each, place: String(index).padStart(9, "0") }));
  const { items, nextToken } = page(all, (item) => item.place, {
    token: input.nextToken,
    size: PAGE,
    invalidToken,
  });
  return { revisions: items.map(({ each }) => presentRevision(each.revision)), nextToken };
}

/** Errors: those of `findApplication` and `toRevision`, BatchLimitExceededException. */
function batchGetApplicationRevisions(
  { store }: CodeDeployDeps,
  input: sdk.BatchGetApplicationRevisionsInput,
  place: Place,
): sdk.BatchGetApplicationRevisionsOutput {
  const application = findApplication(store, place, input.applicationName);
  const asked = input.revisions ?? [];
  if (asked.length > BATCH_MAX)
    throw new ApiError(
      "BatchLimitExceededException",
      `The maximum number of names or IDs allowed for this request (${BATCH_MAX}) was exceeded.`,
    );
  const found = asked.map((revision) =>
    store.get("codeDeployRevision", keyOf(application.arn, toRevision(revision))),
  );
  return {
    applicationName: application.name,
    errorMessage: found.includes(undefined) ? "The named revision does not exist." : "",
    revisions: found.flatMap((each) => {
      if (each === undefined) return [];
      const { revision, revisionInfo } = presentInfo(store, each);
      return [{ revisionLocation: revision, genericRevisionInfo: revisionInfo }];
    }),
  };
}

/** Errors: RevisionRequiredException, InvalidRevisionException. */
export function toRevision(given: sdk.RevisionLocation | undefined): CodeDeployRevision {
  if (given === undefined)
    throw new ApiError("RevisionRequiredException", "The revision ID was not specified.");
  const { revisionType, s3Location, appSpecContent } = given;
  const raw = revisionType === "String" ? given.string : appSpecContent;
  switch (revisionType) {
    case "S3":
      if (s3Location?.bucket === undefined || s3Location.key === undefined)
        throw invalidRevision("an S3 revision needs a bucket and a key.");
      return {
        type: "S3",
        content: undefined,
        sha256: undefined,
        s3: {
          bucket: s3Location.bucket,
          key: s3Location.key,
          version: s3Location.version,
          eTag: s3Location.eTag,
          bundleType: s3Location.bundleType,
        },
      };
    case "String":
    case "AppSpecContent": {
      if (raw?.content === undefined)
        throw invalidRevision(`a revision of the type ${revisionType} needs its content.`);
      const sha256 = createHash("sha256").update(raw.content).digest("hex");
      if (raw.sha256 !== undefined && raw.sha256.toLowerCase() !== sha256)
        throw invalidRevision("the SHA-256 digest is not that of the content.");
      return { type: revisionType, content: raw.content, sha256: raw.sha256, s3: undefined };
    }
    default:
      throw invalidRevision(
        `Gantry deploys revisions of the types S3, String and AppSpecContent, not ${revisionType}.`,
      );
  }
}

function invalidRevision(message: string): ApiError {
  return new ApiError(
    "InvalidRevisionException",
    `The revision was specified in an invalid format: ${message}`,
  );
}

/** The AppSpec of a revision; one in S3 is read as the caller. Errors: InvalidRevisionException, and S3's refusals. */
export async function readRevision(
  deps: CodeDeployDeps,
  revision: CodeDeployRevision,
  context: RequestContext,
): Promise<string> {
  const { s3 } = revision;
  if (s3 === undefined) return revision.content ?? "";
  if (s3.bundleType !== undefined && !["YAML", "JSON"].includes(s3.bundleType))
    throw invalidRevision(`the bundle type of an ECS revision must be YAML or JSON, not ${s3.bundleType}.`);
  const found = findAsCaller(deps, context, { ...s3, version: s3.version });
  if (found === undefined)
    throw invalidRevision(`the object ${s3.key} of the bucket ${s3.bucket} does not exist.`);
  const { meta } = found;
  if (s3.eTag !== undefined && s3.eTag.replaceAll('"', "") !== meta.etag.replaceAll('"', ""))
    throw invalidRevision(`the object ${s3.key} does not have the ETag ${s3.eTag}.`);
  if (meta.size > APP_SPEC_BYTES_MAX)
    throw invalidRevision(`the AppSpec ${s3.key} is larger than ${APP_SPEC_BYTES_MAX} bytes.`);
  return (await found.read()).toString("utf8");
}

/** Records a revision of an application: that it is known, and with `isUsed` that it was deployed. */
export function rememberRevision(
  tx: Transaction,
  applicationArn: string,
  revision: CodeDeployRevision,
  options: { place: Place; now: number; isUsed: boolean; description?: string | undefined },
): void {
  const { place, now, isUsed, description } = options;
  const key = keyOf(applicationArn, revision);
  const before = tx.get("codeDeployRevision", key);
  tx.put("codeDeployRevision", key, {
    account: place.account,
    region: place.region,
    key,
    applicationArn,
    revision,
    description: description ?? before?.description,
    registeredAt: before?.registeredAt ?? now,
    firstUsedAt: before?.firstUsedAt ?? (isUsed ? now : undefined),
    lastUsedAt: isUsed ? now : before?.lastUsedAt,
  });
}

/** A content's revision is the content, whichever type it was given as. */
function keyOf(applicationArn: string, { content, s3 }: CodeDeployRevision): string {
  const what = s3 === undefined ? (content ?? "") : JSON.stringify([s3.bucket, s3.key, s3.version, s3.eTag]);
  return `${applicationArn}|${createHash("sha256").update(what).digest("hex")}`;
}

function presentInfo(
  reader: Reader,
  record: CodeDeployRevisionRecord,
): { revision: sdk.RevisionLocation; revisionInfo: sdk.GenericRevisionInfo } {
  const date = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms));
  const groups = reader
    .listBy("codeDeployGroup", "application", record.applicationArn)
    .filter((group) =>
      reader
        .listBy("codeDeployment", "group", group.arn)
        .some((each) => hasEnded(each) && keyOf(record.applicationArn, each.revision) === record.key),
    );
  return {
    revision: presentRevision(record.revision),
    revisionInfo: {
      description: record.description,
      deploymentGroups: groups.map(({ name }) => name),
      registerTime: date(record.registeredAt),
      firstUsedTime: date(record.firstUsedAt),
      lastUsedTime: date(record.lastUsedAt),
    },
  };
}

export function presentRevision({ type, content, sha256, s3 }: CodeDeployRevision): sdk.RevisionLocation {
  if (s3 !== undefined)
    return {
      revisionType: "S3",
      s3Location: {
        bucket: s3.bucket,
        key: s3.key,
        version: s3.version,
        eTag: s3.eTag,
        bundleType: s3.bundleType as sdk.BundleType | undefined, // As it was given.
      },
    };
  const raw = { content, sha256 };
  return type === "String"
    ? { revisionType: "String", string: raw }
    : { revisionType: "AppSpecContent", appSpecContent: raw };
}
