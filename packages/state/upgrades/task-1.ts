import type { Row } from "../record-row.ts";

const TOKEN_TAG = "aws:ecs:clientToken";

/**
 * Task, version 0 to 1: the client token that started it is no longer a tag. Tokens of that version are
 * dropped.
 */
export function upgradeTaskTo1(row: Row): readonly Row[] {
  const record = row.record as { readonly tags: Readonly<Record<string, string>> }; // The format of version 0.
  if (record.tags[TOKEN_TAG] === undefined) return [row];
  const tags = Object.fromEntries(Object.entries(record.tags).filter(([name]) => name !== TOKEN_TAG));
  return [{ ...row, record: { ...record, tags } }];
}
