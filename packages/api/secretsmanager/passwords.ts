import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { Ids } from "@gantry/kernel";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { invalidParameter } from "./lookups.ts";

const LENGTH = 32;
/** Source: API_GetRandomPassword, ExcludePunctuation. */
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LOWER = "abcdefghijklmnopqrstuvwxyz";

/** Source: API_GetRandomPassword. */
export function passwordOperations({ ids }: ApiDeps) {
  return {
    GetRandomPassword: (input) => ({ RandomPassword: randomPassword(ids, input) }),
  } satisfies Implementation<typeof sdk>;
}

function randomPassword(ids: Ids, input: sdk.GetRandomPasswordRequest): string {
  const excluded = new Set(input.ExcludeCharacters);
  const types = [
    input.ExcludeLowercase === true ? "" : LOWER,
    input.ExcludeUppercase === true ? "" : LOWER.toUpperCase(),
    input.ExcludeNumbers === true ? "" : "0123456789",
    input.ExcludePunctuation === true ? "" : PUNCTUATION,
    input.IncludeSpace === true ? " " : "",
  ]
    .map((type) => [...type].filter((character) => !excluded.has(character)))
    .filter((type) => type.length > 0);
  const all = types.flat();
  const length = input.PasswordLength ?? LENGTH;
  if (all.length === 0) throw invalidParameter("Your exclusions leave no characters for the password.");
  const isEach = input.RequireEachIncludedType ?? true;
  if (isEach && types.length > length)
    throw invalidParameter("The password is too short for one character of each type.");
  const required = isEach ? types.map((type) => type[below(ids, type.length)] ?? "") : [];
  const rest = Array.from({ length: length - required.length }, () => all[below(ids, all.length)] ?? "");
  return shuffled(ids, [...required, ...rest]).join("");
}

/** A number from 0 to `bound` - 1, each as likely as another; the bound is at most 4096. */
function below(ids: Ids, bound: number): number {
  const range = 2 ** 32;
  const fair = range - (range % bound);
  for (;;) {
    const value = Buffer.from(ids.secret(4), "base64").readUInt32BE(0);
    if (value < fair) return value % bound;
  }
}

function shuffled(ids: Ids, items: readonly string[]): readonly string[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at -= 1) {
    const other = below(ids, at + 1);
    [result[at], result[other]] = [result[other] ?? "", result[at] ?? ""];
  }
  return result;
}
