import type { Vault } from "@gantry/kernel";
import type { EventTargetRecord } from "../records.ts";
import type { Reader } from "../store.ts";
import { openProtected, type ProtectedUse } from "./protected-values.ts";

/** What an input may name in angle brackets. Source: EventBridge Scheduler User Guide, "Adding context attributes". */
export interface ScheduleAttributes {
  readonly scheduleArn: string;
  readonly executionId: string;
  /** The time of the occurrence, as text. */
  readonly scheduledTime: string;
}

export function fillInput(input: string, attributes: ScheduleAttributes): string {
  return input
    .replaceAll("<aws.scheduler.schedule-arn>", () => attributes.scheduleArn)
    .replaceAll("<aws.scheduler.scheduled-time>", () => attributes.scheduledTime)
    .replaceAll("<aws.scheduler.execution-id>", () => attributes.executionId)
    .replaceAll("<aws.scheduler.attempt-number>", "1");
}

/** Source: EventBridge Scheduler User Guide, "Encryption at rest", encryption context. */
export function scheduleUse(scheduleArn: string): ProtectedUse {
  return { service: "scheduler", encryptionContext: { "aws:scheduler:schedule:arn": scheduleArn } };
}

/** The input of a schedule that has a KMS key. Errors: KeyUnusableError, CiphertextError. */
export function openInput(
  reader: Reader,
  vault: Vault,
  { encryptedInput }: EventTargetRecord,
  scheduleArn: string,
): string | undefined {
  return encryptedInput && openProtected(reader, vault, encryptedInput, scheduleUse(scheduleArn));
}
