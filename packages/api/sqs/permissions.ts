import type * as sdk from "@aws-sdk/client-sqs";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { queueArnOf, queueArnOfUrl } from "./lookups.ts";

type ByUrl = { readonly QueueUrl: string | undefined };

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS". */
export function sqsPermissions() {
  const queue = (input: ByUrl, place: Caller): readonly Need[] => on(queueArnOfUrl(place, input.QueueUrl));
  const as =
    (action: string) =>
    (input: ByUrl, place: Caller): readonly Need[] => [
      { action: `sqs:${action}`, resource: queueArnOfUrl(place, input.QueueUrl) },
    ];
  return {
    CreateQueue: (input, place) => {
      const resource = queueArnOf(place, input.QueueName);
      return [{ resource }, ...tagOnCreate(input.tags, { action: "sqs:TagQueue", resource })];
    },
    GetQueueUrl: (input, place) =>
      on(queueArnOf({ ...place, account: input.QueueOwnerAWSAccountId ?? place.account }, input.QueueName)),
    ListQueues: "*",
    DeleteQueue: queue,
    ListDeadLetterSourceQueues: queue,
    GetQueueAttributes: queue,
    SetQueueAttributes: queue,
    PurgeQueue: queue,
    TagQueue: queue,
    UntagQueue: queue,
    ListQueueTags: queue,
    AddPermission: queue,
    RemovePermission: queue,
    SendMessage: queue,
    SendMessageBatch: as("SendMessage"),
    ReceiveMessage: queue,
    DeleteMessage: queue,
    DeleteMessageBatch: as("DeleteMessage"),
    ChangeMessageVisibility: queue,
    ChangeMessageVisibilityBatch: as("ChangeMessageVisibility"),
  } satisfies PermissionTable<typeof sdk>;
}
