import type * as sdk from "@aws-sdk/client-eventbridge";
import { eventArchiveArnOf, type EventArchiveRecord, type Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { findBus, notFound, pageOf, validation, type EventContentStore } from "./lookups.ts";
import { withArchiveKey } from "./archive-keys.ts";
import { readPattern } from "./rules.ts";

/** Source: Amazon EventBridge User Guide, "Quotas". */
const ARCHIVES_MAX = 100;

interface ArchiveDeps extends ApiDeps {
  readonly contents: EventContentStore;
}

/** Archives of the events of buses. Source: EventBridge User Guide, "Archiving and replaying events". */
export function archiveOperations(deps: ArchiveDeps) {
  const { store } = deps;
  return {
    CreateArchive: (input, context) => createArchive(deps, input, context),
    DescribeArchive: (input, context) => presentArchive(deps, findArchive(store, context, input.ArchiveName)),
    ListArchives: (input, context) => listArchives(deps, input, context),
    UpdateArchive: (input, context) => updateArchive(deps, input, context),
    DeleteArchive: (input, context) => deleteArchive(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceNotFoundException. */
export function findArchive(reader: Reader, place: Place, name: string | undefined): EventArchiveRecord {
  const found = reader.get("eventArchive", eventArchiveArnOf(place, name ?? ""));
  if (found === undefined) throw notFound(`Archive ${name ?? ""} does not exist.`);
  return found;
}

/**
 * Errors: ResourceAlreadyExistsException, ResourceNotFoundException for the bus, InvalidEventPatternException,
 * LimitExceededException, ValidationException for a key that cannot be used.
 */
function createArchive(
  deps: ArchiveDeps,
  input: sdk.CreateArchiveRequest,
  place: Place,
): sdk.CreateArchiveResponse {
  const { store, clock, ids } = deps;
  const { ArchiveName: name = "", EventSourceArn: busArn = "", EventPattern: pattern } = input;
  if (!/^arn:[a-z-]+:events:[^:]*:\d*:event-bus\/.+$/.test(busArn))
    throw validation("Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.");
  if (pattern !== undefined) readPattern(pattern);
  const arn = eventArchiveArnOf(place, name);
  const archive = store.transact((tx) => {
    const bus = findBus(tx, place, busArn);
    if (tx.get("eventArchive", arn) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", `Archive ${name} already exists.`);
    if (tx.list("eventArchive", eventArchiveArnOf(place, "")).length >= ARCHIVES_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    const record: EventArchiveRecord = {
      account: place.account,
      region: place.region,
      ...{ arn, name, pattern, busArn: bus.arn, busName: bus.name },
      description: input.Description,
      retentionDays: input.RetentionDays ?? 0,
      contentGroup: `event-archive/${ids.uuid()}`,
      createdAt: clock.now(),
    };
    const kept = withArchiveKey(tx, deps, place, { archive: record, keyId: input.KmsKeyIdentifier });
    tx.put("eventArchive", arn, kept);
    return kept;
  });
  return presentState(archive);
}

/** What is not given stays. Errors: ResourceNotFoundException, InvalidEventPatternException, ValidationException. */
function updateArchive(
  deps: ArchiveDeps,
  input: sdk.UpdateArchiveRequest,
  place: Place,
): sdk.UpdateArchiveResponse {
  if (input.EventPattern !== undefined) readPattern(input.EventPattern);
  const archive = deps.store.transact((tx) => {
    const before = findArchive(tx, place, input.ArchiveName);
    const after: EventArchiveRecord = {
      ...before,
      description: input.Description ?? before.description,
      pattern: input.EventPattern ?? before.pattern,
      retentionDays: input.RetentionDays ?? before.retentionDays,
    };
    const kept = withArchiveKey(tx, deps, place, { archive: after, keyId: input.KmsKeyIdentifier });
    tx.put("eventArchive", before.arn, kept);
    return kept;
  });
  return presentState(archive);
}

/** The events go with the archive. Errors: ResourceNotFoundException. */
function deleteArchive(
  { store, contents }: ArchiveDeps,
  input: sdk.DeleteArchiveRequest,
  place: Place,
): object {
  const archive = findArchive(store, place, input.ArchiveName);
  // A crash in between leaves an empty archive, which is deleted by the next call.
  contents.deleteGroup(archive.contentGroup);
  store.transact((tx) => tx.delete("eventArchive", archive.arn));
  return {};
}

/** Errors: ValidationException for more than one filter. */
function listArchives(
  deps: ArchiveDeps,
  input: sdk.ListArchivesRequest,
  place: Place,
): sdk.ListArchivesResponse {
  const { NamePrefix: prefix = "", EventSourceArn: busArn, State: state } = input;
  if ([input.NamePrefix, busArn, state].filter((each) => each !== undefined).length > 1)
    throw validation(
      "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
    );
  const all = deps.store
    .list("eventArchive", eventArchiveArnOf(place, prefix))
    .filter((archive) => within(archive, place) !== undefined)
    .filter((archive) => busArn === undefined || archive.busArn === busArn)
    .filter(() => state === undefined || state === "ENABLED");
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return {
    Archives: items.map((archive) => {
      const {
        ArchiveArn: _arn,
        Description: _text,
        EventPattern: _pattern,
        KmsKeyIdentifier: _key,
        ...shown
      } = presentArchive(deps, archive);
      return shown;
    }),
    NextToken: nextToken,
  };
}

function presentState({ arn, createdAt }: EventArchiveRecord): sdk.CreateArchiveResponse {
  return { ArchiveArn: arn, State: "ENABLED", CreationTime: new Date(createdAt) };
}

function presentArchive({ contents }: ArchiveDeps, archive: EventArchiveRecord): sdk.DescribeArchiveResponse {
  const { count, bytes } = contents.sizeOf(archive.contentGroup);
  return {
    ...presentState(archive),
    ArchiveName: archive.name,
    EventSourceArn: archive.busArn,
    Description: archive.description,
    EventPattern: archive.pattern,
    KmsKeyIdentifier: archive.kmsKeyId,
    RetentionDays: archive.retentionDays,
    SizeBytes: bytes,
    EventCount: count,
  };
}
