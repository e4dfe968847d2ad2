import type { ParametersFilter, ParameterStringFilter } from "@aws-sdk/client-ssm";
import type { ParameterRecord, ParameterVersionRecord, Reader } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { versionsOf } from "./lookups.ts";

/** The keys of filters and the options that each has, the first by default. Source: API_ParameterStringFilter. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  Name: ["Equals", "BeginsWith", "Contains"],
  Path: ["OneLevel", "Recursive"],
  Type: ["Equals", "BeginsWith"],
  KeyId: ["Equals", "BeginsWith"],
  Tier: ["Equals"],
  DataType: ["Equals"],
  Label: ["Equals"],
};

/** Filters in the form that DescribeParameters had first: names and key ids are prefixes. */
export function oldFilters(filters: readonly ParametersFilter[]): readonly ParameterStringFilter[] {
  const index = filters.findIndex(({ Key = "" }) => !["Name", "Type", "KeyId"].includes(Key));
  if (index >= 0)
    throw new ApiError(
      "ValidationException",
      `1 validation error detected: Value '${filters[index]?.Key ?? ""}' at 'filters.${index + 1}.member.key' ` +
        "failed to satisfy constraint: Member must satisfy enum value set: [Name, Type, KeyId]",
    );
  return filters.map(({ Key, Values }) => ({
    Key,
    Option: Key === "Type" ? "Equals" : "BeginsWith",
    Values,
  }));
}

/** Whether a parameter has one of the values of every filter. Errors: InvalidFilterKey, InvalidFilterOption. */
export function matchesFilters(
  reader: Reader,
  parameter: ParameterRecord,
  filters: readonly ParameterStringFilter[],
): boolean {
  return filters.every((filter) => {
    const { Key = "", Values = [] } = filter;
    if (Key.startsWith("tag:")) {
      const value = parameter.tags[Key.slice("tag:".length)];
      return value !== undefined && (Values.length === 0 || Values.includes(value));
    }
    const option = optionOf(filter);
    if (Key === "Path") return Values.some((path) => isBelow(parameter.name, path, option === "Recursive"));
    const texts = textsOf(parameter, versionsOf(reader, parameter), Key);
    return Values.some((value) => texts.some((text) => compare(text, value, option)));
  });
}

function optionOf({ Key = "", Option }: ParameterStringFilter): string {
  const options = OPTIONS[Key];
  if (options === undefined) throw new ApiError("InvalidFilterKey", `The filter key ${Key} is not valid.`);
  const option = Option ?? options[0] ?? "";
  if (!options.includes(option))
    throw new ApiError(
      "InvalidFilterOption",
      `The filter option ${option} is not valid. Valid options include: [${options.join(", ")}]`,
    );
  return option;
}

function textsOf(
  parameter: ParameterRecord,
  versions: readonly ParameterVersionRecord[],
  key: string,
): readonly string[] {
  const newest = versions.at(-1);
  switch (key) {
    case "Name":
      return [parameter.name, ...(parameter.name.startsWith("/") ? [parameter.name.slice(1)] : [])];
    case "Type":
      return [newest?.type ?? ""];
    case "KeyId":
      return [newest?.keyId ?? ""];
    case "Tier":
      return [newest?.tier ?? ""];
    case "DataType":
      return [newest?.dataType ?? ""];
    default:
      return versions.flatMap((version) => version.labels);
  }
}

function compare(text: string, value: string, option: string): boolean {
  if (option === "BeginsWith") return text.startsWith(value);
  return option === "Contains" ? text.includes(value) : text === value;
}

function isBelow(name: string, path: string, isRecursive: boolean): boolean {
  const below = path.endsWith("/") ? path : `${path}/`;
  return name.startsWith(below) && (isRecursive || !name.slice(below.length).includes("/"));
}
