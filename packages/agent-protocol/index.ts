/**
 * The messages between the control plane and a node's agent: assignments in one direction, observations in
 * the other, as JSON lines over one long-lived connection. The protocol is level-triggered: a `sync` carries
 * the whole desired set, an observation carries the whole state of its key, and repeating either changes
 * nothing.
 */
export * from "./assignments.ts";
export type * from "./attached-interfaces.ts";
export * from "./balancers.ts";
export * from "./block-devices.ts";
export * from "./database-snapshots.ts";
export * from "./framing.ts";
export * from "./link.ts";
export * from "./observations.ts";
export * from "./relay-header.ts";
export type * from "./vpc-rules.ts";
