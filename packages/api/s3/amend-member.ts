import type { Member } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { PART_NUMBER_MESSAGE } from "./part-number.ts";

const INTEGER_MAX = 2_147_483_647;
/**
 * Members that S3 takes as any text and returns as they were given. The SDK's model has timestamps.
 * Source: API_PutObject, Expires.
 */
const TEXTS = ["Expires", "ResponseExpires"];

/**
 * Corrects what the SDK's model says of S3: Expires is text, and a query parameter that is no integer has
 * S3's own error.
 */
export function amendMember(member: Member): Member {
  if (TEXTS.includes(member.name)) return { ...member, shape: { type: "string" }, read: (text) => text };
  // The SDK binds the text of Expires to a header that does not exist; S3 sends the text as Expires.
  if (member.name === "ExpiresString")
    return { ...member, traits: { ...member.traits, httpHeader: "Expires" } };
  const parameter = member.traits["httpQuery"];
  if (typeof parameter !== "string" || member.shape.type !== "number") return member;
  return { ...member, read: (text) => integerOf(parameter, text) };
}

/** Errors: InvalidArgument, in the words of S3. */
function integerOf(parameter: string, text: string): number {
  if (/^-?\d+$/.test(text) && Math.abs(Number(text)) <= INTEGER_MAX) return Number(text);
  throw new ApiError(
    "InvalidArgument",
    parameter === "partNumber"
      ? PART_NUMBER_MESSAGE
      : `Provided ${parameter} not an integer or within integer range`,
    { status: 400, fields: { ArgumentName: parameter, ArgumentValue: text } },
  );
}
