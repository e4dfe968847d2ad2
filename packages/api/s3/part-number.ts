import { ApiError } from "./api-error.ts";

const PARTS_MAX = 10_000;
export const PART_NUMBER_MESSAGE = `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`;

/** The number of a part. Errors: InvalidArgument. */
export function partNumberOf(given: number | undefined): number {
  if (given === undefined || !Number.isInteger(given) || given < 1 || given > PARTS_MAX)
    throw new ApiError("InvalidArgument", PART_NUMBER_MESSAGE, {
      status: 400,
      fields: { ArgumentName: "partNumber", ArgumentValue: given },
    });
  return given;
}
