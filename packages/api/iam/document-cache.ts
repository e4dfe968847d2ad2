import type { PolicyDocument, PrincipalIds } from "@gantry/iam";
import { readBound } from "./policy-principals.ts";

/** Reads a stored document; `ids` are those of the principals that it names. */
export type ReadDocument = (text: string, name: string, ids?: PrincipalIds) => PolicyDocument;

const DOCUMENTS_MAX = 5_000;

/** Reads each document once. */
export function documentCache(): ReadDocument {
  const documents = new Map<string, PolicyDocument>();
  return (text, name, ids) => {
    const key = `${name}\n${ids === undefined ? "" : JSON.stringify(ids)}\n${text}`;
    const known = documents.get(key);
    if (known !== undefined) return known;
    const document = readBound(text, ids, name);
    if (documents.size > DOCUMENTS_MAX) documents.clear();
    documents.set(key, document);
    return document;
  };
}
