/** How long an interface outlives its user, in milliseconds: for the next user, or for clients of the address. */
export const HANDOVER_MS = 3_000;
