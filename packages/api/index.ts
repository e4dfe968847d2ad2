/**
 * One folder per AWS service: each operation checks its input, writes what is wanted to the store, and answers.
 * Nothing in here acts on the world; controllers do, and the two meet only in the store.
 * `services.ts` lists every service with what the SDK's schemas do not say of it.
 */
export * from "./common/api-deps.ts";
export * from "./services.ts";
