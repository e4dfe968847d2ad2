import { ApiError, type ErrorCode } from "./api-error.ts";

const OBJECT_TAGS_MAX = 10;
export const BUCKET_TAGS_MAX = 50;

/**
 * Tags by key. A JavaScript object has keys that are integers first, so where there are such the order is
 * kept beside it.
 */
export interface TagSet {
  readonly tags: Readonly<Record<string, string>>;
  readonly tagOrder?: readonly string[];
}

/** The tags of a record, without its other fields. */
export function tagsOf({ tags, tagOrder }: TagSet): TagSet {
  return tagOrder === undefined ? { tags } : { tags, tagOrder };
}

/** The tags in the order in which they were given. */
export function presentTagSet({ tags, tagOrder }: TagSet): { Key: string; Value: string }[] {
  return (tagOrder ?? Object.keys(tags)).map((Key) => ({ Key, Value: tags[Key] ?? "" }));
}

/** Tags in the header's form (`a=1&b=2`). */
export function taggingOf(tagging: string | undefined): TagSet {
  const pairs = [...new URLSearchParams(tagging ?? "")];
  return tagSetOf(pairs.map(([Key, Value]) => ({ Key, Value })));
}

/** Tags of an object or a bucket, checked. Source: "Categorizing your storage using tags". */
export function tagSetOf(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  most = OBJECT_TAGS_MAX,
): TagSet {
  const list = (tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""] as const);
  const invalid = (code: ErrorCode, message: string): ApiError =>
    new ApiError(code, message, { status: 400 });
  if (list.length > most) throw invalid("InvalidTag", `Object tags cannot be greater than ${most}`);
  if (new Set(list.map(([key]) => key)).size < list.length)
    throw invalid("InvalidTag", "Cannot provide multiple Tags with the same key");
  for (const [key, value] of list) {
    if (key === "" || key.length > 128)
      throw invalid("InvalidTag", "The TagKey you have provided is invalid");
    if (value.length > 256) throw invalid("InvalidTag", "The TagValue you have provided is invalid");
    if (key.startsWith("aws:"))
      throw invalid("InvalidTag", "System tags cannot be added/updated by requester");
  }
  const byKey = Object.fromEntries(list);
  const order = list.map(([key]) => key);
  const isKept = Object.keys(byKey).every((key, index) => key === order[index]);
  return isKept ? { tags: byKey } : { tags: byKey, tagOrder: order };
}
