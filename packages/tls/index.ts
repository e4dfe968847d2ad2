/**
 * The platform's own certificate authority: made at the first start, kept in the state folder, trusted by every task.
 * It signs what load balancers present (ACM) and what the AWS service names present inside VPCs. Only this package
 * imports the X.509 library: `signing.ts` is loaded with the first signature.
 */
export * from "./authority.ts";
export type * from "./certificates.ts";
