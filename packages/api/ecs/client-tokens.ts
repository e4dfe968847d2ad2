import { createHash } from "node:crypto";
import type { RunTaskCommandInput } from "@aws-sdk/client-ecs";
import type { ClusterRecord, Reader, TaskDefinitionRecord, TaskRecord, Transaction } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** Source: ECS API Reference, "Ensuring idempotency": a token is valid for 24 hours. */
const VALID_MS = 24 * 60 * 60_000;

/** A RunTask call that may carry a client token. */
export interface TokenUse {
  readonly input: RunTaskCommandInput;
  readonly cluster: ClusterRecord;
  readonly definition: TaskDefinitionRecord;
  readonly now: number;
}

/**
 * The tasks that an earlier call with the same token and parameters started, without those that were removed since;
 * undefined where the call is the first. Source: API_RunTask, clientToken. Errors: ConflictException.
 */
export function tasksOfToken(reader: Reader, use: TokenUse): readonly TaskRecord[] | undefined {
  const { clientToken } = use.input;
  if (clientToken === undefined) return undefined;
  const known = reader.get("clientToken", keyOf(use, clientToken));
  if (known === undefined || known.expiresAt <= use.now) return undefined;
  if (known.requestHash !== hashOf(use))
    throw new ApiError(
      "ConflictException",
      "The RunTask request could not be processed due to conflicts. The provided clientToken is " +
        "already in use with a different RunTask request.",
      { fields: { resourceIds: known.cluster === use.cluster.arn ? known.taskArns : [] } },
    );
  return known.taskArns.flatMap((arn) => reader.get("task", arn) ?? []);
}

/** Records what the call started, so that a repeated call starts nothing. */
export function rememberTasks(tx: Transaction, use: TokenUse, tasks: readonly TaskRecord[]): void {
  const { cluster, input, now } = use;
  if (input.clientToken === undefined) return;
  tx.put("clientToken", keyOf(use, input.clientToken), {
    account: cluster.account,
    region: cluster.region,
    cluster: cluster.arn,
    requestHash: hashOf(use),
    taskArns: tasks.map((task) => task.arn),
    expiresAt: now + VALID_MS,
  });
}

function keyOf({ cluster }: TokenUse, token: string): string {
  return `${cluster.account}/${cluster.region}/RunTask/${token}`;
}

/** Tells requests apart by all that they ask for; the order of an object's members does not count. */
function hashOf({ input, cluster, definition }: TokenUse): string {
  const asked = { ...input, clientToken: undefined, cluster: cluster.arn, taskDefinition: definition.arn };
  const text = JSON.stringify(asked, (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(text).digest("hex");
}
