/**
 * Decodes bytes to typed inputs and encodes typed outputs to bytes, for every AWS protocol, driven by the
 * SDK's own schemas. A service is registered once (`Dispatcher.register`); signature, decoding, permission
 * and encoding are the same for all. Only `shape.ts` knows the SDK's schema format, only `protocols/` knows
 * JSON from XML.
 */
export * from "./network-path.ts";
export * from "./api-error.ts";
export type { Constraint, Constraints } from "./constraints.ts";
export type { ClientCall } from "./dispatcher-deps.ts";
export type { Credential } from "./authentication.ts";
export * from "./dispatch.ts";
export type { InnerCall } from "./inner-call.ts";
export type { Ec2Code, ErrorCode, ErrorCodeOf, S3Code } from "./error-codes.ts";
export * from "./http-server.ts";
export type { AskedKeys, Signed } from "./request-conditions.ts";
export type { Exchange, WireResponse } from "./exchange.ts";
export { splitBucket } from "./routing.ts";
export * from "./plain-and-tls.ts";
export * from "./sdk-schemas.ts";
export type { Member, Shape } from "./shape.ts";
export * from "./service.ts";
export * from "./sigv4.ts";
