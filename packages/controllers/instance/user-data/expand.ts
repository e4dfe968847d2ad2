import { gunzipSync } from "node:zlib";

/** The bytes that compressed data of one user data may still expand to. */
export interface ExpansionBudget {
  bytes: number;
}

/** Expands gzip data and takes its bytes from the budget. Undefined: it is no gzip data, or expands to more. */
export function expand(data: Buffer, budget: ExpansionBudget): Buffer | undefined {
  try {
    const expanded = gunzipSync(data, { maxOutputLength: Math.max(1, budget.bytes) });
    budget.bytes -= expanded.length;
    return expanded;
  } catch {
    return undefined;
  }
}
