import type { Tags } from "@gantry/state";

/** Tags as records keep them, from any of AWS's spellings. */
export function toTags(
  list:
    | readonly {
        Key?: string | undefined;
        Value?: string | undefined;
        key?: string | undefined;
        value?: string | undefined;
      }[]
    | undefined,
): Tags {
  return Object.fromEntries(
    (list ?? []).map((tag) => [tag.Key ?? tag.key ?? "", tag.Value ?? tag.value ?? ""]),
  );
}

/** Tags the way most services write them. */
export function presentTags(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** Tags the way ECS writes them. */
export function presentLowerTags(tags: Tags): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/**
 * Removes tags by key; a tag that is given with a value is removed only where it has that value.
 * Source: API_DeleteTags, Tag.
 */
export function withoutPairs(
  tags: Tags,
  pairs: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Tags {
  const goes = ([key, value]: readonly [string, string]): boolean =>
    pairs.some((pair) => pair.Key === key && (pair.Value === undefined || pair.Value === value));
  return Object.fromEntries(Object.entries(tags).filter((tag) => !goes(tag)));
}

export function withoutTags(tags: Tags, keys: readonly string[]): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)));
}
