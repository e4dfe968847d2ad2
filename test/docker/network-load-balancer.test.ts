import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BalancerLogs } from "@gantry/agent/haproxy/balancer-logs";
import { RequestLog } from "@gantry/agent/haproxy/request-log";
import type { Balancer, BalancerListener, BalancersAssignment } from "@gantry/agent-protocol";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "../attacks/balancer-builders.ts";
import { get, openRealProxy, statusOf, TARGET_ADDRESS } from "../attacks/real-proxy.ts";

const PORT = 8_101;
let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

const assign = (
  listener: BalancerListener,
  more: Partial<Balancer>,
  own: Parameters<typeof group>[0] = {},
): BalancersAssignment => ({
  kind: "balancers",
  key: "balancers",
  balancers: [{ ...balancer("a", listener), ...more }],
  targetGroups: [group(own)],
});
const serve = async (assignment: BalancersAssignment) => {
  await proxy.serve(assignment);
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
};
const certificate = async () => {
  const { certificatePem, chainPem, keyPem } = await openAuthority(await newAuthority(Date.now())).issue(
    ["a.test"],
    Date.now(),
  );
  return { names: ["a.test"], pem: [certificatePem, chainPem, keyPem].join("\n") };
};
const check = group({}).healthCheck;
const tcp = { protocol: "TCP" as const, healthCheck: { ...check, enabled: true, protocol: "TCP" as const } };

/** Makes a request over TLS with the client's certificate, if there is one; answers the target's view or the error. */
const overTls = (files?: { readonly cert: string; readonly key: string; readonly folder: string }) =>
  proxy.exec(
    "node",
    "-e",
    `
    const { readFileSync } = require("node:fs");
    const own = ${JSON.stringify(files ?? null)};
    const options = { host: "127.0.0.1", port: ${PORT}, rejectUnauthorized: false, headers: { "x-amzn-mtls-clientcert-subject": "CN=forged" } };
    if (own) Object.assign(options, { cert: readFileSync(own.folder + "/" + own.cert), key: readFileSync(own.folder + "/" + own.key) });
    const request = require("node:https").get(options, (response) => response.on("data", (data) => console.log(String(data))));
    request.on("error", (error) => console.log(JSON.stringify({ error: error.code })));
  `,
  );

describe("a network load balancer", () => {
  it("forwards connections, checks by TCP and closes connections without a target group", async () => {
    await serve(assign(listenerOn(PORT, { defaultAction: forward }), { isNetwork: true }, tcp));
    const [answer] = await proxy.request(get(PORT, "/x"));
    expect(statusOf(answer)).toBe(200);
    expect(answer?.said).not.toContain("x-forwarded-for");
    const none = { ...forward, targets: [] };
    await serve(assign(listenerOn(PORT, { defaultAction: none }), { isNetwork: true }, tcp));
    const [closed] = await proxy.request(get(PORT, "/x"));
    expect(closed?.said).toBe("");
  });

  it("ends TLS, and tells a target the client's address by the proxy protocol", async () => {
    const own = {
      tls: true,
      certificates: [await certificate()],
      alpn: ["http/1.1"],
      defaultAction: forward,
    };
    await serve(assign(listenerOn(PORT, own), { isNetwork: true }, { ...tcp, stickySource: true }));
    expect(await overTls()).toContain('"url":"/"');
    await serve(
      assign(
        listenerOn(PORT, { defaultAction: forward }),
        { isNetwork: true },
        { ...tcp, proxyProtocol: true },
      ),
    );
    // The target, which does not know the protocol, takes its header for a request that it cannot read.
    const [answer] = await proxy.request(get(PORT));
    expect(statusOf(answer)).toBe(400);
  });
});

/** A target on port 8084 that fails its check, on port 8085, two seconds after its first connection. */
const FAILING_TARGET = `
  const { createServer } = require("node:net");
  const health = createServer((socket) => socket.destroy()).listen(8085);
  createServer((socket) => {
    socket.on("error", () => undefined).write("hello");
    setTimeout(() => health.close(), 2000);
  }).listen(8084);
`;
/** Connects, and says whether the connection was closed within 8 s. */
const HOLDING_CLIENT = `
  const socket = require("node:net").connect(${PORT}, "127.0.0.1");
  const end = (word) => { console.log(word); process.exit(); };
  socket.on("data", (data) => console.log(String(data)));
  socket.on("close", () => end("closed")).on("error", () => end("closed"));
  setTimeout(() => end("open"), 8000);
`;

