import type * as s3 from "@aws-sdk/client-s3";
import type { CorsRule } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { malformedXml } from "./malformed-xml.ts";

const METHODS = ["GET", "PUT", "HEAD", "POST", "DELETE"];
const RULES_MAX = 100;

/** Rules as they are put, checked. Source: API_PutBucketCors. */
export function readCors(rules: readonly s3.CORSRule[] | undefined): readonly CorsRule[] {
  const invalid = (message: string): ApiError => new ApiError("InvalidRequest", message, { status: 400 });
  if (rules === undefined || rules.length === 0 || rules.length > RULES_MAX) throw malformedXml();
  return rules.map((rule) => {
    const methods = rule.AllowedMethods ?? [];
    const origins = rule.AllowedOrigins ?? [];
    for (const method of methods)
      if (!METHODS.includes(method))
        throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
    for (const origin of origins)
      if (origin.split("*").length > 2)
        throw invalid(`AllowedOrigin "${origin}" can not have more than one wildcard.`);
    for (const header of rule.AllowedHeaders ?? [])
      if (header.split("*").length > 2)
        throw invalid(`AllowedHeader "${header}" can not have more than one wildcard.`);
    for (const header of rule.ExposeHeaders ?? [])
      if (header.includes("*"))
        throw invalid(
          `ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
        );
    return {
      id: rule.ID,
      origins,
      methods,
      headers: rule.AllowedHeaders ?? [],
      exposed: rule.ExposeHeaders ?? [],
      maxAgeSeconds: rule.MaxAgeSeconds,
    };
  });
}

export function presentCors(rules: readonly CorsRule[]): s3.CORSRule[] {
  return rules.map((rule) => ({
    ID: rule.id,
    AllowedOrigins: [...rule.origins],
    AllowedMethods: [...rule.methods],
    AllowedHeaders: rule.headers.length === 0 ? undefined : [...rule.headers],
    ExposeHeaders: rule.exposed.length === 0 ? undefined : [...rule.exposed],
    MaxAgeSeconds: rule.maxAgeSeconds,
  }));
}

/**
 * The headers that let a page of another origin read an answer; undefined where no rule fits. The first that
 * fits counts.
 */
export function corsHeaders(
  rules: readonly CorsRule[],
  asked: { origin: string; method: string; headers: readonly string[]; isPreflight: boolean },
): Record<string, string> | undefined {
  const rule = rules.find(
    (each) =>
      each.origins.some((pattern) => matches(pattern, asked.origin)) &&
      each.methods.includes(asked.method) &&
      asked.headers.every((header) =>
        each.headers.some((pattern) => matches(pattern.toLowerCase(), header.toLowerCase())),
      ),
  );
  if (rule === undefined) return undefined;
  const anyone = rule.origins.includes("*");
  return {
    "access-control-allow-origin": anyone ? "*" : asked.origin,
    "access-control-allow-methods": rule.methods.join(", "),
    ...(anyone ? {} : { "access-control-allow-credentials": "true" }),
    ...(asked.isPreflight && asked.headers.length > 0
      ? { "access-control-allow-headers": asked.headers.join(", ") }
      : {}),
    ...(rule.exposed.length > 0 ? { "access-control-expose-headers": rule.exposed.join(", ") } : {}),
    ...(asked.isPreflight && rule.maxAgeSeconds !== undefined
      ? { "access-control-max-age": String(rule.maxAgeSeconds) }
      : {}),
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
}

function matches(pattern: string, text: string): boolean {
  const [before = "", after] = pattern.split("*");
  return after === undefined
    ? pattern === text
    : text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
}
