import { ApiError } from "./api-error.ts";

/** The error for a parameter whose value is not valid. */
export function validation(message: string): ApiError {
  return new ApiError("ValidationError", message, { status: 400 });
}
