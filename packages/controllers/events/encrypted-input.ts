import { messageOf } from "@gantry/kernel";
import { CiphertextError, KeyUnusableError, viaService, type EventDeliveryRecord } from "@gantry/state";
import {
  fillInput,
  openInput,
  scheduleUse,
  type ScheduleAttributes,
} from "@gantry/state/transactions/schedule-inputs";
import { roleOf, type InvokeDeps } from "./invoke-target.ts";
import { failed, type Failure } from "./outcome.ts";

/**
 * The delivery with the input of its schedule decrypted. The schedule's role needs `kms:Decrypt`.
 * Source: EventBridge Scheduler User Guide, "Encryption at rest".
 */
export function withInput(
  deps: InvokeDeps,
  delivery: EventDeliveryRecord,
): { readonly type: "opened"; readonly delivery: EventDeliveryRecord } | Failure {
  const { target, sourceArn, region } = delivery;
  const { kmsKeyArn } = target.encryptedInput ?? {};
  if (target.encryptedInput === undefined) return { type: "opened", delivery };
  const principal = roleOf(deps, delivery);
  const use = scheduleUse(sourceArn);
  const denied =
    principal === undefined
      ? `The role ${target.roleArn ?? ""} cannot be assumed.`
      : kmsKeyArn &&
        deps.permissions.deniedBecause(principal, "kms:Decrypt", kmsKeyArn, () => viaService(region, use));
  if (denied !== undefined) return failed("AccessDeniedException", denied, false);
  try {
    const input = openInput(deps.store, deps.vault, target, sourceArn) ?? "";
    const attributes = JSON.parse(delivery.payload) as ScheduleAttributes; // The schedule controller wrote it.
    return { type: "opened", delivery: { ...delivery, payload: fillInput(input, attributes) } };
  } catch (thrown) {
    if (!(thrown instanceof KeyUnusableError || thrown instanceof CiphertextError)) throw thrown;
    return failed("KMSInvalidStateException", messageOf(thrown), false);
  }
}
