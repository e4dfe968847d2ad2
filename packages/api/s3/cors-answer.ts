import type { Reader } from "@gantry/state";
import { splitBucket, type Exchange, type WireResponse } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { corsHeaders } from "./cors.ts";

/** Cross-origin headers of an answer, where the bucket has a rule for it. */
export function crossOriginHeaders(
  reader: Reader,
  exchange: Exchange,
): Readonly<Record<string, string>> | undefined {
  const origin = exchange.headers["origin"];
  if (origin === undefined || exchange.method === "OPTIONS") return undefined;
  const rules = reader.get("bucket", splitBucket(exchange).bucket)?.cors;
  return rules === undefined
    ? undefined
    : corsHeaders(rules, { origin, method: exchange.method, headers: [], isPreflight: false });
}

/** Answers the request that a browser sends before a cross-origin one. Errors: BadRequest, AccessForbidden. */
export function answerPreflight(reader: Reader, name: string, exchange: Exchange): WireResponse {
  const { headers } = exchange;
  const [origin, method] = [headers["origin"], headers["access-control-request-method"]];
  if (origin === undefined || method === undefined)
    throw new ApiError("BadRequest", "Insufficient information. Origin request header needed.", {
      status: 400,
    });
  const bucket = reader.get("bucket", name);
  const asked = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((header) => header.trim())
    .filter(Boolean);
  const answer = corsHeaders(bucket?.cors ?? [], { origin, method, headers: asked, isPreflight: true });
  if (answer === undefined)
    throw new ApiError(
      "AccessForbidden",
      bucket?.cors === undefined
        ? "CORSResponse: CORS is not enabled for this bucket."
        : "CORSResponse: This CORS request is not allowed. This is usually because the evalution of " +
            "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are " +
            "not whitelisted by the resource's CORS spec.",
      { status: 403, fields: { Method: method, ResourceType: "BUCKET" } },
    );
  return { status: 200, headers: { ...answer, "x-amz-request-id": exchange.requestId }, body: "" };
}
