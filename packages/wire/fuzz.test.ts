import { readdirSync } from "node:fs";
import * as ecs from "@aws-sdk/client-ecs";
import { sendBytes, sendRaw, startApi, type Api, type RawAnswer, type RawRequest } from "@gantry/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCbor } from "./protocols/cbor.ts";
import { shapeOf } from "./shape.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi({ recordsInputs: false });
});
afterAll(() => api.close());

const SEED = 20_261_125;
const DEEP = 100_000;
const send = (request: RawRequest): Promise<RawAnswer> => sendRaw(api.endpoint, request, Date.now());
const json = (operation: string, body: string | Uint8Array): RawRequest => ({
  service: "ecs",
  headers: {
    "x-amz-target": `AmazonEC2ContainerServiceV20141113.${operation}`,
    "content-type": "application/x-amz-json-1.1",
  },
  body,
});
const FORM = "application/x-www-form-urlencoded";
const formOf =
  (service: string) =>
  (body: string): RawRequest => ({
    service,
    headers: { "content-type": FORM },
    body,
  });
const form = formOf("ec2");
const query = formOf("elasticloadbalancing");
const s3 = (method: string, path: string, body: string | Uint8Array = ""): RawRequest => ({
  service: "s3",
  method,
  path,
  body,
});

/** Expects a client error: a status below 500, in the protocol's own form. */
function expectBlamed({ status, text }: RawAnswer, form: RegExp): void {
  expect(status, text.slice(0, 300)).toBeLessThan(500);
  if (status >= 400) expect(text.slice(0, 300)).toMatch(form);
}

const OPERATIONS = [
  "RegisterTaskDefinition",
  "RunTask",
  "CreateService",
  "UpdateService",
  "CreateCluster",
  "DescribeTasks",
  "ListTasks",
  "TagResource",
];
const NAMES = [
  "family",
  "containerDefinitions",
  "cluster",
  "name",
  "image",
  "memory",
  "cpu",
  "tags",
  "key",
  "value",
  "tasks",
  "taskDefinition",
  "networkMode",
];
/** JSON that resembles what the operations take, with anything in it. */
const nearJson = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom(
      "FARGATE",
      "awsvpc",
      "__proto__",
      "constructor",
      "\u0000",
      "arn:aws:ecs:::",
      "9".repeat(400),
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES, "__proto__"), fc.string()), tie("value"), {
      maxKeys: 6,
    }),
  ),
})).value;

