import type { ParameterRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** Removes a parameter with its versions. */
export function removeParameter(tx: Transaction, { arn }: ParameterRecord): void {
  for (const { version } of tx.listBy("parameterVersion", "parameter", arn))
    tx.delete("parameterVersion", `${arn}:${version}`);
  tx.delete("parameter", arn);
}
