/**
 * IAM policy documents and their evaluation, as pure functions: documents and a request go in, a decision and
 * its reason come out. The package depends on no store and no service; `api/iam` stores the documents and
 * calls it.
 */
export * from "./bound-principals.ts";
export * from "./condition-keys.ts";
export * from "./evaluate.ts";
export * from "./federated-trust.ts";
export * from "./never-allowed.ts";
export { glob } from "./patterns.ts";
export * from "./policy-document.ts";
export * from "./policy-grammar.ts";
export * from "./principal.ts";
export * from "./public-policy.ts";
export * from "./service-trust.ts";
