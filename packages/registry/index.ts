/**
 * The registry that `docker push` and `pull` talk to: the OCI distribution API over ECR's repositories. Every request
 * carries an ECR token, every blob and manifest is checked by digest. Records say which images there are, `content` keeps the bytes.
 */
export * from "./image-store.ts";
export * from "./lifecycle-policy.ts";
export type { RegistryDeps } from "./registry-access.ts";
export * from "./registry.ts";
export * from "./registry-error.ts";
export * from "./registry-token.ts";
