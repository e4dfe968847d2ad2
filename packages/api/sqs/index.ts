/**
 * SQS: queues are records, messages are in the queue store, encrypted by the queue's data key or a KMS key. A queue's
 * policy decides as other resource policies do. What is refused or not as on AWS: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-sqs";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { policyOperations } from "./policies.ts";
import { sqsPermissions } from "./permissions.ts";
import { queueOperations } from "./queues.ts";
import { receiptOperations } from "./receipts.ts";
import { receiveOperations } from "./receive.ts";
import { sendOperations } from "./send.ts";
import type { SqsDeps } from "./sqs-deps.ts";

/** A message of 1 MiB, each byte of which may be escaped; attributes are in base64. */
const SENT = { bytes: 8 * 1024 * 1024, values: 20_000 };

export function sqsService(deps: SqsDeps): ServiceModule {
  const operations = {
    ...queueOperations(deps),
    ...policyOperations(deps),
    ...sendOperations(deps),
    ...receiveOperations(deps),
    ...receiptOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations,
    validationCode: "MissingParameter",
    // The empty name: a request of the Query protocol names its operation in the body.
    bodyLimits: { SendMessage: SENT, SendMessageBatch: SENT, "": SENT },
    permissions: permissionsBy("sqs", operations, sqsPermissions()),
    leastActions: (operation) => [`sqs:${operation.replace(/Batch$/, "")}`],
  };
}
