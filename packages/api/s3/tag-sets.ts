import { ApiError } from "@gantry/wire";

const OBJECT_TAGS_MAX = 10;

/** Tags in the header's form (`a=1&b=2`). */
export function taggingOf(tagging: string | undefined): Record<string, string> {
  const pairs = [...new URLSearchParams(tagging ?? "")];
  return tagSetOf(pairs.map(([Key, Value]) => ({ Key, Value })));
}

/** Tags of an object or a bucket, checked. Source: "Categorizing your storage using tags". */
export function tagSetOf(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  most = OBJECT_TAGS_MAX,
): Record<string, string> {
  const list = (tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""] as const);
  const invalid = (code: string, message: string): ApiError => new ApiError(code, message, { status: 400 });
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
  return Object.fromEntries(list);
}
