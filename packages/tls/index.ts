/**
 * The platform's own certificate authority: created at the first start, kept in the state folder, trusted by
 * every task. It signs the certificates of load balancers (ACM) and of the AWS service names inside VPCs.
 * Only this package imports the X.509 library: `signing.ts` is loaded with the first signature.
 */
export * from "./authority.ts";
export type * from "./certificates.ts";
