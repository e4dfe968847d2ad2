import { glob } from "@gantry/iam";
import type { Tags } from "@gantry/state";
import { ApiError } from "./api-error.ts";

type Filters = readonly { Name?: string | undefined; Values?: readonly string[] | undefined }[] | undefined;

/** The values that each filter name compares with. */
export type FilterFields<T> = Readonly<Record<string, (record: T) => string | readonly string[] | undefined>>;

/**
 * Keeps the records that all filters let through. `fields` says what each filter name looks at; tags are the
 * same everywhere.
 * Errors: InvalidParameterValue for a filter that is not known.
 * Source: "List and filter your resources", Amazon EC2 User Guide.
 */
export function applyFilters<T extends { tags: Tags }>(
  records: readonly T[],
  filters: Filters,
  fields: FilterFields<T>,
): readonly T[] {
  for (const { Name: name = "" } of filters ?? [])
    if (fields[name] === undefined && !/^tag(?:-key$|-value$|:)/.test(name))
      throw new ApiError("InvalidParameterValue", `The filter '${name}' is invalid`);
  return records.filter((record) =>
    (filters ?? []).every((filter) => {
      const name = filter.Name ?? "";
      const wanted = filter.Values ?? [];
      const values = valuesOf(name, record, fields);
      return wanted.some((pattern) => values.some((value) => glob(pattern, value)));
    }),
  );
}

function valuesOf<T extends { tags: Tags }>(
  name: string,
  record: T,
  fields: FilterFields<T>,
): readonly string[] {
  if (name === "tag-key") return Object.keys(record.tags);
  if (name === "tag-value") return Object.values(record.tags);
  if (name.startsWith("tag:"))
    return record.tags[name.slice(4)] === undefined ? [] : [record.tags[name.slice(4)] ?? ""];
  const value = fields[name]?.(record);
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** Records by id, all of which must be there; all of the place's where no ids are given. */
export function selectById<T>(
  all: readonly T[],
  ids: readonly string[] | undefined,
  idOf: (record: T) => string,
  missing: (id: string) => ApiError,
): readonly T[] {
  if (ids === undefined || ids.length === 0) return all;
  return ids.map((id) => {
    const found = all.find((record) => idOf(record) === id);
    if (found === undefined) throw missing(id);
    return found;
  });
}

/** Tags that a create operation gives to the resource type it makes. */
export function tagsFor(
  specifications:
    | readonly {
        ResourceType?: string | undefined;
        Tags?: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;
      }[]
    | undefined,
  type: string,
): Tags {
  const wrong = specifications?.find((specification) => specification.ResourceType !== type);
  if (wrong !== undefined)
    throw new ApiError(
      "InvalidParameterValue",
      `'${wrong.ResourceType}' is not a valid taggable resource type for this operation.`,
    );
  const matching = (specifications ?? []).filter((specification) => specification.ResourceType === type);
  return Object.fromEntries(
    matching.flatMap((specification) =>
      (specification.Tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]),
    ),
  );
}
