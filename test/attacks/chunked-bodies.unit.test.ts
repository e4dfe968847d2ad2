import { CreateBucketCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { checksumOf } from "@gantry/kernel";
import { ROOT, sendRaw, signedHeaders, startApi } from "@gantry/testkit";
import { amzDateOf, hmac, sha256Hex, signingKey } from "@gantry/wire/sigv4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A client sends a body in chunks with trailers that say something else than its headers, or nothing that was signed.
// Source: Amazon S3 API Reference, "Signature calculations: including trailing headers"; "Checking object integrity".
const api = await startApi();
afterAll(() => api.close());
const client = new S3Client({ ...api.client(), forcePathStyle: true });
beforeAll(() => client.send(new CreateBucketCommand({ Bucket: "bytes" })));

const BODY = "hello";
const crcOf = (text: string, algorithm: "crc32" | "sha256" = "crc32") => {
  const state = checksumOf(algorithm);
  state.update(Buffer.from(text));
  return state.digest();
};
const CRC = `x-amz-checksum-crc32:${crcOf(BODY)}`;
const UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

/** Headers of a chunked upload; undefined leaves one out. */
type Headers = Readonly<Record<string, string | undefined>>;

function headersOf(more: Headers): Record<string, string> {
  const all: Headers = {
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": String(BODY.length),
    "x-amz-trailer": "x-amz-checksum-crc32",
    ...more,
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function put(body: string, more: Headers = {}, payload = UNSIGNED): Promise<string> {
  const request = { service: "s3", method: "PUT", path: "/bytes/k", headers: headersOf(more), body, payload };
  const { status, text } = await sendRaw(api.endpoint, request, Date.now());
  return status === 200 ? "stored" : `${status} ${/<Code>(\w+)/.exec(text)?.[1] ?? text}`;
}

const unsigned = (...trailers: readonly string[]) =>
  `5\r\n${BODY}\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`;

describe("unsigned chunks", () => {
  it("are stored with the trailer that the headers announce", async () => {
    expect(await put(unsigned(CRC))).toBe("stored");
    expect(await put(unsigned(`X-Amz-Checksum-CRC32: ${crcOf(BODY)}`))).toBe("stored");
    expect(await put(`${unsigned(CRC)}bytes behind the end`)).toBe("stored");
    const { Body } = await client.send(new GetObjectCommand({ Bucket: "bytes", Key: "k" }));
    expect(await Body?.transformToString()).toBe(BODY);
  });

  // Before: the last of two trailers counted, others were ignored, and lines without a colon too.
  it.each([
    ["the announced trailer is missing", unsigned(), {}],
    ["it is given twice", unsigned("x-amz-checksum-crc32:AAAAAA==", CRC), {}],
    ["another one is beside it", unsigned(CRC, `x-amz-checksum-sha256:${crcOf(BODY, "sha256")}`), {}],
    ["one is no header at all", unsigned(CRC, "x-amz-meta-a"), {}],
    ["metadata is given as a trailer", unsigned(CRC, "x-amz-meta-a:b"), {}],
    [
      "a signature is given that nobody checks",
      unsigned(CRC, `x-amz-trailer-signature:${"0".repeat(64)}`),
      {},
    ],
    ["none is announced", unsigned(CRC), { "x-amz-trailer": undefined }],
  ])("are refused where %s", async (_, body, more: Headers) =>
    expect(await put(body, more)).toBe("400 MalformedTrailerError"),
  );

  // Before: a trailer of an unknown name was announced and never looked at.
  it.each([
    "x-amz-meta-a",
    "x-amz-checksum-md5",
    "content-md5",
    "x-amz-checksum-crc32,x-amz-checksum-sha1",
    "",
  ])("are refused where the trailer %j is announced", async (name) =>
    expect(await put(unsigned(`${name}:x`), { "x-amz-trailer": name })).toBe("400 InvalidRequest"),
  );

  // Before: the trailer won over the header.
  it("are refused where a header says another checksum than the trailer", async () => {
    const more = { "x-amz-checksum-sha256": crcOf(BODY, "sha256") };
    expect(await put(unsigned(CRC), more)).toBe("400 InvalidRequest");
    expect(await put(unsigned(CRC), { "x-amz-sdk-checksum-algorithm": "SHA256" })).toBe("400 InvalidRequest");
  });

  it("are refused where the checksum is another body's", async () =>
    expect(await put(unsigned(`x-amz-checksum-crc32:${crcOf("jello")}`))).toBe("400 BadDigest"));

  // Before: the length was checked only where it was given.
  it("are refused without a numeric decoded length", async () => {
    const name = "x-amz-decoded-content-length";
    expect(await put(unsigned(CRC), { [name]: undefined })).toBe("411 MissingContentLength");
    for (const value of ["x", "-5", "5.5", "0x5", "5 5", ""])
      expect.soft(await put(unsigned(CRC), { [name]: value }), value).toBe("400 InvalidArgument");
    for (const value of ["4", "6"])
      expect.soft(await put(unsigned(CRC), { [name]: value }), value).toBe("400 IncompleteBody");
  });

  // Before: 64 KiB of one-byte chunks took one turn of the event loop of 50 to 180 ms, signed or not.
  it("are refused if a chunk before the last one has less than 8 KiB", async () => {
    const body = `2\r\nhe\r\n3\r\nllo\r\n0\r\n${CRC}\r\n\r\n`;
    expect(await put(body)).toBe("403 InvalidChunkSizeError");
  });
});

/** A body in signed chunks, with signed trailers unless they are changed. */
function signed(
  headers: Record<string, string>,
  payload: string,
  change: {
    trailers?: readonly string[];
    signature?: string;
    chunkSignature?: string;
    isTrailerMode?: boolean;
  } = {},
): { headers: Record<string, string>; body: string } {
  const now = Date.now();
  const request = { service: "s3", method: "PUT", path: "/bytes/k", headers, payload };
  const all = signedHeaders(new URL(api.endpoint).host, request, now);
  const scope = { date: amzDateOf(now).slice(0, 8), region: "eu-south-1", service: "s3" };
  const key = signingKey(ROOT.secretAccessKey, scope);
  const place = `${scope.date}/eu-south-1/s3/aws4_request`;
  let previous = /Signature=(\w+)/.exec(all["authorization"] ?? "")?.[1] ?? "";
  const sign = (kind: string, ...hashes: readonly string[]) =>
    (previous = hmac(key, [kind, amzDateOf(now), place, previous, ...hashes].join("\n")).toString("hex"));
  const chunk = (text: string) => {
    const own = sign("AWS4-HMAC-SHA256-PAYLOAD", sha256Hex(""), sha256Hex(text));
    return `${text.length.toString(16)};chunk-signature=${change.chunkSignature ?? own}\r\n`;
  };
  const data = `${chunk(BODY)}${BODY}\r\n${chunk("")}`;
  const trailers = change.trailers ?? [CRC];
  const own = sign("AWS4-HMAC-SHA256-TRAILER", sha256Hex(`${CRC}\n`));
  const lines = [...trailers, `x-amz-trailer-signature:${change.signature ?? own}`];
  const tail = payload.endsWith("TRAILER") ? lines.map((line) => `${line}\r\n`).join("") : "";
  return { headers: all, body: `${data}${tail}\r\n` };
}

async function putSigned(
  payload: string,
  more: Headers = {},
  change: Parameters<typeof signed>[2] = {},
): Promise<string> {
  const { headers, body } = signed(headersOf(more), payload, change);
  const { host: _, ...rest } = headers;
  const answer = await fetch(`${api.endpoint}/bytes/k`, { method: "PUT", headers: rest, body });
  const text = await answer.text();
  return answer.status === 200 ? "stored" : `${answer.status} ${/<Code>(\w+)/.exec(text)?.[1] ?? text}`;
}

describe("signed chunks", () => {
  const WITH_TRAILER = `${SIGNED}-TRAILER`;

  it("are stored where every chunk and the trailer are signed", async () => {
    expect(await putSigned(SIGNED, { "x-amz-trailer": undefined })).toBe("stored");
    expect(await putSigned(WITH_TRAILER)).toBe("stored");
  });

  it("are refused if a signature is not that of its part", async () => {
    const zeros = "0".repeat(64);
    expect(await putSigned(SIGNED, { "x-amz-trailer": undefined }, { chunkSignature: zeros })).toBe(
      "403 SignatureDoesNotMatch",
    );
    expect(await putSigned(WITH_TRAILER, {}, { signature: zeros })).toBe("403 SignatureDoesNotMatch");
    const other = [`x-amz-checksum-crc32:${crcOf("jello")}`];
    expect(await putSigned(WITH_TRAILER, {}, { trailers: other })).toBe("403 SignatureDoesNotMatch");
  });

  // Before: without the header x-amz-trailer the trailers of a signed stream were taken unsigned and unread.
  it("are refused where trailers are not announced, or announced and not part of the form", async () => {
    expect(await putSigned(WITH_TRAILER, { "x-amz-trailer": undefined })).toBe("400 MalformedTrailerError");
    expect(await putSigned(SIGNED)).toBe("400 MalformedTrailerError");
  });

  it("are refused where a second trailer stands before the signed one", async () =>
    expect(await putSigned(WITH_TRAILER, {}, { trailers: ["x-amz-checksum-crc32:AAAAAA==", CRC] })).toBe(
      "400 MalformedTrailerError",
    ));
});
