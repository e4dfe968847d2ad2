import type {
  Balancer,
  BalancerListener,
  BalancersAssignment,
  BalancerTransform,
} from "@gantry/agent-protocol";
import { hash } from "@gantry/agent/haproxy/names";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balancer, forward, group, listenerOn, says } from "../attacks/balancer-builders.ts";
import {
  BALANCER_ADDRESS,
  get,
  openRealProxy,
  statusOf,
  TARGET_ADDRESS,
  type RawAnswer,
} from "../attacks/real-proxy.ts";

const PORT = 8_001;
const IDLE_SECONDS = 2;
/** Later than the idle timeout, and long before HAProxy's former 60 seconds. */
const LATE_MS = 8_000;

let proxy: Awaited<ReturnType<typeof openRealProxy>>;
beforeAll(async () => (proxy = await openRealProxy()));
afterAll(() => proxy.close());

const serve = async (assignment: BalancersAssignment, hostPortOffset = 0) => {
  await proxy.serve(assignment, hostPortOffset);
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
};
const assign = (
  listener: BalancerListener,
  more: Partial<Balancer> = {},
  own: Parameters<typeof group>[0] = {},
): BalancersAssignment => ({
  kind: "balancers",
  key: "balancers",
  balancers: [{ ...balancer("a", listener), ...more }],
  targetGroups: [group(own)],
});
const header = (answer: RawAnswer | undefined, name: string) =>
  [...(answer?.said ?? "").matchAll(new RegExp(`^${name}: (.*)\r$`, "gim"))].map((match) => match[1]);
const toTargets = listenerOn(PORT, { defaultAction: forward });
const redirect = {
  type: "redirect" as const,
  statusCode: 301,
  protocol: "HTTPS",
  host: "#{host}",
  port: "443",
  path: "/#{path}",
  query: "#{query}",
};

describe("the idle timeout", () => {
  const idle = () =>
    serve(assign(toTargets, { idleTimeoutSeconds: IDLE_SECONDS }, { idleTimeoutSeconds: IDLE_SECONDS }));
  const within = (answer: RawAnswer | undefined) => {
    expect(answer?.how).toBe("closed");
    expect(answer?.ms).toBeGreaterThan(IDLE_SECONDS * 1_000 - 500);
    expect(answer?.ms).toBeLessThan(LATE_MS);
  };

  it("ends a request that its target does not answer, a stalled upload and a silent WebSocket", async () => {
    await idle();
    const [silent, upload, socket, connection] = await proxy.request(
      { ...get(PORT, "/stall"), waitMs: LATE_MS },
      {
        port: PORT,
        waitMs: LATE_MS,
        text: "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf",
      },
      {
        port: PORT,
        waitMs: LATE_MS,
        text: "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n",
      },
      { port: PORT, waitMs: LATE_MS, text: "GET / HTTP/1.1\r\nhost: a\r\n\r\n" },
    );
    within(silent);
    expect(statusOf(silent)).toBe(504);
    within(upload);
    within(socket);
    expect(statusOf(socket)).toBe(101);
    within(connection);
    expect(statusOf(connection)).toBe(200);
  });

  it("ends with the client's keep-alive duration: the answer after it closes the connection", async () => {
    const lasting = (seconds: number) =>
      serve(assign(toTargets, { clientKeepAliveSeconds: seconds, idleTimeoutSeconds: IDLE_SECONDS }));
    const ask = { port: PORT, text: "GET / HTTP/1.1\r\nhost: a\r\n\r\n", waitMs: LATE_MS };
    await lasting(60);
    expect(header((await proxy.request(ask))[0], "connection")).toEqual([]);
    await lasting(0);
    const [answer] = await proxy.request(ask);
    expect(header(answer, "connection")).toEqual(["close"]);
    expect(answer?.ms).toBeLessThan(1_000);
  });
});

describe("a redirect", () => {
  it("names the host port for a client on the host, and the listener's port for one in the VPC", async () => {
    const authority = openAuthority(await newAuthority(Date.now()));
    const issued = await authority.issue(["a.elb.localhost"], Date.now());
    const certificates = [
      { names: ["a.elb.localhost"], pem: [issued.certificatePem, issued.keyPem].join("\n") },
    ];
    const secure = listenerOn(443, { tls: true, certificates });
    const plain = listenerOn(PORT, { defaultAction: redirect });
    await serve(assign(plain, { listeners: [plain, secure] }), 8_000);
    const [host, inside] = await proxy.request(get(PORT + 8_000, "/x?a=b"), {
      ...get(PORT, "/x?a=b"),
      host: BALANCER_ADDRESS,
    });
    expect(header(host, "location")).toEqual(["https://a.elb.localhost:8443/x?a=b"]);
    expect(header(inside, "location")).toEqual(["https://a.elb.localhost/x?a=b"]);
  });

  it("has no question mark where there is no query", async () => {
    await serve(assign(listenerOn(PORT, { defaultAction: redirect })));
    const answers = await proxy.request(get(PORT, "/x"), get(PORT, "/x?"), get(PORT, "/x?a=%20&b"));
    expect(answers.flatMap((answer) => header(answer, "location"))).toEqual([
      "https://a.elb.localhost/x",
      "https://a.elb.localhost/x",
      "https://a.elb.localhost/x?a=%20&b",
    ]);
  });
});

