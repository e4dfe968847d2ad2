import { type Claim, SignatureError } from "./claim.ts";
import type { Exchange } from "./exchange.ts";
import type { ServiceDescriptor } from "./service.ts";

/** A regional host name of AWS: `SERVICE.REGION.amazonaws.com`, with any prefix. */
const REGIONAL_HOST = /(?:^|\.)([a-z0-9-]+)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?::\d+)?$/;

/**
 * Checks that a signature is for the called service and for the region of the host, if the host names one;
 * else the caller may choose the region. A signature is valid for one day, which is checked with the time
 * (`checkClaim`). Throws SignatureError with AWS's message.
 */
export function checkScope(
  exchange: Pick<Exchange, "headers">,
  claim: Claim,
  descriptor: Pick<ServiceDescriptor, "isObjectStorage" | "signingName">,
): void {
  const { signingName } = descriptor;
  const isObjectStorage = descriptor.isObjectStorage;
  if (claim.service !== signingName)
    throw isObjectStorage
      ? s3Scope(claim, `incorrect service "${claim.service}". This endpoint belongs to "s3".`)
      : new SignatureError("mismatch", `Credential should be scoped to correct service: '${signingName}'.`);
  const region = REGIONAL_HOST.exec(exchange.headers["host"] ?? "")?.[2];
  if (region === undefined || region === claim.region || claim.form === "presigned-v2") return;
  throw isObjectStorage
    ? s3Scope(claim, `the region '${claim.region}' is wrong; expecting '${region}'`, { Region: region })
    : new SignatureError("mismatch", `Credential should be scoped to a valid region.`);
}

function s3Scope(claim: Claim, what: string, fields?: Readonly<Record<string, string>>): SignatureError {
  return claim.form === "header"
    ? new SignatureError("malformed", `The authorization header is malformed; ${what}`, fields)
    : new SignatureError("malformed-query", `Error parsing the X-Amz-Credential parameter; ${what}`, fields);
}
