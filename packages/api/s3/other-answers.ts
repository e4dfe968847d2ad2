import { splitBucket, type Access, type Exchange, type WireResponse } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { answerPreflight } from "./cors-answer.ts";
import { decodedPath } from "./decoded-path.ts";
import { answerForm } from "./form-answer.ts";
import type { S3Deps } from "./s3-deps.ts";
import { answerPage } from "./website-answer.ts";

const WEBSITE_HOST = /^(.+)\.s3-website[.-][a-z0-9-]+\.(?:amazonaws\.com|localhost)(?::\d+)?$/;

/**
 * What S3 answers outside its operations: a preflight request, a posted form, a page of a website. Undefined:
 * an operation.
 */
export async function answerOther(
  deps: S3Deps,
  exchange: Exchange,
  access: Access,
): Promise<WireResponse | undefined> {
  const website = WEBSITE_HOST.exec(exchange.headers["host"] ?? "")?.[1];
  if (website !== undefined) return answerPage(deps, website, exchange, access);
  if (decodedPath(exchange.rawPath) === undefined)
    throw new ApiError("InvalidURI", "Couldn't parse the specified URI.", {
      status: 400,
      fields: { URI: exchange.rawPath },
    });
  const { bucket, path } = splitBucket(exchange);
  if (bucket === undefined) return undefined;
  if (exchange.method === "OPTIONS") return answerPreflight(deps.store, bucket, exchange);
  if (
    exchange.method === "POST" &&
    path === "/" &&
    exchange.headers["content-type"]?.startsWith("multipart/form-data") === true
  )
    return answerForm(bucket, exchange, access);
  return undefined;
}
