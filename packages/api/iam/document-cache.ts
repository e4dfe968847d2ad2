import type { PolicyDocument, PrincipalIds } from "@gantry/iam";
import { readBound } from "./policy-principals.ts";

/** Reads a stored document; `ids` are those of the principals that it names. */
export type ReadDocument = (text: string, name: string, ids?: PrincipalIds) => PolicyDocument;

const DOCUMENTS_MAX = 5_000;

/** Reads each document once. */
export function documentCache(): ReadDocument {
  // By text first: a string keeps its hash, where a key that is joined anew is hashed with each call (90 KB
  // for ReadOnlyAccess).
  const documents = new Map<string, Map<string, PolicyDocument>>();
  let count = 0;
  return (text, name, ids) => {
    const key = ids === undefined ? name : `${name}\n${JSON.stringify(ids)}`;
    const known = documents.get(text)?.get(key);
    if (known !== undefined) return known;
    const document = readBound(text, ids, name);
    if ((count += 1) > DOCUMENTS_MAX) {
      documents.clear();
      count = 1;
    }
    const named = documents.get(text) ?? new Map<string, PolicyDocument>();
    documents.set(text, named.set(key, document));
    return document;
  };
}