describe("any input is accepted or refused in AWS's form", () => {
  it("JSON: nearly valid and random", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...OPERATIONS),
        fc.oneof(
          nearJson.map((value) => JSON.stringify(value)),
          fc.string(),
          fc.uint8Array(),
        ),
        async (operation, body) => {
          expectBlamed(await send(json(operation, body)), /"__type"/);
        },
      ),
      { numRuns: 400, seed: SEED },
    ));

  it("CBOR: any bytes, and arrays of unlimited length", () => {
    const shape = shapeOf(ecs.RegisterTaskDefinitionRequest$);
    const read = (body: Uint8Array): void => {
      try {
        readCbor(shape, body);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "SerializationException" });
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read), { numRuns: 2_000, seed: SEED });
    read(Buffer.from([0x9a, 0xff, 0xff, 0xff, 0xff, 0x00]));
    read(Buffer.concat([Buffer.alloc(DEEP, 0x81), Buffer.from([0xf6])]));
  });

  it("forms: indices, names and values of every kind", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          "DescribeVpcs",
          "CreateVpc",
          "CreateSecurityGroup",
          "AuthorizeSecurityGroupIngress",
          "RunInstances",
        ),
        fc.array(
          fc.tuple(
            fc.oneof(
              fc.constantFrom(
                "Filter.1.Name",
                "Filter.0.Value.-1",
                "Filter.999999999.Name",
                "CidrBlock",
                "IpPermissions.1.IpRanges.1.CidrIp",
                "VpcId.1",
                "__proto__.1",
              ),
              fc.string(),
            ),
            fc.string(),
          ),
          { maxLength: 8 },
        ),
        async (action, pairs) => {
          const fields = new URLSearchParams([
            ["Action", action],
            ["Version", "2016-11-15"],
            ...pairs,
          ]).toString();
          expectBlamed(await send(form(fields)), /<Response><Errors><Error><Code>/);
          const balancers = new URLSearchParams([
            ["Action", "DescribeLoadBalancers"],
            ["Version", "2015-12-01"],
            ...pairs,
          ]).toString();
          expectBlamed(await send(query(balancers)), /<ErrorResponse/);
        },
      ),
      { numRuns: 150, seed: SEED },
    ));

  it("XML: malformed, of another form, and with expanding entities", async () => {
    await send(s3("PUT", "/fuzz"));
    const grow = (name: string, of: string) => `<!ENTITY ${name} "${`&${of};`.repeat(10)}">`;
    const growing = [..."bcdefghij"].map((name, index) => grow(name, "abcdefghi"[index] ?? "")).join("");
    const declared = `<!ENTITY a "aaaaaaaaaa">${growing}<!ENTITY f SYSTEM "file:///etc/passwd">`;
    const document = "<Delete><Object><Key>&j;&f;</Key></Object></Delete>";
    const entities = `<?xml version="1.0"?><!DOCTYPE x [${declared}]>${document}`;
    const grown = await send(s3("POST", "/fuzz?delete=", entities));
    expect(grown.text.length).toBeLessThan(100_000);
    expect(grown.text).not.toContain("root:");
    const pieces = fc.array(
      fc.constantFrom(
        "<Delete>",
        "</Delete>",
        "<Object>",
        "</Object>",
        "<Key>",
        "</Key>",
        "a",
        "&amp;",
        "&#x110000;",
        "&#0;",
        "<![CDATA[",
        "]]>",
        "<?x?>",
        "<!--",
        "-->",
        "<Quiet>maybe</Quiet>",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          pieces.map((parts) => parts.join("")),
          fc.string(),
        ),
        async (body) => {
          expectBlamed(await send(s3("POST", "/fuzz?delete=", body)), /<Error><Code>/);
          expectBlamed(await send(s3("POST", "/fuzz/k?uploadId=none", body)), /<Error><Code>/);
        },
      ),
      { numRuns: 150, seed: SEED },
    );
  });

  it("JSON and XML nested a hundred thousand levels deep", async () => {
    for (const body of [
      "[".repeat(DEEP),
      '{"a":'.repeat(DEEP),
      `{"containerDefinitions":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`,
    ])
      expectBlamed(await send(json("RegisterTaskDefinition", body)), /"__type"/);
    expectBlamed(await send(s3("POST", "/fuzz?delete=", "<Delete>".repeat(DEEP))), /<Error><Code>/);
  });

  it("signed chunks: malformed framing", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.constantFrom(
              "5;chunk-signature=",
              "0".repeat(64),
              "\r\n",
              "hello",
              "0\r\n\r\n",
              "ffffffffffff\r\n",
              "x-amz-trailer-signature:",
            ),
            fc.string(),
          ),
          { maxLength: 12 },
        ),
        fc.constantFrom(
          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
          "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        ),
        async (parts, payload) => {
          const headers = {
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": "5",
            "x-amz-trailer": "x-amz-checksum-crc32",
          };
          const answer = await send({ ...s3("PUT", "/fuzz/chunks", parts.join("")), headers, payload });
          expectBlamed(answer, /<Error><Code>/);
          expect(answer.status).toBeGreaterThanOrEqual(400);
        },
      ),
      { numRuns: 200, seed: SEED },
    ));

  it("keys that look like paths: stored literally or refused, and no other file is written", async () => {
    const outside = (): readonly string[] =>
      readdirSync("/tmp").filter((name) => name.includes("gantry-fuzz"));
    const before = outside();
    const parts = fc.constantFrom(
      "..",
      ".",
      "/",
      "%2e%2e",
      "%2F",
      "\\",
      "etc",
      "passwd",
      "gantry-fuzz",
      "tmp",
      "~",
      "%00",
      "%0A",
      "é",
      "😀",
      "a b",
      "+",
      "?x",
      "#y",
      "C:",
      "&",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { minLength: 1, maxLength: 12 }), async (chosen) => {
        const key = chosen.join("");
        const path = `/fuzz/${key
          .split("/")
          .map((part) =>
            encodeURIComponent(part).replace(
              /[!'()*]/g,
              (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
            ),
          )
          .join("/")}`;
        // fetch removes dot segments from URLs, so such paths are skipped.
        if (path.split("/").some((part) => /^(\.|%2e){1,2}$/i.test(part)) || path.endsWith("/")) return;
        const put = await send(s3("PUT", path, key));
        expectBlamed(put, /<Error><Code>/);
        if (put.status === 200) expect((await send(s3("GET", path))).text).toBe(key);
      }),
      { numRuns: 200, seed: SEED },
    );
    const raw = await sendBytes(api.port, ["GET /fuzz/../../../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n"], {
      deadlineMs: 1_000,
    });
    expect(raw).toMatch(/^HTTP\/1.1 (403|404|400)/);
    expect(outside()).toEqual(before);
  });
});

