/**
 * The registry that `docker push` and `pull` use: the OCI distribution API over ECR's repositories. Every
 * request carries an ECR token; every blob and manifest is verified by digest. Records state which images
 * exist, `content` stores the bytes.
 */
export * from "./image-store.ts";
export * from "./lifecycle-policy.ts";
export type { RegistryDeps } from "./registry-access.ts";
export * from "./registry.ts";
export * from "./registry-error.ts";
export * from "./registry-token.ts";
