import { request, type IncomingHttpHeaders } from "node:http";
import * as s3 from "@aws-sdk/client-s3";
import { ROOT, sendRaw, startS3 } from "@gantry/testkit";
import { amzDateOf, hmac, signingKey } from "@gantry/wire/sigv4";
import { afterAll, describe, expect, it } from "vitest";

const { api, client, newBucket, put, get } = await startS3();
afterAll(() => api.close());
const failure = (name: string, status: number): unknown =>
  expect.objectContaining({
    name,
    $metadata: expect.objectContaining({ httpStatusCode: status }) as unknown,
  });

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

/** The fields of a form, signed as the SDKs' helpers do. Source: "Authenticating requests in browser-based uploads using POST". */
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

describe("settings", () => {
  it("come back as they were put, and answer S3's errors where there are none", async () => {
    const Bucket = await newBucket();
    const on = { Bucket };
    const absent: [() => Promise<unknown>, string][] = [
      [() => client.send(new s3.GetBucketLifecycleConfigurationCommand(on)), "NoSuchLifecycleConfiguration"],
      [() => client.send(new s3.GetBucketCorsCommand(on)), "NoSuchCORSConfiguration"],
      [() => client.send(new s3.GetBucketWebsiteCommand(on)), "NoSuchWebsiteConfiguration"],
      [() => client.send(new s3.GetBucketPolicyCommand(on)), "NoSuchBucketPolicy"],
      [
        () => client.send(new s3.GetObjectLockConfigurationCommand(on)),
        "ObjectLockConfigurationNotFoundError",
      ],
      [() => client.send(new s3.GetBucketTaggingCommand(on)), "NoSuchTagSet"],
      [() => client.send(new s3.GetBucketReplicationCommand(on)), "ReplicationConfigurationNotFoundError"],
    ];
    for (const [call, name] of absent) await expect(call()).rejects.toEqual(failure(name, 404));
    const Rules: s3.LifecycleRule[] = [
      { ID: "a", Status: "Enabled", Filter: { Prefix: "logs/" }, Expiration: { Days: 3 } },
      {
        ID: "b",
        Status: "Disabled",
        Filter: { And: { Prefix: "x", Tags: [{ Key: "t", Value: "v" }], ObjectSizeGreaterThan: 5 } },
        NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 1 },
      },
      {
        ID: "c",
        Status: "Enabled",
        Filter: { Tag: { Key: "t", Value: "v" } },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
      { ID: "d", Status: "Enabled", Filter: { Prefix: "" }, Expiration: { ExpiredObjectDeleteMarker: true } },
    ];
    await client.send(
      new s3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
    );
    expect((await client.send(new s3.GetBucketLifecycleConfigurationCommand(on))).Rules).toEqual(Rules);
    await expect(
      client.send(
        new s3.PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: {
            Rules: [{ Status: "Enabled", Filter: {}, Transitions: [{ Days: 1, StorageClass: "GLACIER" }] }],
          },
        }),
      ),
    ).rejects.toEqual(failure("NotImplemented", 501));
    const website: s3.WebsiteConfiguration = {
      IndexDocument: { Suffix: "index.html" },
      ErrorDocument: { Key: "error.html" },
    };
    await client.send(new s3.PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration: website }));
    expect(await client.send(new s3.GetBucketWebsiteCommand(on))).toMatchObject(website);
    await client.send(
      new s3.PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    expect(
      (await client.send(new s3.GetBucketNotificationConfigurationCommand(on))).EventBridgeConfiguration,
    ).toEqual({});
    await expect(client.send(new s3.PutBucketAclCommand({ Bucket, ACL: "public-read" }))).rejects.toEqual(
      failure("AccessControlListNotSupported", 400),
    );
    await expect(put(Bucket, "k", "x", { ACL: "public-read" })).rejects.toEqual(
      failure("AccessControlListNotSupported", 400),
    );
    await expect(put(Bucket, "k", "x", { StorageClass: "GLACIER" })).rejects.toEqual(
      failure("InvalidStorageClass", 400),
    );
  });

  it.each([
    "ab",
    "Upper",
    "under_score",
    "a..b",
    "-a-",
    "192.168.0.1",
    "xn--bucket",
    "bucket-s3alias",
    "x".repeat(64),
    "a b",
  ])("refuse the bucket name %j", async (Bucket) => {
    await expect(client.send(new s3.CreateBucketCommand({ Bucket }))).rejects.toEqual(
      failure("InvalidBucketName", 400),
    );
  });

  it.each([
    "a",
    "ä/ö ü",
    "a//b",
    "/lead",
    "trail/",
    "%41+ &=?#",
    "..",
    "a/../b",
    "日本/🙂",
    "<&\">'",
    "\ttab",
    "x".repeat(1024),
  ])("keep the key %j", async (Key) => {
    const Bucket = await newBucket();
    await put(Bucket, Key, Key);
    expect(await get(Bucket, Key)).toBe(Key);
    expect(
      (await client.send(new s3.ListObjectsV2Command({ Bucket, EncodingType: "url" }))).Contents?.map(
        (each) => decodeURIComponent(each.Key ?? ""),
      ),
    ).toEqual([Key]);
    await client.send(
      new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }),
    );
    expect(await get(Bucket, "copy")).toBe(Key);
    expect(
      (
        await client.send(
          new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key: "copy" }] } }),
        )
      ).Deleted,
    ).toHaveLength(2);
  });

  it("refuse a key of more than 1,024 bytes", async () => {
    await expect(put(await newBucket(), "ä".repeat(513), "x")).rejects.toEqual(
      failure("KeyTooLongError", 400),
    );
  });
});