describe("a client that sends slowly, without end or incompletely", () => {
  const quick = async (): Promise<number> => {
    const began = performance.now();
    expect((await send(json("ListClusters", "{}"))).status).toBe(200);
    return performance.now() - began;
  };

  it("is refused with headers of 100 MB, early and in bounded memory", async () => {
    const line = `x-flood: ${"f".repeat(8_000)}\r\n`;
    const before = process.memoryUsage().rss;
    const answer = await sendBytes(
      api.port,
      ["GET / HTTP/1.1\r\nhost: x\r\n", ...Array.from({ length: 13_000 }, () => line)],
      { deadlineMs: 30_000 },
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 ** 2);
    await quick();
  });

  it("is refused with a body that is too large, before all of it is there", async () => {
    const chunk = Buffer.alloc(1024 * 1024, 32);
    const length = 200 * chunk.length;
    const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${FORM}\r\ncontent-length: ${length}\r\n\r\n`;
    const answer = await sendBytes(api.port, [head, ...Array.from({ length: 200 }, () => chunk)], {
      deadlineMs: 30_000,
    });
    expect(answer).toMatch(/^HTTP\/1.1 (413|400|403) /);
    await quick();
  });

  it("does not block others: 300 wait in the middle of headers and bodies, and the rest are served", async () => {
    const waiting = Array.from({ length: 300 }, (_, index) =>
      sendBytes(
        api.port,
        index % 2 === 0
          ? ["POST / HTTP/1.1\r\nhost: x\r\nx-slow: "]
          : [`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\ncontent-type: ${FORM}\r\n\r\nAction=`],
        { deadlineMs: 3_000 },
      ),
    );
    const times: number[] = [];
    for (let round = 0; round < 50; round += 1) times.push(await quick());
    expect(times.toSorted((a, b) => a - b)[45]).toBeLessThan(1_500);
    await Promise.all(waiting);
    await quick();
  });

  it("is answered or disconnected when it half-closes the connection, and leaves no state", async () => {
    const halves = [
      "",
      "P",
      "POST / HTTP/1.1\r\n",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc",
      "PUT /fuzz/half HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    ];
    for (const half of halves) await sendBytes(api.port, [half], { end: true, deadlineMs: 3_000 });
    expect(await connections()).toBeLessThan(10);
    await quick();
  });

  const connections = (): Promise<number> => api.connections();

  it("is disconnected when no bytes of its body arrive for too long", async () => {
    const impatient = await startApi({ idleMs: 300 });
    try {
      const began = performance.now();
      await sendBytes(
        impatient.port,
        [`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${FORM}\r\ncontent-length: 1000\r\n\r\nabc`],
        { deadlineMs: 30_000 },
      );
      expect(performance.now() - began).toBeLessThan(15_000);
    } finally {
      impatient.close();
    }
  });
});
