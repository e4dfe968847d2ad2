import { createHmac, timingSafeEqual } from "node:crypto";
import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import type { Principal } from "@gantry/iam";
import { signingKey, type Access, type Exchange } from "@gantry/wire";
import { ApiError, type ErrorCode } from "./api-error.ts";

const FIELDS_MAX_BYTES = 20 * 1024;
/** Far beyond what any form needs; fields without a name or a value count no bytes. */
const FIELDS_MAX = 200;
const CREDENTIAL = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/;

/** A form as a browser posts it: its fields, and its file while it still flows. */
interface PostedForm {
  readonly fields: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly file: Readable;
}

/** Reads a form up to its file, which must be its last part. Source: "POST Object". */
export function readForm(exchange: Exchange): Promise<PostedForm> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string>();
    const malformed = new ApiError(
      "MalformedPOSTRequest",
      "The body of your POST request is not well-formed multipart/form-data.",
      { status: 400 },
    );
    let parser: BusboyInstance;
    try {
      parser = new Busboy({
        headers: { ...exchange.headers, "content-type": exchange.headers["content-type"] ?? "" },
        limits: { fieldSize: FIELDS_MAX_BYTES, fields: FIELDS_MAX, files: 1 },
      });
    } catch {
      throw malformed;
    }
    let size = 0;
    const tooLarge = new ApiError(
      "MaxPostPreDataLengthExceededError",
      "Your POST request fields preceding the upload file were too large.",
      { status: 400 },
    );
    parser.on("fieldsLimit", () => reject(tooLarge));
    parser.on("field", (name, value) => {
      size += name.length + value.length;
      if (size > FIELDS_MAX_BYTES) reject(tooLarge);
      fields.set(name.toLowerCase(), value);
    });
    parser.on("file", (_, file, fileName) => resolve({ fields, fileName, file }));
    parser.on("finish", () =>
      reject(
        new ApiError("InvalidArgument", "POST requires exactly one file upload per request.", {
          status: 400,
          fields: { ArgumentName: "file", ArgumentValue: "0" },
        }),
      ),
    );
    parser.on("error", () => reject(malformed));
    exchange.request.pipe(parser);
  });
}

/** Who posts: the signature is of the policy, which must not be over. Without one it is nobody. */
export function signerOf(fields: ReadonlyMap<string, string>, access: Access): Principal | undefined {
  const policy = fields.get("policy");
  if (policy === undefined) return undefined;
  const denied = (message: string, code: ErrorCode = "AccessDenied"): ApiError =>
    new ApiError(code, message, { status: 403 });
  const { accessKeyId, date, region, service } = scopeOf(fields);
  const credential = access.credentials.find(accessKeyId);
  if (credential === undefined)
    throw denied("The AWS Access Key Id you provided does not exist in our records.", "InvalidAccessKeyId");
  if (credential.token !== undefined && credential.token !== fields.get("x-amz-security-token"))
    throw new ApiError("InvalidToken", "The provided token is malformed or otherwise invalid.", {
      status: 400,
    });
  if (credential.expiresAt !== undefined && access.now >= credential.expiresAt)
    throw new ApiError("ExpiredToken", "The provided token has expired.", { status: 400 });
  const expected = createHmac("sha256", signingKey(credential.secretAccessKey, { date, region, service }))
    .update(policy)
    .digest();
  const given = Buffer.from(fields.get("x-amz-signature") ?? "", "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw denied(
      "The request signature we calculated does not match the signature you provided. Check your key " +
        "and signing method.",
      "SignatureDoesNotMatch",
    );
  return credential.principal;
}

