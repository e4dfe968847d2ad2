import type { Filter } from "@aws-sdk/client-secrets-manager";
import type { SecretRecord } from "@gantry/state";

/**
 * Whether a secret has one of the values of every filter. A value is a prefix; `!` before it excludes. Names
 * and tags are compared with regard to case, descriptions without.
 * Source: Secrets Manager User Guide, "Find secrets"; API_Filter.
 */
export function matchesFilters(secret: SecretRecord, filters: readonly Filter[]): boolean {
  return filters.every(({ Key, Values = [] }) => {
    const texts = textsOf(secret, Key);
    const isExact = Key !== "description" && Key !== "all";
    const has = (value: string): boolean =>
      texts.some((text) =>
        isExact ? text.startsWith(value) : wordsOf(text).some((word) => word.startsWith(value.toLowerCase())),
      );
    return Values.some((value) => (value.startsWith("!") ? !has(value.slice(1)) : has(value)));
  });
}

function textsOf(secret: SecretRecord, key: Filter["Key"]): readonly string[] {
  const [keys, values] = [Object.keys(secret.tags), Object.values(secret.tags)];
  switch (key) {
    case "name":
      return [secret.name];
    case "description":
      return [secret.description ?? ""];
    case "tag-key":
      return keys;
    case "tag-value":
      return values;
    case "primary-region":
      return [secret.region];
    case "all":
      return [secret.name, secret.description ?? "", ...keys, ...values];
    case "owning-service":
      return secret.owningService === undefined ? [] : [secret.owningService];
    case undefined:
      return [];
  }
}

/** The whole text and each of its words, in lower case. */
function wordsOf(text: string): readonly string[] {
  const lower = text.toLowerCase();
  return [lower, ...lower.split(/[^\p{L}\p{N}]+/u)];
}