describe("a target that refuses connections", () => {
  const nobody = { address: TARGET_ADDRESS, port: 9_999, isNew: false, draining: false };

  it("gets 502 as status and page within two seconds", async () => {
    await serve(assign(toTargets, {}, { targets: [nobody] }));
    const [answer] = await proxy.request(get(PORT));
    expect(statusOf(answer)).toBe(502);
    expect(answer?.said).toContain("<h1>502 Bad Gateway</h1>");
    expect(answer?.said).not.toContain("503");
    expect(answer?.ms).toBeLessThan(2_000);
  });

  it("is skipped if another one answers; without targets the response is 503", async () => {
    const there = { ...nobody, port: 8_080 };
    await serve(assign(toTargets, {}, { targets: [nobody, there] }));
    const answers = await proxy.request(...Array.from({ length: 6 }, () => get(PORT)));
    expect(answers.map(statusOf)).toEqual([200, 200, 200, 200, 200, 200]);
    await serve(assign(toTargets, {}, { targets: [] }));
    const [none] = await proxy.request(get(PORT));
    expect(statusOf(none)).toBe(503);
    expect(none?.said).toContain("<h1>503 Service Temporarily Unavailable</h1>");
  });
});

/** What a cookie of the load balancer says of the target, without its dates. */
const targetOf = (cookie = ""): string | undefined => /AWSALB(?:CORS)?=([^|;]*)/.exec(cookie)?.[1];

it("keeps a client by AWSALB, and a cross-origin client by AWSALBCORS", async () => {
  await proxy.exec("sh", "-c", `sed 's/8080/8081/' ${proxy.folder}/target.cjs > ${proxy.folder}/second.cjs`);
  await proxy.exec("sh", "-c", `node ${proxy.folder}/second.cjs >/dev/null 2>&1 & sleep 0.5`);
  const target = { address: TARGET_ADDRESS, port: 8_080, isNew: false, draining: false };
  const targets = [target, { ...target, port: 8_081 }];
  await serve(assign(toTargets, {}, { targets, stickySeconds: 60 }));
  const [first] = await proxy.request(get(PORT));
  const cookies = header(first, "set-cookie");
  const value = /AWSALB=([^;]+)/.exec(cookies.join())?.[1];
  expect(cookies.some((cookie) => cookie?.startsWith(`AWSALBCORS=${value};`))).toBe(true);
  expect(cookies.find((cookie) => cookie?.startsWith("AWSALBCORS"))).toMatch(/SameSite=None; Secure$/);
  for (const name of ["AWSALB", "AWSALBCORS"]) {
    const kept = await proxy.request(
      ...Array.from({ length: 4 }, () => get(PORT, "/", { cookie: `${name}=${value}` })),
    );
    expect(kept.map(statusOf)).toEqual([200, 200, 200, 200]);
    // A client that is kept gets no cookie of another target. Its own may come again, with a later date.
    const again = kept.flatMap((answer) => header(answer, "set-cookie")).map(targetOf);
    expect(again.filter((each) => each !== targetOf(`AWSALB=${value}`))).toEqual([]);
  }
});

describe("a shift of weights", () => {
  const green = `${group().arn}green`;
  const names = new Map([group().arn, green].map((arn) => [hash(arn), arn === green ? "green" : "blue"]));
  const shifted = (blueWeight: number, greenWeight: number): BalancersAssignment => {
    const targets = [
      { targetGroupArn: group().arn, weight: blueWeight },
      { targetGroupArn: green, weight: greenWeight },
    ];
    const listener = listenerOn(PORT, { defaultAction: { type: "forward", targets, stickySeconds: 60 } });
    return { ...assign(listener), targetGroups: [group(), group({ arn: green })] };
  };
  const groupsOf = async (count: number, headers?: Record<string, string>) => {
    const answers = await proxy.request(...Array.from({ length: count }, () => get(PORT, "/", headers)));
    expect(answers.map(statusOf)).toEqual(Array.from({ length: count }, () => 200));
    return answers.map((each) =>
      names.get(/AWSALBTG=(\w+)/.exec(header(each, "set-cookie").join())?.[1] ?? ""),
    );
  };
  const all = (name: string, count = 8) => Array.from({ length: count }, () => name);
  const kept = { cookie: `AWSALBTG=${hash(group().arn)}` };

  it("reaches a running proxy, with and without a cookie, and one that starts again", async () => {
    await serve(shifted(1, 0));
    expect(await groupsOf(8)).toEqual(all("blue"));
    await proxy.shift(shifted(1, 1));
    expect(new Set(await groupsOf(40))).toEqual(new Set(["blue", "green"]));
    expect(await groupsOf(8, kept)).toEqual(all("blue"));
    expect(new Set(await groupsOf(40, { cookie: "AWSALBTG=forged" }))).toEqual(new Set(["blue", "green"]));
    await proxy.shift(shifted(0, 1));
    expect(await groupsOf(8, kept)).toEqual(all("green"));
    await proxy.restart();
    expect(await groupsOf(8)).toEqual(all("green"));
    await proxy.shift(shifted(0, 0));
    const [answer] = await proxy.request(get(PORT));
    expect(statusOf(answer)).toBe(503);
  });
});

