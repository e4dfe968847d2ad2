import { ApiError } from "./api-error.ts";

/** What RegisterTaskDefinition answers to an invalid task definition. */
export function refused(message: string): ApiError {
  return new ApiError("ClientException", message);
}

/** An integer within bounds. Errors: ClientException, which names the member. */
export function checkRange(value: number, name: string, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw refused(`Invalid value for ${name}: ${value}. It must be between ${min} and ${max}.`);
  return value;
}

/** Paths with control characters are refused: programs that print or parse them line by line would misread them. */
export function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\x7f");
}
