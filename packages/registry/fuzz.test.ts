import { mkdtempSync, readdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateRepositoryCommand, ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { sendBytes, startApi, type Api } from "@gantry/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

const NAME = "000000000000.dkr.ecr.eu-south-1.amazonaws.com/fuzz";
const SEED = 20_261_125;
let api: Api;
let authorization = "";

beforeAll(async () => {
  api = await startApi({ recordsInputs: false });
  const ecr = new ECRClient(api.client());
  await ecr.send(new CreateRepositoryCommand({ repositoryName: "fuzz" }));
  const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
  authorization = `Basic ${authorizationData[0]?.authorizationToken}`;
});
afterAll(() => api.close());

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function call(
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${api.registryPort}${path}`, {
    method,
    headers: { authorization, ...headers },
    ...(body === undefined || method === "GET" ? {} : { body: Buffer.from(body) }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** Expects a client error in the registry's form. */
function expectBlamed({ status, text }: Answer): void {
  expect(status, text.slice(0, 300)).toBeLessThan(500);
  if (status >= 400 && text !== "")
    expect(JSON.parse(text)).toMatchObject({
      errors: [{ code: expect.any(String), message: expect.any(String) }],
    });
}

it("refuses invalid manifests, whatever they contain", () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.constantFrom(`sha256:${"0".repeat(64)}`, "sha256:../../etc/passwd", "sha512:x"),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "schemaVersion",
          "mediaType",
          "config",
          "layers",
          "manifests",
          "digest",
          "size",
          "urls",
          "subject",
          "annotations",
          "__proto__",
        ),
        tie("node"),
        { maxKeys: 6 },
      ),
    ),
  })).node;
  return fc.assert(
    fc.asyncProperty(
      fc.oneof(
        value.map((node) => JSON.stringify(node)),
        fc.string(),
        fc.uint8Array(),
      ),
      async (body) => {
        expectBlamed(
          await call("PUT", `/v2/${NAME}/manifests/latest`, body, {
            "content-type": "application/vnd.oci.image.manifest.v1+json",
          }),
        );
      },
    ),
    { numRuns: 300, seed: SEED },
  );
});

it("answers malformed names, references, digests, ranges and uploads, and writes only to its folder", async () => {
  const outside = mkdtempSync(join(tmpdir(), "gantry-registry-fuzz-"));
  const piece = fc.constantFrom(
    "..",
    "%2e%2e",
    "/",
    "%2F",
    "sha256:",
    "sha256:../x",
    "a",
    "latest",
    "%00",
    "é",
    "uploads",
    "blobs",
    "%",
    "\\",
    outside.slice(1),
    "0".repeat(64),
    "?digest=sha256:..%2Fx",
    "&mount=sha256:x",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"),
      fc.constantFrom("blobs/", "blobs/uploads/", "manifests/", "tags/list", "referrers/"),
      fc.array(piece, { maxLength: 5 }),
      fc.constantFrom("", "0-4", "5-", "bytes 7-9", "-1-1", "99999999999999999999-3"),
      async (method, kind, pieces, range) => {
        const headers: Record<string, string> =
          range === "" ? {} : { "content-range": range, range: `bytes=${range}` };
        const answer = await call(
          method,
          `/v2/${NAME}/${kind}${pieces.join("")}`,
          method === "HEAD" ? undefined : "bytes",
          headers,
        );
        expect(answer.status, `${method} ${kind}${pieces.join("")}: ${answer.text}`).toBeLessThan(500);
      },
    ),
    { numRuns: 600, seed: SEED },
  );
  expect(readdirSync(outside)).toEqual([]);
  const raw = await sendBytes(
    api.registryPort,
    [
      `GET /v2/${NAME}/blobs/../../../../etc/passwd HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`,
    ],
    { deadlineMs: 500 },
  );
  expect(raw).toMatch(/^HTTP\/1.1 404/);
});

it("continues an interrupted upload, and never serves a part of it", async () => {
  const bytes = Buffer.from("0123456789".repeat(1_000));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const started = await call("POST", `/v2/${NAME}/blobs/uploads/`, "");
  const location = started.headers.get("location") ?? "";
  // The client dies after 4,000 of the bytes that it announced.
  await sendBytes(
    api.registryPort,
    [
      `PATCH ${location} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-length: 10000\r\n\r\n`,
      bytes.subarray(0, 4_000),
    ],
    { end: true, deadlineMs: 2_000 },
  );
  expect((await call("HEAD", `/v2/${NAME}/blobs/${digest}`)).status).toBe(404);
  const status = await call("GET", location);
  const have = Number(/^0-(\d+)$/.exec(status.headers.get("range") ?? "")?.[1] ?? -1) + 1;
  expect(have).toBeGreaterThanOrEqual(0);
  expect(have).toBeLessThanOrEqual(4_000);
  expect(
    (await call("PATCH", location, bytes.subarray(5_000), { "content-range": "5000-9999" })).status,
  ).toBe(416);
  const rest = have <= 1 && status.headers.get("range") === "0-0" ? bytes : bytes.subarray(have);
  const patched = await call("PATCH", location, rest);
  expect(patched.status).toBe(202);
  expect((await call("PUT", `${location}?digest=${digest}`, "")).status).toBe(201);
  expect((await call("GET", `/v2/${NAME}/blobs/${digest}`)).text).toBe(bytes.toString());
});