// Source: "Target groups for your Network Load Balancers", connection termination for unhealthy targets.
it.each([
  { endsUnhealthy: true, word: "closed" },
  { endsUnhealthy: false, word: "open" },
])("leaves a connection to a target that becomes unhealthy $word", async ({ endsUnhealthy, word }) => {
  await proxy.exec(
    "sh",
    "-c",
    `node -e '${FAILING_TARGET}' >/dev/null 2>&1 & echo $! > ${proxy.folder}/failing`,
  );
  const target = { address: TARGET_ADDRESS, port: 8_084, isNew: false, draining: false };
  const healthCheck = { ...tcp.healthCheck, port: "8085", intervalSeconds: 1, timeoutSeconds: 1 };
  const own = { ...tcp, endsUnhealthy, targets: [target], healthCheck };
  await serve(assign(listenerOn(PORT, { defaultAction: forward }), { isNetwork: true }, own));
  const said = await proxy.exec("node", "-e", HOLDING_CLIENT);
  await proxy.exec("sh", "-c", `kill $(cat ${proxy.folder}/failing)`);
  expect(said).toBe(`hello\n${word}\n`);
});

/** Serves with logs, connects, and answers the lines that are written. */
async function logged(assignment: BalancersAssignment, count: number, connect: () => Promise<unknown>) {
  const lines: string[] = [];
  const folder = mkdtempSync(join(proxy.folder, "logs-"));
  const clock = new SystemClock();
  const logs = new BalancerLogs({ clock, ids: randomIds(), log: silentLogger, folder });
  logs.spool.add = (_, log, line) => void lines.push(`${log} ${line}`);
  logs.use(assignment);
  const requests = new RequestLog(silentLogger, logs);
  await serve(assignment);
  requests.read(proxy.folder, clock);
  await connect();
  await expect.poll(() => lines.length).toBeGreaterThanOrEqual(count);
  requests.close();
  return lines;
}

describe("the log of connections", () => {
  const arn = (kind: string) =>
    `arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/${kind}/a/1`;

  it("has the TLS connections of a network load balancer, and those whose handshake failed", async () => {
    const own = {
      id: "0123456789abcdef",
      tls: true,
      certificates: [await certificate()],
      defaultAction: forward,
    };
    const more = { arn: arn("net"), isNetwork: true, logs: { access: true, connection: false } };
    const lines = await logged(assign(listenerOn(PORT, own), more, tcp), 2, async () => {
      await overTls();
      await proxy.request({ port: PORT, text: "no TLS\r\n\r\n" });
    });
    const at = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d";
    const head = `access tls 2\\.0 ${at} net/a/1 0123456789abcdef 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:${PORT}`;
    expect(lines[0]).toMatch(
      new RegExp(`^${head} \\d+ \\d+ \\d+ \\d{2,} - - - TLS_\\S+ tlsv13 - \\S+ - - - ${at}$`),
    );
    expect(lines[1]).toMatch(
      new RegExp(`^${head} \\d+ - \\d+ 0 - - - - - - a\\.elb\\.localhost - - - ${at}$`),
    );
  });

  it("names why the handshake of an application load balancer's client failed", async () => {
    const folder = mkdtempSync(join(proxy.folder, "clients-"));
    newClients(folder);
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    const mutual = {
      mode: "verify" as const,
      caPem: read("ca.pem"),
      crlPem: read("crl.pem"),
      ignoresExpiry: false,
      advertises: false,
      headerNames: {},
    };
    const own = { tls: true, certificates: [await certificate()], mutual, defaultAction: forward };
    const more = { arn: arn("app"), logs: { access: false, connection: true } };
    const lines = await logged(assign(listenerOn(PORT, own), more), 3, async () => {
      await overTls({ cert: "foreign.pem", key: "foreign.key", folder });
      await overTls({ cert: "ann.pem", key: "ann.key", folder });
      await overTls();
    });
    const reasons = lines.map((line) => line.split(" ").at(-2));
    expect(reasons).toEqual([
      "Failed:ClientCertUntrusted",
      "Failed:ClientCertCrlHit",
      "Failed:UnmappedConnectionError",
    ]);
    expect(lines[0]).toMatch(/^connection \S+Z 127\.0\.0\.1 \d+ 8101 \S+ \S+ - "-" - - Failed:\w+ -$/);
  });
});

