/**
 * IAM policy documents and their evaluation, pure: documents and a request go in, a decision and its reason come out.
 * It knows no store and no service; `api/iam` keeps the documents and asks here.
 */
export * from "./bound-principals.ts";
export * from "./condition-keys.ts";
export * from "./evaluate.ts";
export * from "./never-allowed.ts";
export { glob } from "./patterns.ts";
export * from "./policy-document.ts";
export * from "./policy-grammar.ts";
export * from "./principal.ts";
export * from "./public-policy.ts";
export * from "./service-trust.ts";
