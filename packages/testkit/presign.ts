import { createHmac } from "node:crypto";
import { amzDateOf, hmac, sha256Hex, signingKey } from "@gantry/wire/sigv4";
import { ROOT } from "./api-server.ts";

/** The request that a URL is signed for. */
export interface Presigned {
  readonly service?: string;
  readonly region?: string;
  readonly method?: string;
  /** Path, encoded, and parameters in addition to those of the signature. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Headers that are signed in addition to `host`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly expiresSeconds?: number;
  readonly payload?: string;
  /** Root's where none is given. */
  readonly credential?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A URL with a signature of version 4 in its query. */
export function presign(endpoint: string, wanted: Presigned, now: number): string {
  const { service = "s3", region = "eu-south-1", method = "GET", path = "/" } = wanted;
  const { accessKeyId, secretAccessKey } = wanted.credential ?? ROOT;
  const url = new URL(endpoint + path);
  const headers: Record<string, string> = { ...wanted.headers, host: url.host };
  const names = Object.keys(headers).toSorted();
  const scope = { date: amzDateOf(now).slice(0, 8), region, service };
  const credential = `${scope.date}/${region}/${service}/aws4_request`;
  const query = {
    ...wanted.query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${accessKeyId}/${credential}`,
    "X-Amz-Date": amzDateOf(now),
    "X-Amz-Expires": String(wanted.expiresSeconds ?? 900),
    "X-Amz-SignedHeaders": names.join(";"),
  };
  const rawQuery = Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join("&");
  const canonical = [
    method,
    path,
    rawQuery,
    ...names.map((name) => `${name}:${headers[name] ?? ""}`),
    "",
    names.join(";"),
    wanted.payload ?? (service === "s3" ? "UNSIGNED-PAYLOAD" : sha256Hex("")),
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", amzDateOf(now), credential, sha256Hex(canonical)].join("\n");
  const signature = hmac(signingKey(secretAccessKey, scope), toSign).toString("hex");
  return `${endpoint}${path}?${rawQuery}&X-Amz-Signature=${signature}`;
}

/** A URL of S3 with root's signature of version 2. `signed` are parameters and `x-amz-*` headers that it covers. */
export function presignVersion2(
  endpoint: string,
  wanted: {
    path: string;
    method?: string;
    query?: Readonly<Record<string, string>>;
    amz?: Readonly<Record<string, string>>;
    contentType?: string;
    /** Seconds since the epoch. */
    expires: number;
  },
): string {
  const { path, method = "GET", expires, query = {}, amz = {}, contentType = "" } = wanted;
  const resource = Object.entries(query)
    .toSorted()
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`))
    .join("&");
  const toSign = [
    method,
    "",
    contentType,
    String(expires),
    ...Object.entries(amz)
      .toSorted()
      .map(([name, value]) => `${name}:${value}`),
    resource === "" ? path : `${path}?${resource}`,
  ].join("\n");
  const parameters = new URLSearchParams({
    ...query,
    ...amz,
    AWSAccessKeyId: ROOT.accessKeyId,
    Expires: String(expires),
    Signature: createHmac("sha1", ROOT.secretAccessKey).update(toSign).digest("base64"),
  });
  return `${endpoint}${path}?${parameters}`;
}
