import { CreateBucketCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { ROOT, startApi, type Api } from "@gantry/testkit";
import { amzDateOf, hmac, signingKey } from "@gantry/wire/sigv4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
let client: S3Client;
beforeAll(async () => {
  api = await startApi();
  client = new S3Client({ ...api.client(), forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: "forms" }));
});
afterAll(() => api.close());

const IN_A_MINUTE = (): string => new Date(Date.now() + 60_000).toISOString();
const KEY = ["eq", "$key", "mine.txt"];

interface Form {
  readonly conditions?: readonly unknown[];
  readonly policy?: unknown;
  readonly service?: string;
  readonly date?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

/** Posts a form whose policy root signed; answers the status, the code of the error and what is in the bucket now. */
async function post({ conditions = [KEY], service = "s3", ...form }: Form) {
  const amzDate = amzDateOf(Date.now());
  const scope = { date: form.date ?? amzDate.slice(0, 8), region: "eu-south-1", service };
  const fields: Record<string, string> = {
    key: "mine.txt",
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${ROOT.accessKeyId}/${scope.date}/${scope.region}/${service}/aws4_request`,
    "x-amz-date": amzDate,
    ...form.fields,
  };
  const own = Object.entries(fields)
    .filter(([name]) => name.startsWith("x-amz-"))
    .map(([name, value]) => ({ [name]: value }));
  const document =
    "policy" in form ? form.policy : { expiration: IN_A_MINUTE(), conditions: [...conditions, ...own] };
  const policy = Buffer.from(JSON.stringify(document)).toString("base64");
  const signature = hmac(signingKey(ROOT.secretAccessKey, scope), policy).toString("hex");
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...fields, policy, "x-amz-signature": signature }))
    body.append(name, value);
  body.append("file", new Blob(["from a form"]), "note.txt");
  const answer = await fetch(`${api.endpoint}/forms`, { method: "POST", body });
  const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: "forms" }));
  return { status: answer.status, code: /<Code>(\w+)/.exec(await answer.text())?.[1], stored: KeyCount };
}

// Before: the service, the day and the algorithm of a form's signature were not looked at.
describe("a form is signed for S3, today", () => {
  it.each<[string, Form]>([
    ["for another service", { service: "ecs" }],
    ["on another day than the form's date", { date: "20200101" }],
    ["with another algorithm", { fields: { "x-amz-algorithm": "AWS4-ECDSA-P256-SHA256" } }],
    ["with a credential that names no scope", { fields: { "x-amz-credential": ROOT.accessKeyId } }],
  ])("and not %s", async (_, form) => {
    expect(await post(form)).toEqual({ status: 400, code: "InvalidArgument", stored: 0 });
  });
});

/*
 * Before: the second property of a condition was not looked at; bounds that are no numbers did not bound; of two ranges
 * the last counted; an unknown operator was read as "eq"; what is no condition at all answered InternalError.
 */
describe("a policy of a form with an unknown part permits nothing", () => {
  it.each<[string, unknown]>([
    ["a condition of two properties", { key: "mine.txt", bucket: "another" }],
    ["a condition without properties", {}],
    ["a value that is no text", { key: ["mine.txt"] }],
    ["bounds that are no numbers", ["content-length-range", "none", "none"]],
    ["a negative bound", ["content-length-range", -1, 5]],
    ["another operator", ["ends-with", "$key", ".txt"]],
    ["a name without a dollar sign", ["eq", "key", "mine.txt"]],
    ["a fourth element", ["eq", "$key", "mine.txt", "other.txt"]],
    ["a number", 5],
    ["nothing", null],
    ["numbers", [1, 2, 3]],
  ])("%s", async (_, condition) => {
    const answer = await post({ conditions: [KEY, condition] });
    expect(answer).toEqual({ status: 400, code: "InvalidPolicyDocument", stored: 0 });
  });

  it.each([null, 5, "text", [], {}, { expiration: 5, conditions: [] }, { expiration: "x", conditions: {} }])(
    "the document %j",
    async (policy) => {
      expect(await post({ policy })).toEqual({ status: 400, code: "InvalidPolicyDocument", stored: 0 });
    },
  );

  it("and two ranges both apply", async () => {
    const ranges = [
      ["content-length-range", 0, 5],
      ["content-length-range", 0, 500],
    ];
    expect(await post({ conditions: [KEY, ...ranges] })).toMatchObject({ code: "EntityTooLarge", stored: 0 });
  });
});

it("accepts a form that satisfies its policy", async () => {
  expect(await post({ conditions: [KEY, { bucket: "forms" }, ["content-length-range", "1", 20]] })).toEqual({
    status: 204,
    code: undefined,
    stored: 1,
  });
});
