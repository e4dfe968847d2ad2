import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { portsOf } from "@gantry/control-plane";
import { newInstance, run } from "../e2e/helpers.ts";

/** An address of the documentation range (RFC 5737), which this machine has for the time of the test. */
const ADDRESS = `192.0.2.${10 + Math.floor(Math.random() * 240)}`;
const instance = await newInstance();
const { port, registryPort, consolePort, tlsPort, linkPort, dnsPort } = portsOf(instance.port);
const served = [port, registryPort, consolePort];
const caFile = join(instance.folder, "ca.pem");
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  await run("ip", ["address", "add", `${ADDRESS}/32`, "dev", "lo"]);
  await instance.up("up", "--listen", ADDRESS);
  environment = await instance.environment();
});

afterAll(async () => {
  await instance.gantry("down", "--purge").catch(() => {});
  await run("ip", ["address", "del", `${ADDRESS}/32`, "dev", "lo"]);
});

/** One request to the address, verified with the platform's authority. */
function ask(onPort: number, path: string, options: { method?: string; authorization?: string } = {}) {
  const { method = "GET", authorization } = options;
  return new Promise<{ status: number; body: string }>((done, failed) => {
    const call = request(
      {
        ...{ host: ADDRESS, port: onPort, path, method, agent: false, ca: readFileSync(caFile) },
        headers: authorization === undefined ? {} : { authorization },
      },
      (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => done({ status: response.statusCode ?? 0, body }));
      },
    );
    call.on("error", failed);
    call.end();
  });
}

const aws = (...parameters: readonly string[]) =>
  run(
    "aws",
    ["--endpoint-url", `https://${ADDRESS}:${port}`, "--output", "json", ...parameters],
    environment,
  );

// Before: there was no such address; what is refused here was shown for the functions alone, not for the platform.
describe("an address that others reach", () => {
  it("does not answer plain HTTP", async () => {
    for (const each of served) await expect(fetch(`http://${ADDRESS}:${each}/`)).rejects.toThrow();
    for (const each of served) expect((await fetch(`http://127.0.0.1:${each}/`)).status).toBeGreaterThan(0);
  });

  it("serves an AWS CLI that verifies it with the platform's authority", async () => {
    await expect(aws("sts", "get-caller-identity")).rejects.toThrow(/certificate verify failed/i);
    const answer = await aws("--ca-bundle", caFile, "sts", "get-caller-identity");
    expect(JSON.parse(answer)).toMatchObject({ Account: "000000000000" });
    await aws("--ca-bundle", caFile, "ecs", "create-cluster", "--cluster-name", "from-outside");
    expect(await aws("--ca-bundle", caFile, "ecs", "list-clusters")).toContain("cluster/from-outside");
  });

  it("serves the registry to clients with a token, and the console", async () => {
    expect((await ask(registryPort, "/v2/")).status).toBe(401);
    const token = JSON.parse(await aws("--ca-bundle", caFile, "ecr", "get-authorization-token")) as {
      authorizationData: { authorizationToken: string }[];
    }; // The AWS CLI's output.
    const authorization = `Basic ${token.authorizationData[0]?.authorizationToken}`;
    expect((await ask(registryPort, "/v2/", { authorization })).status).toBe(200);
    const page = await ask(consolePort, "/");
    expect(page.status).toBe(200);
    expect(page.body).toContain("<html");
    for (const each of [registryPort, consolePort])
      await expect(fetch(`https://${ADDRESS}:${each}/`)).rejects.toThrow();
  });

  it("has none of the operator's endpoints and none of the nodes' ports", async () => {
    const authorization = `Bearer ${readFileSync(join(instance.folder, "operator-token"), "utf8").trim()}`;
    for (const [method, path] of [
      ["GET", "/gantry/status"],
      ["GET", "/gantry/explain?principal=x&action=y&resource=z"],
      ["POST", "/gantry/copy"],
      ["GET", "/gantry/health"],
      ["GET", "/gantry/agent"],
    ] as const)
      for (const each of [port, registryPort]) {
        const { status, body } = await ask(each, path, { method, authorization });
        expect(status, `${path} at ${each}`).toBeGreaterThanOrEqual(400);
        expect(body).not.toContain(instance.folder);
        expect(body).not.toContain('"instance"');
      }
    for (const each of [tlsPort, linkPort, dnsPort]) expect(await isOpen(each), String(each)).toBe(false);
  });

  it("is refused in one sentence if it is not an address of this machine", async () => {
    for (const [address, problem] of [
      ["0.0.0.0", "takes one address"],
      ["::", "takes one address"],
      ["203.0.113.9", "is no address of this machine"],
      ["localhost", "takes an IP address"],
    ] as const) {
      const failure: unknown = await instance
        .up("up", "--listen", address)
        .catch((thrown: unknown) => thrown);
      const said = String(failure).split("\n").slice(1).filter(Boolean);
      // The helper repeats what the command said.
      expect(new Set(said).size, String(failure)).toBe(1);
      expect(said[0]).toContain(problem);
      expect(String(failure)).not.toContain("    at ");
    }
    expect((await ask(consolePort, "/")).status).toBe(200);
  });

  it("is closed when the platform listens on loopback only", async () => {
    await instance.gantry("down");
    await instance.up("up", "--listen", "127.0.0.1");
    for (const each of served) expect(await isOpen(each)).toBe(false);
    expect((await fetch(`http://127.0.0.1:${consolePort}/`)).status).toBe(200);
  });
});

function isOpen(onPort: number): Promise<boolean> {
  const socket = connect({ host: ADDRESS, port: onPort });
  return new Promise((done) => {
    socket.on("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}