/** An authority with a client's certificate, another's certificate, and a list that revokes the first. */
function newClients(folder: string): void {
  const openssl = (...options: readonly string[]) =>
    execFileSync("openssl", [...options], { cwd: folder, stdio: "pipe" });
  writeFileSync(join(folder, "index"), "");
  writeFileSync(join(folder, "crl"), "01\n");
  writeFileSync(
    join(folder, "conf"),
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=30\n",
  );
  const request = ["req", "-newkey", "rsa:2048", "-nodes"];
  openssl(...request, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca");
  openssl(...request, "-x509", "-keyout", "foreign.key", "-out", "foreign.pem", "-subj", "/CN=foreign");
  openssl(...request, "-keyout", "ann.key", "-out", "ann.csr", "-subj", "/O=clients/CN=ann");
  openssl(
    "x509",
    "-req",
    "-in",
    "ann.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "ann.pem",
  );
  openssl("ca", "-config", "conf", "-keyfile", "ca.key", "-cert", "ca.pem", "-revoke", "ann.pem");
  openssl("ca", "-config", "conf", "-keyfile", "ca.key", "-cert", "ca.pem", "-gencrl", "-out", "crl.pem");
}

describe("mutual TLS", () => {
  it("admits only clients of the trust store, names them to the target, and keeps revocations", async () => {
    const folder = mkdtempSync(join(proxy.folder, "clients-"));
    newClients(folder);
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    const verify = {
      mode: "verify" as const,
      caPem: read("ca.pem"),
      crlPem: "",
      ignoresExpiry: false,
      advertises: false,
      headerNames: { serialNumber: "x-serial" },
    };
    const ann = { cert: "ann.pem", key: "ann.key", folder };
    const foreign = { cert: "foreign.pem", key: "foreign.key", folder };
    const own = { tls: true, certificates: [await certificate()], defaultAction: forward };
    await serve(assign(listenerOn(PORT, { ...own, mutual: verify }), {}));
    expect(JSON.parse(await overTls(ann))).toMatchObject({
      headers: {
        "x-serial": expect.stringMatching(/^[0-9A-F]{40}$/),
        "x-amzn-mtls-clientcert-subject": "CN=ann,O=clients",
        "x-amzn-mtls-clientcert-issuer": "CN=ca",
        "x-amzn-mtls-clientcert-validity": expect.stringMatching(
          /^NotBefore=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ;NotAfter=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
        ),
        "x-amzn-mtls-clientcert-leaf": encodeURIComponent(read("ann.pem")).replace(
          /%2B|%2F|%3D/g,
          decodeURIComponent,
        ),
      },
    });
    for (const client of [undefined, foreign]) expect(await overTls(client)).toContain("error");
    await serve(assign(listenerOn(PORT, { ...own, mutual: { ...verify, crlPem: read("crl.pem") } }), {}));
    expect(await overTls(ann)).toContain("error");

    const passing = { mode: "passthrough" as const, headerNames: {} };
    await serve(assign(listenerOn(PORT, { ...own, mutual: passing }), {}));
    const seen = JSON.parse(await overTls(foreign)) as { headers: Readonly<Record<string, string>> };
    expect(decodeURIComponent(seen.headers["x-amzn-mtls-clientcert"] ?? "")).toBe(read("foreign.pem"));
    expect(await overTls()).not.toContain('x-amzn-mtls-clientcert"');
  });

  it("sets the headers of a listener's attributes in every response", async () => {
    const headers = {
      server: false,
      responses: [{ name: "strict-transport-security", value: "max-age=1; 100%" }],
      tlsVersionName: undefined,
      tlsCipherName: undefined,
    };
    await serve(assign(listenerOn(PORT, { headers }), {}));
    const [answer] = await proxy.request(get(PORT));
    expect(answer?.said).toContain("strict-transport-security: max-age=1; 100%\r\n");
  });
});

it("keeps a client by a cookie of its own as long as it sends the application's", async () => {
  const own = { stickySeconds: 60, stickyCookie: "session" };
  await serve(assign(listenerOn(PORT, { defaultAction: forward }), {}, own));
  const [first] = await proxy.request(get(PORT));
  const kept = /^set-cookie: (AWSALBAPP-0=[^;]+)/im.exec(first?.said ?? "")?.[1] ?? "";
  expect(kept).not.toBe("");
  // Without the application's cookie the client is not kept: it gets the cookie of whichever target answers.
  // Before: no cookie was set with the first answer.
  const [alone, unhurt] = await proxy.request(
    get(PORT, "/", { cookie: `a=1; ${kept}; b=2` }),
    get(PORT, "/", { cookie: `session=1; ${kept}` }),
  );
  expect(alone?.said).toMatch(/^set-cookie: AWSALBAPP-0=/im);
  expect(alone?.said).toContain("a=1; ; b=2");
  expect(statusOf(unhurt)).toBe(200);
});
