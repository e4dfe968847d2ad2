import type * as sdk from "@aws-sdk/client-sqs";
import { newQueueDataKey, type QueueRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { withoutTags } from "../common/tags.ts";
import { presentBound } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { defaultAttributes, invalidAttribute, redriveOf, withAttributes } from "./attributes.ts";
import {
  existing,
  findOwnQueue,
  findQueue,
  invalidValue,
  numberOf,
  queueArnOf,
  queueUrlOf,
} from "./lookups.ts";
import { policyFields } from "./policies.ts";
import type { SqsDeps } from "./sqs-deps.ts";

const NAME = /^[\w-]{1,80}$/;
const FIFO_NAME = /^[\w-]{1,75}\.fifo$/;
const PAGE = 1_000;
const TAGS_MAX = 50;

/** Queues, their attributes and tags. */
export function queueOperations(deps: SqsDeps) {
  const { store } = deps;
  return {
    CreateQueue: (input, context) => createQueue(deps, input, context),
    DeleteQueue: (input, context) => deleteQueue(deps, input, context),
    GetQueueUrl: (input, context) => {
      const account = input.QueueOwnerAWSAccountId ?? context.account;
      const arn = queueArnOf({ account, region: context.region }, input.QueueName);
      return { QueueUrl: queueUrlOf(context.endpoint, existing(store.get("queue", arn))) };
    },
    ListQueues: (input, context) => listQueues(deps, input, context),
    ListDeadLetterSourceQueues: (input, context) => listSources(deps, input, context),
    GetQueueAttributes: (input, context) => getAttributes(deps, input, context),
    SetQueueAttributes: (input, context) => setAttributes(deps, input, context),
    PurgeQueue: async (input, context) => {
      await deps.queues.purge(findQueue(store, context, input.QueueUrl).id);
      return {};
    },
    TagQueue: (input, context) => tagQueue(deps, input, context),
    UntagQueue: (input, context) => untagQueue(deps, input, context),
    ListQueueTags: (input, context) => ({ Tags: { ...findOwnQueue(store, context, input.QueueUrl).tags } }),
  } satisfies Implementation<typeof sdk>;
}

/**
 * A queue that exists with the same values of the given attributes is returned as it is. Errors: QueueNameExists,
 * InvalidParameterValue, and those of `withAttributes`.
 */
function createQueue(
  deps: SqsDeps,
  input: sdk.CreateQueueRequest,
  context: RequestContext,
): sdk.CreateQueueResult {
  const { store, clock, ids, vault } = deps;
  const { QueueName: name = "", tags = {} } = input;
  const { Policy, ...given } = input.Attributes ?? {};
  const isFifo = given.FifoQueue === "true";
  checkName(name, isFifo);
  if (given.FifoQueue === "false") throw invalidAttribute("Invalid value for the parameter FifoQueue.");
  const { account, region } = context;
  const arn = queueArnOf(context, name);
  return store.transact((tx) => {
    const before = tx.get("queue", arn);
    const place = { account, region, arn };
    const attributes = withAttributes(tx, { ...place, attributes: defaultAttributes(isFifo) }, given);
    if (before !== undefined) {
      const different = Object.keys(given).find((each) => attributes[each] !== before.attributes[each]);
      if (different !== undefined || (Policy !== undefined && Policy !== (before.policy ?? "")))
        throw new ApiError(
          "QueueNameExists",
          `A queue already exists with the same name and a different value for attribute ${different ?? "Policy"}`,
        );
      return { QueueUrl: queueUrlOf(context.endpoint, before) };
    }
    if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
    const now = clock.now();
    const queue: QueueRecord = {
      ...place,
      name,
      id: ids.uuid(),
      attributes,
      ...policyFields(tx, deps, Policy ?? ""),
      sealedDataKey: newQueueDataKey(vault),
      tags,
      createdAt: now,
      modifiedAt: now,
    };
    tx.put("queue", arn, queue);
    return { QueueUrl: queueUrlOf(context.endpoint, queue) };
  });
}

function checkName(name: string, isFifo: boolean): void {
  if (isFifo && !FIFO_NAME.test(name))
    throw invalidValue(
      name,
      "QueueName",
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, " +
        "must end with .fifo suffix and be 1 to 80 in length.",
    );
  if (!isFifo && !NAME.test(name))
    throw invalidValue(
      name,
      "QueueName",
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    );
}

/** The messages go after the record: without it, nobody reaches them. */
async function deleteQueue(
  { store, queues }: SqsDeps,
  input: sdk.DeleteQueueRequest,
  context: RequestContext,
): Promise<object> {
  const { id, arn } = findOwnQueue(store, context, input.QueueUrl);
  store.transact((tx) => tx.delete("queue", arn));
  await queues.drop(id);
  return {};
}

function listQueues(
  { store }: SqsDeps,
  input: sdk.ListQueuesRequest,
  context: RequestContext,
): sdk.ListQueuesResult {
  const found = store
    .list("queue", queueArnOf(context, ""))
    .filter(({ name }) => name.startsWith(input.QueueNamePrefix ?? ""));
  const { items, nextToken } = pageOf(found, input);
  return { QueueUrls: items.map((queue) => queueUrlOf(context.endpoint, queue)), NextToken: nextToken };
}

function listSources(
  { store }: SqsDeps,
  input: sdk.ListDeadLetterSourceQueuesRequest,
  context: RequestContext,
): sdk.ListDeadLetterSourceQueuesResult {
  const target = findQueue(store, context, input.QueueUrl);
  const found = store
    .list("queue", queueArnOf(target, ""))
    .filter(({ attributes }) => redriveOf(attributes)?.target === target.arn);
  const { items, nextToken } = pageOf(found, input);
  return { queueUrls: items.map((queue) => queueUrlOf(context.endpoint, queue)), NextToken: nextToken };
}

function pageOf(
  queues: readonly QueueRecord[],
  input: { readonly NextToken?: string | undefined; readonly MaxResults?: number | undefined },
): ReturnType<typeof page<QueueRecord>> {
  const byName = queues.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return page(byName, ({ name }) => name, {
    token: input.NextToken,
    size: input.MaxResults ?? PAGE,
    invalidToken: () => invalidValue(input.NextToken ?? "", "NextToken", "Invalid token."),
  });
}

async function getAttributes(
  { store, queues, clock }: SqsDeps,
  input: sdk.GetQueueAttributesRequest,
  context: RequestContext,
): Promise<sdk.GetQueueAttributesResult> {
  const queue = findQueue(store, context, input.QueueUrl);
  const now = clock.now();
  const names: readonly string[] = input.AttributeNames ?? [];
  const wantsCounts = names.some((name) => name === "All" || name.startsWith("Approximate"));
  const retention = numberOf(queue, "MessageRetentionPeriod") * 1_000;
  if (wantsCounts) await queues.expire(queue.id, now - retention);
  const counts = wantsCounts ? queues.counts(queue.id, now) : { visible: 0, inFlight: 0, delayed: 0 };
  const all: Readonly<Record<string, string>> = {
    ...settingsOf(store, queue),
    QueueArn: queue.arn,
    ApproximateNumberOfMessages: String(counts.visible),
    ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
    ApproximateNumberOfMessagesDelayed: String(counts.delayed),
    CreatedTimestamp: seconds(queue.createdAt),
    LastModifiedTimestamp: seconds(queue.modifiedAt),
  };
  const unknown = names.find((name) => !KNOWN_NAMES.has(name));
  if (unknown !== undefined) throw new ApiError("InvalidAttributeName", `Unknown Attribute ${unknown}.`);
  const wanted = Object.entries(all).filter(([name]) => names.includes("All") || names.includes(name));
  return wanted.length === 0 ? {} : { Attributes: Object.fromEntries(wanted) };
}

function settingsOf(reader: Reader, queue: QueueRecord): Readonly<Record<string, string>> {
  const { policy, policyPrincipals, attributes } = queue;
  return {
    ...attributes,
    ...(policy === undefined ? {} : { Policy: presentBound(reader, policy, policyPrincipals) }),
  };
}

const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(defaultAttributes(true)),
  ...["All", "Policy", "QueueArn", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"],
  ...["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "CreatedTimestamp"],
  ...["ApproximateNumberOfMessagesDelayed", "LastModifiedTimestamp", "KmsDataKeyReusePeriodSeconds"],
]);

function seconds(ms: number): string {
  return String(Math.floor(ms / 1_000));
}

function setAttributes(deps: SqsDeps, input: sdk.SetQueueAttributesRequest, context: RequestContext): object {
  const { store, clock } = deps;
  const { Policy, ...given } = input.Attributes ?? {};
  store.transact((tx) => {
    const queue = findOwnQueue(tx, context, input.QueueUrl);
    const attributes = withAttributes(tx, queue, given);
    const fields = Policy === undefined ? {} : policyFields(tx, deps, Policy);
    tx.put("queue", queue.arn, { ...queue, ...fields, attributes, modifiedAt: clock.now() });
  });
  return {};
}

function tagQueue({ store }: SqsDeps, input: sdk.TagQueueRequest, context: RequestContext): object {
  store.transact((tx) => {
    const queue = findOwnQueue(tx, context, input.QueueUrl);
    const tags = { ...queue.tags, ...input.Tags };
    if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
    tx.put("queue", queue.arn, { ...queue, tags });
  });
  return {};
}

function untagQueue({ store }: SqsDeps, input: sdk.UntagQueueRequest, context: RequestContext): object {
  store.transact((tx) => {
    const queue = findOwnQueue(tx, context, input.QueueUrl);
    tx.put("queue", queue.arn, { ...queue, tags: withoutTags(queue.tags, input.TagKeys ?? []) });
  });
  return {};
}

function tooManyTags(): ApiError {
  return invalidValue(`more than ${TAGS_MAX} tags`, "Tags", `A queue has at most ${TAGS_MAX} tags.`);
}
