import { createHmac, timingSafeEqual } from "node:crypto";
import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import type { Principal } from "@gantry/iam";
import { ApiError, signingKey, type Access, type Exchange } from "@gantry/wire";

const FIELDS_MAX_BYTES = 20 * 1024;
/** Far beyond what any form needs; fields without a name or a value count no bytes. */
const FIELDS_MAX = 200;

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
  const denied = (message: string, code = "AccessDenied"): ApiError =>
    new ApiError(code, message, { status: 403 });
  const [accessKeyId = "", date = "", region = "", service = ""] = (
    fields.get("x-amz-credential") ?? ""
  ).split("/");
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
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
      "SignatureDoesNotMatch",
    );
  return credential.principal;
}

/** Whether the form keeps to its policy. Answers the range of sizes that the file may have. Source: "Creating a POST policy". */
export function checkPolicy(
  policyText: string,
  form: { fields: ReadonlyMap<string, string>; bucket: string; key: string },
  now: number,
): { least: number; most: number } {
  const invalid = (why: string): ApiError =>
    new ApiError("AccessDenied", `Invalid according to Policy: ${why}`, { status: 403 });
  let policy: { expiration?: unknown; conditions?: unknown };
  try {
    policy = JSON.parse(Buffer.from(policyText, "base64").toString()) as typeof policy; // Each part is checked below.
  } catch {
    throw new ApiError(
      "InvalidPolicyDocument",
      "The content of the form does not meet the conditions specified in the policy document: it is no JSON.",
      { status: 400 },
    );
  }
  const { expiration, conditions } = policy;
  if (typeof expiration !== "string" || !Array.isArray(conditions))
    throw new ApiError(
      "InvalidPolicyDocument",
      "Invalid Policy: it must have an expiration and a list of conditions.",
      { status: 400 },
    );
  if (!(Date.parse(expiration) > now)) throw invalid("Policy expired.");
  const valueOf = (name: string): string =>
    name === "bucket" ? form.bucket : name === "key" ? form.key : (form.fields.get(name) ?? "");
  const named = new Set(["policy", "x-amz-signature", "file"]);
  let [least, most] = [0, 5 * 1024 ** 3];
  for (const condition of conditions as unknown[]) {
    if (Array.isArray(condition) && condition[0] === "content-length-range") {
      [least, most] = [Number(condition[1]), Number(condition[2])];
      continue;
    }
    const [operator, field, wanted] = Array.isArray(condition)
      ? (condition as [string, string, string])
      : (["eq", ...(Object.entries(condition as object)[0] ?? ["", ""])] as [string, string, string]); // A list of three, or an object of one pair.
    const name = field.replace(/^\$/, "").toLowerCase();
    named.add(name);
    const value = valueOf(name);
    const holds = operator.toLowerCase() === "starts-with" ? value.startsWith(wanted) : value === wanted;
    if (!holds)
      throw invalid(
        `Policy Condition failed: ${JSON.stringify(Array.isArray(condition) ? condition : ["eq", `$${name}`, wanted])}`,
      );
  }
  for (const name of form.fields.keys())
    if (!named.has(name) && !name.startsWith("x-ignore-")) throw invalid(`Extra input fields: ${name}`);
  return { least, most };
}
