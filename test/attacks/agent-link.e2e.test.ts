import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connectLink } from "@gantry/agent-app/link";
import { LINK_PROTOCOL, type NodeCredentials } from "@gantry/agent-protocol";
import { portsOf, readInstance } from "@gantry/control-plane";
import { openKeyRing } from "@gantry/control-plane/key-ring";
import { openAuthority } from "@gantry/tls";
import { eventually, newInstance, run } from "../e2e/helpers.ts";

const instance = await newInstance();
const { linkPort, port } = portsOf(instance.port);
const seen = new Set<string>();
const file = (name: string): string => readFileSync(join(instance.folder, name), "utf8");
const isWatching = { now: true };

beforeAll(async () => {
  const watch = watchProcesses();
  await instance.up("up");
  isWatching.now = false;
  await watch;
});

afterAll(() => instance.gantry("down", "--purge"));

/** Reads the arguments and the environment of every process, again and again. */
async function watchProcesses(): Promise<void> {
  while (isWatching.now) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      for (const part of ["cmdline", "environ"]) {
        try {
          seen.add(readFileSync(`/proc/${pid}/${part}`, "utf8"));
        } catch {
          // The process has ended.
        }
      }
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Everything in the state folder that lets somebody in, in the forms in which it could be passed on. */
function secrets(): readonly string[] {
  // We wrote it.
  const link = JSON.parse(file("link.json")) as { authority: NodeCredentials; controlPlane: NodeCredentials };
  const node = JSON.parse(file("node/link.json")) as NodeCredentials; // We wrote it.
  const ring = openKeyRing(instance.folder);
  // The keys as the ring's file has them, and as the process uses them.
  const memoryKeys = node.memoryKeys.map((each) => Buffer.from(each, "hex"));
  const keys = [...ring.vault, ...ring.objects.map(({ key }) => key), ring.names, ...memoryKeys];
  const pem = [link.authority.keyPem, link.controlPlane.keyPem, node.keyPem, file("ca-key.pem")];
  return [
    file("operator-token").trim(),
    /aws_secret_access_key = (.+)/.exec(file("credentials"))?.[1] ?? "",
    ...keys.flatMap((key) => [key.toString("hex"), key.toString("base64"), key.toString("base64url")]),
    ...pem.map((each) => /BEGIN PRIVATE KEY-----\n(.+)\n/.exec(each)?.[1] ?? ""),
  ];
}

describe("secrets while the platform comes up", () => {
  // Before: `docker run … -e GANTRY_AGENT_TOKEN=…` was there to read for every user of the machine.
  it("are in no process's arguments or environment", () => {
    const name = readInstance(instance.folder)?.instance ?? "";
    const ours = [...seen].filter((text) => text.includes(name));
    const has = (text: string) => ours.some((each) => each.includes(text)); // A failure does not print what it found.
    expect(has("GANTRY_LINK_PORT=")).toBe(true); // The watch saw how the agent was started.
    expect(has("GANTRY_AGENT_TOKEN")).toBe(false);
    expect(secrets().every((secret) => secret.length >= 32)).toBe(true);
    expect(secrets().findIndex((secret) => [...seen].some((text) => text.includes(secret)))).toBe(-1);
  });

  it("are not in the engine's description of a container", async () => {
    const { instance: name } = readInstance(instance.folder) ?? {};
    const ids = (await run("docker", ["ps", "-aq", "--filter", `label=gantry.instance=${name}`]))
      .trim()
      .split("\n");
    const text = await run("docker", ["inspect", ...ids]);
    expect(text.includes("GANTRY_LINK_PORT=")).toBe(true);
    expect(secrets().findIndex((secret) => text.includes(secret))).toBe(-1);
  });

  it("open nothing but their own purpose", async () => {
    const ask = async (token: string) =>
      (
        await fetch(`http://127.0.0.1:${port}/gantry/status`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;
    expect(await ask(file("operator-token").trim())).toBe(200);
    const node = JSON.parse(file("node/link.json")) as NodeCredentials; // We wrote it.
    for (const token of [
      "",
      Buffer.from(node.keyPem).toString("base64"),
      Buffer.from(node.certificatePem).toString("base64"),
    ])
      expect(await ask(token)).toBe(403);
    // The nodes' port takes no token, and the API's port no agent.
    await expect(
      fetch(`http://127.0.0.1:${linkPort}/gantry/agent`, {
        headers: { authorization: `Bearer ${file("operator-token").trim()}` },
      }),
    ).rejects.toThrow();
    const upgrade = await run("curl", [
      ...["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"],
      ...["-H", "Connection: upgrade", "-H", "Upgrade: gantry-agent"],
      `http://127.0.0.1:${port}/gantry/agent`,
    ]);
    expect(upgrade).not.toBe("101");
  });
});

describe("the agent", () => {
  const agentPid = async () => (await instance.status()).agents[0]?.pid;

  // Before: the second one had the node, and the first one's tasks were nobody's.
  it("stays connected when another client connects with its certificate", async () => {
    const before = await agentPid();
    const second = await connect();
    expect(await textOf(second)).toContain('"type":"refused"');
    expect(await agentPid()).toBe(before);
    expect(file("control-plane.log")).toContain(
      "A second agent with a connected node's certificate was refused",
    );
  });

  it("is admitted at once after it was killed", async () => {
    const before = await agentPid();
    process.kill(before ?? 0, "SIGKILL");
    const killedAt = Date.now();
    await eventually(async () => expect((await agentPid()) ?? before).not.toBe(before));
    // Within four seconds on an idle machine.
    expect(Date.now() - killedAt).toBeLessThan(20_000);
  });

  // Before: the first thing that the agent sent was its token, in clear; then it did what it was told.
  it("sends nothing to a program that takes the killed control plane's ports", async () => {
    process.kill((await instance.status()).controlPlane.pid, "SIGKILL");
    const heard = { link: Buffer.alloc(0), api: Buffer.alloc(0), tls: "" };
    const servers = [
      await listen(
        createServer((socket) =>
          socket.on("data", (chunk: Buffer) => (heard.link = Buffer.concat([heard.link, chunk]))),
        ),
        linkPort,
      ),
      await listen(
        createServer((socket) =>
          socket.on("data", (chunk: Buffer) => (heard.api = Buffer.concat([heard.api, chunk]))),
        ),
        port,
      ),
    ];
    await eventually(async () => expect(heard.link.length).toBeGreaterThan(200));
    for (const server of servers) await close(server);
    // Then as a tenant whom ACM gave a certificate with the control plane's name.
    const platform = openAuthority({ certificatePem: file("ca.pem"), keyPem: file("ca-key.pem") });
    const issued = await platform.issue(["control-plane", "gantry://control-plane"], Date.now());
    const handshakes: string[] = [];
    const imposter = createTlsServer(
      { cert: issued.certificatePem, key: issued.keyPem, ALPNProtocols: [LINK_PROTOCOL] },
      (socket) => socket.on("data", (chunk: Buffer) => (heard.tls += chunk.toString())),
    );
    imposter.on("tlsClientError", (thrown) => handshakes.push(thrown.message));
    await listen(imposter, linkPort);
    await eventually(async () => expect(handshakes.length).toBeGreaterThan(0));
    await close(imposter);
    expect(heard.link.subarray(0, 3).toString("hex")).toBe("160301"); // The start of a TLS handshake.
    for (const text of ["hello", "Bearer", "node-", ...secrets()])
      expect(heard.link.includes(text)).toBe(false);
    expect(heard.api.toString()).toBe("");
    expect(heard.tls).toBe("");
    await instance.up("up");
    await eventually(async () => expect(await agentPid()).toBeGreaterThan(0));
  });
});

describe("what was stolen before a rotation", () => {
  const callerWith = (env: Record<string, string>) =>
    new STSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      credentials: {
        accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
        secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
      },
    }).send(new GetCallerIdentityCommand({}));

  // Before: no key could be replaced without giving up the instance.
  it("opens nothing afterwards, while the node's agent keeps working", async () => {
    const stolen = join(mkdtempSync(join(tmpdir(), "gantry-stolen-")), "link.json");
    cpSync(join(instance.folder, "node/link.json"), stolen);
    onTestFinished(() => rmSync(dirname(stolen), { recursive: true }));
    const [token, root, before] = [
      file("operator-token").trim(),
      await instance.environment(),
      (await instance.status()).agents[0]?.pid,
    ];
    for (const what of ["vault", "ca", "link", "node", "operator", "root"]) {
      await instance.gantry("rotate", what);
      // It is not started again: its tasks never notice.
      expect((await instance.status()).agents[0]?.pid, what).toBe(before);
      if (what !== "root") expect((await callerWith(root)).Account).toBe("000000000000");
    }
    await expect(callerWith(root)).rejects.toThrow(/security token/);
    expect((await callerWith(await instance.environment())).Account).toBe("000000000000");
    const asked = await fetch(`http://127.0.0.1:${port}/gantry/status`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(asked.status).toBe(403);
    await expect(connect(stolen).then(textOf)).rejects.toThrow();
    await expect(instance.gantry("rotate", "nothing")).rejects.toThrow();
  });
});

function connect(credentialsFile = join(instance.folder, "node/link.json")): Promise<TLSSocket> {
  return connectLink({
    host: "127.0.0.1",
    port: linkPort,
    instance: readInstance(instance.folder)?.instance ?? "",
    credentialsFile,
  });
}

function textOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((done) => socket.on("close", () => done(text)));
}

const open = new Set<Socket>();

/** Listens as soon as the port is free. */
async function listen(server: Server, onPort: number): Promise<Server> {
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("error", () => {});
  });
  await eventually(
    () =>
      new Promise<void>((done, failed) => {
        server.once("error", failed);
        server.listen(onPort, "127.0.0.1", () => {
          server.off("error", failed);
          done();
        });
      }),
    10_000,
  );
  return server;
}

async function close(server: Server): Promise<void> {
  for (const socket of open) socket.destroy();
  await new Promise((done) => server.close(done));
}