describe("the attributes of requests", () => {
  const initial = {
    http2: true,
    dropsInvalidHeaders: false,
    forwardedFor: "append" as const,
    forwardsClientPort: false,
    tellsTls: false,
  };
  const headersOf = async (requests: Balancer["requests"]) => {
    await serve(assign(toTargets, { requests }));
    const [answer] = await proxy.request(get(PORT, "/", { "x-forwarded-for": "1.2.3.4", bad_name: "1" }));
    // The target's.
    return JSON.parse(/\{.*\}/.exec(answer?.said ?? "")?.[0] ?? "{}").headers as Record<string, string>;
  };

  it("control X-Forwarded-For and invalid header names", async () => {
    const appended = await headersOf({ ...initial, forwardsClientPort: true });
    expect(appended["x-forwarded-for"]).toMatch(/^1\.2\.3\.4, 127\.0\.0\.1:\d+$/);
    expect(appended["bad_name"]).toBe("1");
    const preserved = await headersOf({ ...initial, forwardedFor: "preserve", dropsInvalidHeaders: true });
    expect([preserved["x-forwarded-for"], preserved["bad_name"]]).toEqual(["1.2.3.4", undefined]);
    expect((await headersOf({ ...initial, forwardedFor: "remove" }))["x-forwarded-for"]).toBeUndefined();
  });

  it("control HTTP/2 and the TLS headers for targets", async () => {
    const issued = await openAuthority(await newAuthority(Date.now())).issue(["a.elb.localhost"], Date.now());
    const pem = [issued.certificatePem, issued.keyPem].join("\n");
    const listener = listenerOn(PORT, {
      tls: true,
      certificates: [{ names: ["a.elb.localhost"], pem }],
      defaultAction: forward,
    });
    await serve(assign(listener, { requests: { ...initial, http2: false, tellsTls: true } }));
    const script = `
      const socket = require("node:tls").connect(
        { host: "127.0.0.1", port: ${PORT}, rejectUnauthorized: false, ALPNProtocols: ["h2", "http/1.1"] },
        () => socket.write("GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n"));
      let said = "";
      socket.on("data", (chunk) => (said += chunk));
      socket.on("end", () => console.log(socket.alpnProtocol, said));`;
    const said = await proxy.exec("node", "-e", script);
    expect(said).toMatch(/^http\/1\.1 /);
    expect(said).toMatch(/"x-amzn-tls-version":"TLSv1\.3"/);
    expect(said).toMatch(/"x-amzn-tls-cipher-suite":"TLS_/);
  });
});

describe("a rule's transforms and regular expressions", () => {
  const url = (regex: string, replace: string) => ({ type: "url-rewrite" as const, regex, replace });
  const seen = async (path: string, ...transforms: readonly BalancerTransform[]) => {
    const conditions = [{ field: "path-pattern" as const, values: ["/*"] }];
    await serve(assign(listenerOn(PORT, { rules: [{ conditions, action: forward, transforms }] })));
    const [answer] = await proxy.request(get(PORT, path));
    expect(statusOf(answer)).toBe(200);
    const { url: asked, headers } = JSON.parse(/\{.*\}/.exec(answer?.said ?? "")?.[0] ?? "{}");
    return [asked, headers.host];
  };
  const own = "a.elb.localhost";

  it("change the path with its query and the host, and keep what they do not match", async () => {
    expect(await seen("/dp/B0?a=b", url("^/dp/([A-Z0-9]+)", "/product/$1/x"))).toEqual([
      "/product/B0/x?a=b",
      own,
    ]);
    expect(await seen("/dp/B0?a=b", url("[?]a=(.)", "?b=$1"))).toEqual(["/dp/B0?b=b", own]);
    expect(await seen("/other", url("^/dp/([A-Z0-9]+)$", "/product"))).toEqual(["/other", own]);
    const host = { type: "host-header-rewrite" as const, regex: "^a[.](elb)", replace: "b.$1" };
    expect(await seen("/1", host, url("^/1$", "/2"))).toEqual(["/2", "b.elb.localhost"]);
  });

  it("contain nothing that the proxy interprets", async () => {
    expect(await seen("/x", url("x", "%[src]\\\\1'\"#$(id)"))).toEqual([`/%[src]\\\\1'"#$(id)`, own]);
    expect(await seen("/api/x", url("^/api/", ""))).toEqual(["/x", own]);
  });

  it("match, and are limited before they block the proxy", async () => {
    const rule = (regex: string, body: string) => ({
      conditions: [{ field: "path-pattern" as const, values: [], regexValues: [regex] }],
      action: says(body),
    });
    await serve(
      assign(listenerOn(PORT, { rules: [rule("^/(a+)+$", "slow"), rule("^/v[0-9]+/", "version")] })),
    );
    const answers = await proxy.request(
      get(PORT, "/v12/x"),
      get(PORT, "/vx/"),
      get(PORT, `/${"a".repeat(60)}!`),
    );
    expect(answers.map((answer) => answer.said.split("\r\n\r\n")[1])).toEqual([
      "version",
      "public",
      "public",
    ]);
    expect(answers[2]?.ms).toBeLessThan(1_000);
  });
});

describe("the load balancer's security groups", () => {
  const rule = (cidr: string, fromPort = 0, toPort = 65_535) => ({ cidr, fromPort, toPort });
  it.each([
    ["let nobody in without a rule", [], false],
    ["let nobody in by another port", [rule("0.0.0.0/0", 1, 80)], false],
    ["let nobody in from elsewhere", [rule("10.0.0.0/8"), rule("203.0.113.0/24")], false],
    ["let in everybody", [rule("0.0.0.0/0", PORT, PORT)], true],
    ["let in this address", [rule("10.0.0.0/8"), rule("127.0.0.1/32")], true],
  ])("%s", async (_, clientRules, isLetIn) => {
    // Before: a client on the host reached every listener, whatever the groups said.
    await serve(assign(listenerOn(PORT, { defaultAction: says("in") }), { clientRules }));
    const [answer] = await proxy.request(get(PORT));
    expect(statusOf(answer)).toBe(isLetIn ? 200 : NaN);
  });

  it("apply to each load balancer of a shared host port separately", async () => {
    const listener = (body: string) => listenerOn(PORT, { defaultAction: says(body) });
    const [open, closed] = [
      { ...balancer("open", listener("open")), clientRules: [rule("0.0.0.0/0")] },
      {
        ...balancer("closed", listener("closed")),
        clientRules: [rule("10.0.0.0/8")],
        addresses: [TARGET_ADDRESS],
      },
    ];
    await serve({ ...assign(toTargets), balancers: [open, closed] });
    const [one, two] = await proxy.request(
      get(PORT, "/", { host: "open.elb.localhost" }),
      get(PORT, "/", { host: "closed.elb.localhost" }),
    );
    expect([statusOf(one), statusOf(two)]).toEqual([200, NaN]);
  });
});

it("speaks TLS by its security policy: versions and ciphers", async () => {
  const authority = openAuthority(await newAuthority(Date.now()));
  const issued = await authority.issue(["a.elb.localhost"], Date.now());
  const certificates = [
    { names: ["a.elb.localhost"], pem: [issued.certificatePem, issued.keyPem].join("\n") },
  ];
  const script = `
    const { connect } = require("node:tls");
    const one = (options) => new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: ${PORT}, rejectUnauthorized: false, ...options }, () => {
        resolve(socket.getProtocol() + " " + socket.getCipher().name);
        socket.destroy();
      });
      socket.on("error", () => resolve("refused"));
    });
    (async () => console.log(JSON.stringify([
      await one({ maxVersion: "TLSv1.2" }),
      await one({ minVersion: "TLSv1.3" }),
      await one({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" }),
    ])))();`;
  const spoken = async (security: BalancerListener["security"]) => {
    await serve(assign(listenerOn(PORT, { tls: true, certificates, security })));
    return JSON.parse(await proxy.exec("node", "-e", script)) as string[]; // The script's own.
  };
  const ciphers = ["ECDHE-ECDSA-AES128-GCM-SHA256"];
  expect(await spoken({ versionMin: "TLSv1.2", versionMax: "TLSv1.2", ciphers })).toEqual([
    "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
    "refused",
    "refused",
  ]);
  expect((await spoken({ versionMin: "TLSv1.3", versionMax: "TLSv1.3", ciphers: [] }))[0]).toBe("refused");
});