/** The credential scope of a form: S3's own, on the day of the form's date. */
function scopeOf(fields: ReadonlyMap<string, string>) {
  const credential = fields.get("x-amz-credential") ?? "";
  const invalid = (name: string, why: string): ApiError =>
    new ApiError("InvalidArgument", why, {
      status: 400,
      fields: { ArgumentName: name, ArgumentValue: fields.get(name) ?? "" },
    });
  const [, accessKeyId = "", date = "", region = "", service = ""] = CREDENTIAL.exec(credential) ?? [];
  if (fields.get("x-amz-algorithm") !== "AWS4-HMAC-SHA256")
    throw invalid("x-amz-algorithm", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  if (accessKeyId === "")
    throw invalid(
      "x-amz-credential",
      "Error parsing the X-Amz-Credential field; the Credential is mal-formed",
    );
  if (service !== "s3")
    throw invalid(
      "x-amz-credential",
      `Error parsing the X-Amz-Credential field; incorrect service "${service}". This endpoint belongs to "s3".`,
    );
  if (!(fields.get("x-amz-date") ?? "").startsWith(`${date}T`))
    throw invalid("x-amz-date", "X-Amz-Date must be on the day of the X-Amz-Credential field");
  return { accessKeyId, date, region, service };
}

/** A condition of a policy. The bounds of `content-length-range` are bytes. */
type Condition =
  | { readonly type: "eq" | "starts-with"; readonly name: string; readonly wanted: string }
  | { readonly type: "content-length-range"; readonly least: number; readonly most: number };

/** Errors: InvalidPolicyDocument. A condition that is read in part would permit what its author forbids. */
function readPolicy(text: string): { expiration: string; conditions: readonly Condition[] } {
  const invalid = (why: string): ApiError =>
    new ApiError("InvalidPolicyDocument", `Invalid Policy: ${why}`, { status: 400 });
  let policy: unknown;
  try {
    policy = JSON.parse(Buffer.from(text, "base64").toString());
  } catch {
    throw invalid("Invalid JSON.");
  }
  const { expiration, conditions } = (policy ?? {}) as { expiration?: unknown; conditions?: unknown }; // Checked next.
  if (typeof expiration !== "string" || !Array.isArray(conditions))
    throw invalid("it must have an expiration and a list of conditions.");
  return {
    expiration,
    conditions: (conditions as readonly unknown[]).map((condition): Condition => {
      if (typeof condition !== "object" || condition === null) throw invalid("Invalid condition.");
      if (!Array.isArray(condition)) {
        const [pair, ...more] = Object.entries(condition);
        if (pair === undefined || more.length > 0 || typeof pair[1] !== "string")
          throw invalid(
            "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
          );
        return { type: "eq", name: pair[0].toLowerCase(), wanted: pair[1] };
      }
      const [operator, first, second, ...more] = condition as readonly unknown[];
      const type = typeof operator === "string" ? operator.toLowerCase() : "";
      if (type === "content-length-range" && more.length === 0) {
        const [least, most] = [Number(first), Number(second)];
        if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || least < 0)
          throw invalid("Invalid content-length-range.");
        return { type, least, most };
      }
      if ((type !== "eq" && type !== "starts-with") || more.length > 0)
        throw invalid(`Invalid condition: ${JSON.stringify(condition).slice(0, 200)}`);
      if (typeof first !== "string" || !first.startsWith("$") || typeof second !== "string")
        throw invalid(`Invalid condition: ${JSON.stringify(condition).slice(0, 200)}`);
      return { type, name: first.slice(1).toLowerCase(), wanted: second };
    }),
  };
}

/**
 * Whether the form keeps to its policy. Answers the range of sizes that the file may have.
 * Source: "Creating a POST policy".
 */
export function checkPolicy(
  policyText: string,
  form: { fields: ReadonlyMap<string, string>; bucket: string; key: string },
  now: number,
): { least: number; most: number } {
  const denied = (why: string): ApiError =>
    new ApiError("AccessDenied", `Invalid according to Policy: ${why}`, { status: 403 });
  const { expiration, conditions } = readPolicy(policyText);
  if (!(Date.parse(expiration) > now)) throw denied("Policy expired.");
  const valueOf = (name: string): string =>
    name === "bucket" ? form.bucket : name === "key" ? form.key : (form.fields.get(name) ?? "");
  const named = new Set(["policy", "x-amz-signature", "file"]);
  let [least, most] = [0, 5 * 1024 ** 3];
  for (const condition of conditions) {
    if (condition.type === "content-length-range") {
      [least, most] = [Math.max(least, condition.least), Math.min(most, condition.most)];
      continue;
    }
    const { type, name, wanted } = condition;
    named.add(name);
    const value = valueOf(name);
    if (type === "eq" ? value !== wanted : !value.startsWith(wanted))
      throw denied(`Policy Condition failed: ${JSON.stringify([type, `$${name}`, wanted])}`);
  }
  for (const name of form.fields.keys())
    if (!named.has(name) && !name.startsWith("x-ignore-")) throw denied(`Extra input fields: ${name}`);
  return { least, most };
}
