import { hash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { amzDateOf, hmac, sha256Hex, signingKey } from "@gantry/wire/sigv4";
import { ensureProgram, withServer } from "./programs.ts";
import { median, type Answer, type Bench, type Question } from "./question.ts";

const SMALL = 4 * 1024;
const LARGE = 64 * 1024 * 1024;
const CLIENTS = 8;
const SECONDS = 4;
const ROUNDS = 7;
const NGINX_PORT = 14_577;

/** One request; resolves once the whole answer is here. */
type Send = (method: "PUT" | "GET", key: string, body?: Buffer) => Promise<void>;

/**
 * PutObject and GetObject against the same bytes through nginx to and from the same disk. Both are synced before a put
 * counts as done: nginx does not sync, so its client does it for it, file and folder.
 */
export const objects: Question = {
  name: "objects",
  async ask(bench) {
    await ensureProgram("/usr/sbin/nginx", "nginx-light");
    const root = join(bench.settings.folder, "nginx");
    mkdirSync(join(root, "files"), { recursive: true });
    writeFileSync(join(root, "nginx.conf"), nginxConfiguration(root));
    await bench.clients.s3.send(
      new CreateBucketCommand({
        Bucket: "bench",
        CreateBucketConfiguration: { LocationConstraint: bench.region as never },
      }),
    ); // Any region is one.
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    // Signed once for each key, good for a quarter of an hour: what is measured is the server, not its
    // client's signing.
    const signed = new Map<string, Record<string, string>>();
    const headersOf = (method: string, path: string): Record<string, string> => {
      const name = `${method} ${path}`;
      const headers = signed.get(name) ?? signedHeaders(bench, method, path);
      signed.set(name, headers);
      return headers;
    };
    const gantry = sender(agent, bench.settings.port, "/bench/", headersOf);
    const plain = sender(agent, NGINX_PORT, "/", () => ({}));
    const nginx: Send = async (method, key, body) => {
      await plain(method, key, body);
      if (method === "PUT") await sync(join(root, "files"), key);
    };
    try {
      return await withServer(
        ["/usr/sbin/nginx", "-c", join(root, "nginx.conf"), "-p", root],
        `http://127.0.0.1:${NGINX_PORT}/`,
        () => measure(gantry, nginx),
      );
    } finally {
      agent.destroy();
    }
  },
};

async function measure(gantry: Send, nginx: Send): Promise<readonly Answer[]> {
  const small = randomBytes(SMALL);
  const large = randomBytes(LARGE);
  const answers: Answer[] = [];
  for (const method of ["PUT", "GET"] as const) {
    // The two take turns, so that both meet the same moods of the disk.
    const [own, other]: [number[], number[]] = [[], []];
    for (let round = 0; round < 3; round += 1) {
      own.push(await rate(gantry, method, small));
      other.push(await rate(nginx, method, small));
    }
    answers.push({
      name: `objects-${method.toLowerCase()}-4k`,
      unit: "requests/s",
      value: median(own),
      baseline: median(other),
      against: "nginx, synced",
      goal: { of: "ratio", least: 0.5 },
    });
    const [ownMs, otherMs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      ownMs.push(await time(gantry, method, large));
      // S3 answers a PUT with the MD5 of the body, which nginx does not compute.
      otherMs.push((await time(nginx, method, large)) + (method === "PUT" ? md5Time(large) : 0));
    }
    answers.push({
      name: `objects-${method.toLowerCase()}-64m`,
      unit: "MB/s",
      value: speed(ownMs),
      baseline: speed(otherMs),
      ...(method === "PUT"
        ? { against: "nginx, synced, and MD5", goal: { of: "ratio", least: 0.75 } as const }
        : { against: "nginx", goal: { of: "ratio", least: 0.8 } as const }),
    });
  }
  return answers;
}

function speed(ms: readonly number[]): number {
  return LARGE / 1e6 / (median(ms) / 1_000);
}

function md5Time(body: Buffer): number {
  const start = performance.now();
  hash("md5", body);
  return performance.now() - start;
}

/** Requests a second of some clients that ask one after the other, each over its own keys. */
async function rate(send: Send, method: "PUT" | "GET", body: Buffer): Promise<number> {
  const start = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let index = 0; performance.now() - start < SECONDS * 1_000; index += 1) {
        await send(method, `small-${client}-${index % 100}`, body);
        count += 1;
      }
    }),
  );
  return count / ((performance.now() - start) / 1_000);
}

async function time(send: Send, method: "PUT" | "GET", body: Buffer): Promise<number> {
  const start = performance.now();
  await send(method, "large", body);
  return performance.now() - start;
}

function sender(
  agent: Agent,
  port: number,
  prefix: string,
  headersOf: (method: string, path: string) => Record<string, string>,
): Send {
  return (method, key, body) =>
    new Promise((resolve, reject) => {
      const path = prefix + key;
      const sent = method === "PUT" ? body : undefined;
      const headers = {
        ...headersOf(method, path),
        ...(sent === undefined ? {} : { "content-length": String(sent.length) }),
      };
      const call = request({ agent, host: "127.0.0.1", port, path, method, headers }, (response) => {
        response.on("data", () => {});
        response.on("end", () =>
          (response.statusCode ?? 500) < 300
            ? resolve()
            : reject(new Error(`${method} ${path} answered ${response.statusCode}`)),
        );
        response.on("error", reject);
      });
      call.on("error", reject);
      call.end(sent);
    });
}

/** What an SDK sends over an encrypted connection: the body is not signed. */
function signedHeaders(bench: Bench, method: string, path: string): Record<string, string> {
  const { accessKeyId, secretAccessKey } = bench.credentials;
  const amzDate = amzDateOf(bench.clock.now());
  const scope = { date: amzDate.slice(0, 8), region: bench.region, service: "s3" };
  const headers: Record<string, string> = {
    host: `127.0.0.1:${bench.settings.port}`,
    "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    "x-amz-date": amzDate,
  };
  const names = Object.keys(headers);
  const canonical = [
    method,
    path,
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const credential = `${scope.date}/${scope.region}/s3/aws4_request`;
  const signature = hmac(
    signingKey(secretAccessKey, scope),
    ["AWS4-HMAC-SHA256", amzDate, credential, sha256Hex(canonical)].join("\n"),
  ).toString("hex");
  return {
    ...headers,
    authorization:
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${credential}, SignedHeaders=${names.join(";")}, ` +
      `Signature=${signature}`,
  };
}

async function sync(folder: string, key: string): Promise<void> {
  for (const path of [join(folder, key), folder]) {
    const file = await open(path, "r");
    await file.sync();
    await file.close();
  }
}

function nginxConfiguration(root: string): string {
  return `daemon off;
user root;
worker_processes 2;
error_log ${root}/error.log;
pid ${root}/nginx.pid;
events {}
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${root}/files/incoming;
  client_body_buffer_size 128k;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${NGINX_PORT};
    root ${root}/files;
    sendfile on;
    dav_methods PUT;
  }
}
`;
}
