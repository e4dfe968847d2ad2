import { ApiError } from "@gantry/wire";
import { page } from "../common/paging.ts";

const RECORDS_LEAST = 20;
const RECORDS_MOST = 100;

/** One page of a list. Source: API_DescribeDBInstances, MaxRecords and Marker. */
export function recordsOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  input: { MaxRecords?: number | undefined; Marker?: string | undefined },
) {
  const { MaxRecords: size = RECORDS_MOST, Marker: token } = input;
  if (size < RECORDS_LEAST || size > RECORDS_MOST)
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid value ${size} for MaxRecords. Must be between ${RECORDS_LEAST} and ${RECORDS_MOST}`,
    );
  const { items, nextToken } = page(all, keyOf, {
    token,
    size,
    invalidToken: () => new ApiError("InvalidParameterValue", "The marker is not valid."),
  });
  return { items, Marker: nextToken };
}
