/**
 * How long an interface is kept after its user ended, in milliseconds: for the next user, or for clients of
 * the address.
 */
export const HANDOVER_MS = 3_000;
