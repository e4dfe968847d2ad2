/**
 * Where everything the platform knows is kept: records by kind and key, transactions, and a feed that says which key
 * changed. The memory store is the truth's shape, the SQLite store is the same with a journal under it; one suite
 * examines both. `records/` declares what is stored; nothing else in the house may keep state.
 */
export * from "./store.ts";
export * from "./memory-store.ts";
export * from "./sqlite-store.ts";
export * from "./records.ts";
export * from "./transactions/addresses.ts";
export * from "./transactions/new-task.ts";
export * from "./transactions/sessions.ts";
export * from "./transactions/targets.ts";
