import { request, type IncomingHttpHeaders } from "node:http";
import * as s3 from "@aws-sdk/client-s3";
import { ROOT, sendRaw, startS3 } from "@gantry/testkit";
import { amzDateOf, hmac, signingKey } from "@gantry/wire/sigv4";
import { afterAll, describe, expect, it } from "vitest";

const { api, client, newBucket, put, get } = await startS3();
afterAll(() => api.close());
/** A request with a host of its own, which fetch does not allow. */
function plainGet(
  port: number,
  path: string,
  host: string,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, headers: { host } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

/**
 * The fields of a form, signed as the SDKs' helpers do.
 * Source: "Authenticating requests in browser-based uploads using POST".
 */
function signForm(form: {
  bucket: string;
  key: string;
  fields: Record<string, string>;
  conditions: unknown[];
}): Record<string, string> {
  const amzDate = amzDateOf(Date.now());
  const scope = { date: amzDate.slice(0, 8), region: "eu-south-1", service: "s3" };
  const all: Record<string, string> = {
    ...form.fields,
    key: form.key,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${ROOT.accessKeyId}/${scope.date}/${scope.region}/s3/aws4_request`,
    "X-Amz-Date": amzDate,
  };
  const conditions = [
    ...form.conditions,
    { bucket: form.bucket },
    ...Object.entries(all).map(([name, value]) => ({ [name]: value })),
  ];
  const policy = Buffer.from(
    JSON.stringify({ expiration: new Date(Date.now() + 60_000).toISOString(), conditions }),
  ).toString("base64");
  return {
    ...all,
    Policy: policy,
    "X-Amz-Signature": hmac(signingKey(ROOT.secretAccessKey, scope), policy).toString("hex"),
  };
}

describe("browsers", () => {
  it("learn by a preflight request what a page of another origin may do", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "x");
    const CORSRules: s3.CORSRule[] = [
      {
        ID: "own",
        AllowedOrigins: ["https://*.example.com"],
        AllowedMethods: ["PUT", "GET"],
        AllowedHeaders: ["x-amz-*", "content-type"],
        ExposeHeaders: ["ETag"],
        MaxAgeSeconds: 60,
      },
      { AllowedOrigins: ["*"], AllowedMethods: ["GET"] },
    ];
    await client.send(new s3.PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
    expect((await client.send(new s3.GetBucketCorsCommand({ Bucket }))).CORSRules).toEqual(CORSRules);
    const ask = (origin: string, method: string, headers = "") =>
      fetch(`${api.endpoint}/${Bucket}/k`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": method,
          ...(headers === "" ? {} : { "access-control-request-headers": headers }),
        },
      });
    const yes = await ask("https://www.example.com", "PUT", "X-Amz-Date, content-type");
    expect([
      yes.status,
      yes.headers.get("access-control-allow-origin"),
      yes.headers.get("access-control-max-age"),
    ]).toEqual([200, "https://www.example.com", "60"]);
    expect((await ask("https://elsewhere.net", "PUT")).status).toBe(403);
    expect((await ask("https://elsewhere.net", "GET")).headers.get("access-control-allow-origin")).toBe("*");
    const answer = await sendRaw(
      api.endpoint,
      { service: "s3", method: "GET", path: `/${Bucket}/k`, headers: { origin: "https://elsewhere.net" } },
      Date.now(),
    );
    expect([answer.text, answer.headers.get("access-control-allow-origin")]).toEqual(["x", "*"]);
  });

  it("post forms within their policy, and no others", async () => {
    const Bucket = await newBucket();
    const url = `${api.endpoint}/${Bucket}`;
    const fields = signForm({
      bucket: Bucket,
      key: "up/${filename}",
      fields: { success_action_status: "201", "x-amz-meta-who": "ann" },
      conditions: [
        ["content-length-range", 1, 20],
        ["starts-with", "$Content-Type", "text/"],
      ],
    });
    const post = (change: Record<string, string> = {}, body = "from a form") => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ ...fields, "Content-Type": "text/plain", ...change }))
        form.append(name, value);
      form.append("file", new Blob([body], { type: "text/plain" }), "note.txt");
      return fetch(url, { method: "POST", body: form });
    };
    const answer = await post();
    expect(answer.status).toBe(201);
    expect(await answer.text()).toContain("<Key>up/note.txt</Key>");
    expect(await get(Bucket, "up/note.txt")).toBe("from a form");
    expect((await client.send(new s3.HeadObjectCommand({ Bucket, Key: "up/note.txt" }))).Metadata).toEqual({
      who: "ann",
    });
    expect(await (await post({}, "x".repeat(21))).text()).toContain("EntityTooLarge");
    expect(await (await post({}, "")).text()).toContain("EntityTooSmall");
    expect(await (await post({ "Content-Type": "image/png" })).text()).toContain("Policy Condition failed");
    expect(await (await post({ "x-amz-meta-more": "1" })).text()).toContain("Extra input fields");
    expect(await (await post({ "X-Amz-Signature": "0".repeat(64) })).text()).toContain(
      "SignatureDoesNotMatch",
    );
    expect((await client.send(new s3.ListObjectsV2Command({ Bucket }))).KeyCount).toBe(1);
  });
});

describe("websites", () => {
  it("serve index and error documents, redirects and routing rules to everyone whom the policy allows", async () => {
    const Bucket = await newBucket();
    for (const [key, body] of [
      ["index.html", "home"],
      ["docs/index.html", "docs"],
      ["error.html", "lost"],
    ] as const)
      await put(Bucket, key, body, { ContentType: "text/html" });
    await put(Bucket, "old", "gone", { WebsiteRedirectLocation: "/new" });
    await client.send(
      new s3.PutBucketWebsiteCommand({
        Bucket,
        WebsiteConfiguration: {
          IndexDocument: { Suffix: "index.html" },
          ErrorDocument: { Key: "error.html" },
          RoutingRules: [
            {
              Condition: { KeyPrefixEquals: "moved/" },
              Redirect: { ReplaceKeyPrefixWith: "docs/", HttpRedirectCode: "302" },
            },
          ],
        },
      }),
    );
    await client.send(new s3.DeletePublicAccessBlockCommand({ Bucket }));
    const host = `${Bucket}.s3-website.eu-south-1.localhost:${api.port}`;
    const page = (path: string) => plainGet(api.port, path, host);
    expect((await page("/")).status).toBe(403);
    const allowAll = (Action: string, resource: string) => ({
      Effect: "Allow",
      Principal: "*",
      Action,
      Resource: `arn:aws:s3:::${resource}`,
    });
    const open = (...Statement: object[]) =>
      client.send(
        new s3.PutBucketPolicyCommand({
          Bucket,
          Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
        }),
      );
    await open(allowAll("s3:GetObject", `${Bucket}/*`));
    expect(await page("/")).toMatchObject({ status: 200, body: "home" });
    expect(await page("/docs/")).toMatchObject({ status: 200, body: "docs" });
    expect(await page("/docs")).toMatchObject({ status: 302, headers: { location: "/docs/" } });
    expect(await page("/old")).toMatchObject({ status: 301, headers: { location: "/new" } });
    expect(await page("/moved/x")).toMatchObject({
      status: 302,
      headers: { location: `http://${host}/docs/x` },
    });
    // Before: 404, which tells everyone that the key is missing.
    expect(await page("/nothing")).toMatchObject({ status: 403, body: "lost" });
    await open(allowAll("s3:GetObject", `${Bucket}/*`), allowAll("s3:ListBucket", Bucket));
    expect(await page("/nothing")).toMatchObject({ status: 404, body: "lost" });
  });
});