describe("bucket policies", () => {
  const allowAll = (Bucket: string, more: object = {}) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: "*",
          Action: "s3:GetObject",
          Resource: `arn:aws:s3:::${Bucket}/*`,
          ...more,
        },
      ],
    });
  const open = (Bucket: string) =>
    client.send(
      new s3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { BlockPublicPolicy: false, RestrictPublicBuckets: false },
      }),
    );

  it("let nobody in, or everyone, as they say, and public access block has the last word", async () => {
    const Bucket = await newBucket();
    await put(Bucket, "k", "for everyone");
    const anonymous = () => fetch(`${api.endpoint}/${Bucket}/k`);
    expect((await anonymous()).status).toBe(403);
    await expect(
      client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) })),
    ).rejects.toEqual(failure("AccessDenied", 403));
    await open(Bucket);
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy: allowAll(Bucket) }));
    expect((await client.send(new s3.GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic).toBe(
      true,
    );
    expect(await (await anonymous()).text()).toBe("for everyone");
    expect((await fetch(`${api.endpoint}/${Bucket}?list-type=2`)).status).toBe(403);
    await client.send(
      new s3.PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: { RestrictPublicBuckets: true },
      }),
    );
    expect((await anonymous()).status).toBe(403);
  });

  it("deny the account's own root too, but never what mends them", async () => {
    const Bucket = await newBucket();
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
        },
      ],
    });
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
    await expect(put(Bucket, "k", "x")).rejects.toThrow(/with an explicit deny in a resource-based policy/);
    await client.send(new s3.DeleteBucketPolicyCommand({ Bucket }));
    await put(Bucket, "k", "x");
  });

  it.each([
    ["no JSON", "nonsense"],
    [
      "no principal",
      (bucket: string) =>
        JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "s3:*", Resource: `arn:aws:s3:::${bucket}` }],
        }),
    ],
    ["another bucket", () => allowAll("other")],
    ["another service", (bucket: string) => allowAll(bucket, { Action: "ec2:*" })],
  ])("are refused with %s", async (_, policy) => {
    const Bucket = await newBucket();
    await expect(
      client.send(
        new s3.PutBucketPolicyCommand({
          Bucket,
          Policy: typeof policy === "string" ? policy : policy(Bucket),
        }),
      ),
    ).rejects.toEqual(failure("MalformedPolicy", 400));
  });
});

describe("browsers", () => {
  it("are told beforehand what a page of another origin may do", async () => {
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
  it("answer index and error documents, redirects and routing rules, to everyone whom the policy lets in", async () => {
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
