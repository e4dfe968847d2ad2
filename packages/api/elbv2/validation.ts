import { ApiError } from "@gantry/wire";

/** What ELB answers where a parameter's value is not valid. */
export function validation(message: string): ApiError {
  return new ApiError("ValidationError", message, { status: 400 });
}
