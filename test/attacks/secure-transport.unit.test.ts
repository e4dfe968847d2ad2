import { once } from "node:events";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  DeletePublicAccessBlockCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { endpointTls } from "../../apps/control-plane/endpoint-tls.ts";
import { isOverLoopback } from "../../apps/control-plane/loopback.ts";
import { SystemClock } from "@gantry/kernel";
import { presign, startApi, type Api } from "@gantry/testkit";
import { newHttpServer, newPlainAndTlsServer } from "@gantry/wire";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// One port speaks plain HTTP and TLS. Policies that demand TLS must not be satisfied by anything that a client says.
const DEMANDS_TLS = (bucket: string, condition: object) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      Condition: condition,
    },
  });
const opened: { close(): unknown }[] = [];
let strict: Endpoint;
let lenient: Endpoint;

beforeAll(async () => {
  strict = await openEndpoint(false);
  lenient = await openEndpoint(true);
});
afterAll(() => opened.forEach((each) => each.close()));

interface Endpoint {
  readonly api: Api;
  readonly port: number;
  s3(scheme: "http" | "https", headers?: Readonly<Record<string, string>>): S3Client;
}

/** The endpoint of the control plane: `isPlainSecure` is the operator's setting. */
async function openEndpoint(isPlainSecure: boolean): Promise<Endpoint> {
  const api = await startApi({ countsAsSecure: (socket) => isPlainSecure && isOverLoopback(socket) });
  const plain = newHttpServer(api.handle, { headersMs: 300 });
  const tls = endpointTls(
    { authority: api.authority, clock: new SystemClock(), address: undefined },
    api.handle,
  );
  const server = newPlainAndTlsServer(plain, tls, { headersMs: 300 });
  const port = await listen(server);
  opened.push(api, server, { close: () => plain.closeAllConnections() });
  return {
    api,
    port,
    s3: (scheme, headers = {}) => {
      const client = new S3Client({
        ...api.client(),
        endpoint: `${scheme}://127.0.0.1:${port}`,
        forcePathStyle: true,
        ...(scheme === "https" ? { requestHandler: { httpsAgent: { ca: api.authority.caPem } } } : {}),
      });
      client.middlewareStack.add(
        (next) => (call) => {
          Object.assign((call.request as { headers: Record<string, string> }).headers, headers);
          return next(call);
        },
        { step: "build" },
      );
      return client;
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port; // It listens on a port.
}

async function bucketWith(endpoint: Endpoint, name: string, condition: object): Promise<string> {
  const s3 = endpoint.s3("https");
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  await s3.send(new PutObjectCommand({ Bucket: name, Key: "secret", Body: "s" }));
  await s3.send(new PutBucketPolicyCommand({ Bucket: name, Policy: DEMANDS_TLS(name, condition) }));
  return name;
}

const list = (client: S3Client, Bucket: string) => client.send(new ListObjectsV2Command({ Bucket }));

describe("a policy that denies aws:SecureTransport false", () => {
  const FALSE = { Bool: { "aws:SecureTransport": "false" } };

  // Before: the port spoke plain HTTP alone, so that such a policy shut out everybody.
  it("admits TLS, and plain HTTP over loopback only while it counts as secure", async () => {
    const name = await bucketWith(strict, "demands-tls", FALSE);
    await expect(list(strict.s3("https"), name)).resolves.toMatchObject({ KeyCount: 1 });
    await expect(list(strict.s3("http"), name)).rejects.toThrow("explicit deny in a resource-based policy");
    const other = await bucketWith(lenient, "demands-tls", FALSE);
    await expect(list(lenient.s3("http"), other)).resolves.toMatchObject({ KeyCount: 1 });
  });

  it.each([
    { "x-forwarded-proto": "https" },
    { forwarded: "for=127.0.0.1;proto=https" },
    { "x-forwarded-ssl": "on" },
    { "x-forwarded-port": "443" },
    { "front-end-https": "on" },
    { "cloudfront-forwarded-proto": "https" },
    { "x-amz-securetransport": "true" },
  ] as readonly Readonly<Record<string, string>>[])("is not evaded by the header %j", async (headers) => {
    const name = `forged-${Object.keys(headers)[0]}`;
    await bucketWith(strict, name, FALSE);
    await expect(list(strict.s3("http", headers), name)).rejects.toThrow("explicit deny");
  });

  it("does not prevent the account's root from reading, replacing and deleting it", async () => {
    const name = await bucketWith(strict, "shut-out", { Bool: { "aws:SecureTransport": "true" } });
    const everything = JSON.stringify({
      Statement: { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${name}` },
      Version: "2012-10-17",
    });
    const s3 = strict.s3("http");
    await s3.send(new PutBucketPolicyCommand({ Bucket: name, Policy: everything }));
    await expect(list(s3, name)).rejects.toThrow("explicit deny");
    await expect(s3.send(new GetBucketPolicyCommand({ Bucket: name }))).resolves.toMatchObject({
      Policy: everything,
    });
    await s3.send(new PutBucketPolicyCommand({ Bucket: name, Policy: everything }));
    await s3.send(new DeleteBucketPolicyCommand({ Bucket: name }));
    await expect(list(s3, name)).resolves.toMatchObject({ KeyCount: 1 });
  });
});

describe("the condition keys of S3 about the signature and transport of a request", () => {
  it("include the TLS version, which a plain connection has only if it counts as secure", async () => {
    const name = await bucketWith(strict, "tls-version", { NumericLessThan: { "s3:TlsVersion": "1.3" } });
    await expect(list(strict.s3("https"), name)).resolves.toMatchObject({ KeyCount: 1 });
    const no = await bucketWith(strict, "no-tls-version", { Null: { "s3:TlsVersion": "true" } });
    await expect(list(strict.s3("http"), no)).rejects.toThrow("explicit deny");
    await expect(list(strict.s3("https"), no)).resolves.toMatchObject({ KeyCount: 1 });
    const counted = await bucketWith(lenient, "no-tls-version", { Null: { "s3:TlsVersion": "true" } });
    await expect(list(lenient.s3("http"), counted)).resolves.toMatchObject({ KeyCount: 1 });
  });

  it.each([
    ["s3:signatureversion", "AWS4-HMAC-SHA256"],
    ["s3:authType", "REST-HEADER"],
  ])("include %s", async (key, value) => {
    const bucket = `known-${key.slice(3).toLowerCase()}`;
    const name = await bucketWith(strict, bucket, { StringNotEquals: { [key]: value } });
    await expect(list(strict.s3("https"), name)).resolves.toMatchObject({ KeyCount: 1 });
    const presigned = presign(`http://127.0.0.1:${strict.port}`, { path: `/${name}/secret` }, Date.now());
    expect((await fetch(presigned)).status).toBe(key === "s3:authType" ? 403 : 200);
  });

  it("include the age of a signature", async () => {
    const name = await bucketWith(strict, "aged", { NumericGreaterThan: { "s3:signatureAge": "600000" } });
    await expect(list(strict.s3("https"), name)).resolves.toMatchObject({ KeyCount: 1 });
  });

  // Before: the type was taken from the headers alone, so that an unsigned request could claim to be a form.
  it("have no value for an unsigned request", async () => {
    const name = "claims-a-form";
    await strict.s3("https").send(new CreateBucketCommand({ Bucket: name }));
    const policy = {
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${name}/*`,
        Condition: { StringEquals: { "s3:authType": "POST" } },
      },
    };
    const s3 = strict.s3("https");
    await s3.send(new DeletePublicAccessBlockCommand({ Bucket: name }));
    await s3.send(new PutBucketPolicyCommand({ Bucket: name, Policy: JSON.stringify(policy) }));
    const answer = await fetch(`http://127.0.0.1:${strict.port}/${name}/planted`, {
      method: "PUT",
      headers: { "content-type": "multipart/form-data; boundary=x" },
      body: "planted",
    });
    expect(answer.status).toBe(403);
    await expect(s3.send(new GetObjectCommand({ Bucket: name, Key: "planted" }))).rejects.toThrow();
  });
});

describe("the first byte of a connection", () => {
  const REQUEST = "GET /bucket/key HTTP/1.1\r\nhost: localhost\r\n\r\n";
  const HELLO = Buffer.from("16030100c8010000c40303", "hex");

  /** Everything that the endpoint answers until it closes the connection. */
  async function answerTo(...parts: readonly (string | Buffer)[]): Promise<string> {
    const socket = connect(strict.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => {});
    for (const part of parts) {
      socket.write(part);
      await new Promise((done) => setTimeout(done, 20));
    }
    await Promise.race([once(socket, "close"), new Promise((done) => setTimeout(done, 300))]);
    socket.destroy();
    return text;
  }

  it("decides for the connection: nothing after the first byte of a handshake is read as HTTP", async () => {
    for (const parts of [[Buffer.from([0x16]), REQUEST], [Buffer.from(`\x16${REQUEST}`)], [HELLO, REQUEST]])
      expect(await answerTo(...parts)).not.toContain("HTTP/1.1");
  });

  it("decides for the connection: a handshake after a plain request is not begun", async () => {
    const text = await answerTo(Buffer.concat([Buffer.from(REQUEST), HELLO]));
    expect(text.match(/HTTP\/1\.1 \d+/g)?.at(-1)).toBe("HTTP/1.1 400");
    expect(text).not.toContain("\x16\x03");
    expect(await answerTo("\r\n\r\n", HELLO)).not.toContain("\x16\x03");
  });

  // A proxy in front that is made to send bytes ahead of the handshake must not have them taken for the client's.
  it("does not let bytes that arrive before the handshake into the encrypted connection", async () => {
    const socket = connect(strict.port, "127.0.0.1");
    socket.write(REQUEST);
    const tls = connectTls({ ...trusting(), socket });
    await expect(once(tls, "secureConnect")).rejects.toThrow();
  });

  it("has the same time limit as headers, as does a handshake", async () => {
    for (const bytes of [undefined, HELLO.subarray(0, 3), Buffer.from("G")]) {
      const socket = connect(strict.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      const began = performance.now();
      if (bytes !== undefined) socket.write(bytes);
      // The limit of a handshake is 10 s: a handshake that is not finished holds nothing but its socket.
      if (bytes?.[0] === 0x16) {
        expect(await openedWithin(8_000)).toBe(true);
        socket.destroy();
        continue;
      }
      await once(socket, "close");
      expect(performance.now() - began).toBeLessThan(8_000);
    }
  });

  it("can open 200 incomplete handshakes without delaying others", async () => {
    const held: Socket[] = [];
    for (let count = 0; count < 200; count += 1) {
      const socket = connect(strict.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(HELLO);
      held.push(socket);
    }
    try {
      expect(await openedWithin(8_000)).toBe(true);
    } finally {
      for (const socket of held) socket.destroy();
    }
  });

  const trusting = (more: ConnectionOptions = {}): ConnectionOptions => ({
    port: strict.port,
    host: "127.0.0.1",
    ca: strict.api.authority.caPem,
    ...more,
  });

  async function openedWithin(ms: number): Promise<boolean> {
    const socket = connectTls(trusting());
    const isOpen = await Promise.race([
      once(socket, "secureConnect").then(() => true),
      new Promise<boolean>((done) => setTimeout(() => done(false), ms)),
    ]);
    socket.destroy();
    return isOpen;
  }

  it.each([
    "localhost",
    "bucket.s3.eu-south-1.localhost",
    "b.s3.us-east-1.amazonaws.com",
    "sts.amazonaws.com",
  ])("is answered with a certificate for %s", async (servername) => {
    const socket = connectTls(trusting({ servername }));
    await once(socket, "secureConnect");
    expect(socket.authorized).toBe(true);
    socket.destroy();
  });

  it.each(["example.com", "amazonaws.com.example.com", "evil-amazonaws.com", "localhost.example.com"])(
    "is not answered with a certificate for %s, which is not the endpoint's",
    async (servername) => {
      const socket = connectTls(trusting({ servername }));
      await expect(once(socket, "secureConnect")).rejects.toThrow("does not match certificate's altnames");
    },
  );
});
