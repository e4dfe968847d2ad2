import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";

const RECORDS_MIN = 20;
const RECORDS_MAX = 100;

/**
 * One page of a list, of 100 records without a size.
 *
 * @param most The largest size that the operation accepts.
 * @throws ApiError InvalidParameterValue, for a size out of bounds or a marker that no page gave.
 * Source: API_DescribeDBInstances, MaxRecords and Marker.
 */
export function pageOfRecords<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  input: { MaxRecords?: number | undefined; Marker?: string | undefined },
  most = RECORDS_MAX,
) {
  const { MaxRecords: size = RECORDS_MAX, Marker: token } = input;
  if (size < RECORDS_MIN || size > most)
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid value ${size} for MaxRecords. Must be between ${RECORDS_MIN} and ${most}`,
    );
  const { items, nextToken } = page(all, keyOf, {
    token,
    size,
    invalidToken: () => new ApiError("InvalidParameterValue", "The marker is not valid."),
  });
  return { items, Marker: nextToken };
}
