import { createHash } from "node:crypto";
import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  CreateMultipartUploadCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { startMessageLoad } from "./message-load.ts";
import { eventually, get, run, startLoop } from "./helpers.ts";

const demo = openDemo(inject("demo"));
const { instance, url, client, name, fileshare, taskContainers } = demo;
const BUCKET = "fileshare-000000000000";
const containersOf = async (role: string) =>
  (
    await run("docker", [
      "ps",
      "-q",
      "--filter",
      `label=gantry.instance=${name}`,
      "--filter",
      `label=gantry.role=${role}`,
    ])
  )
    .split("\n")
    .filter(Boolean);
const json = { method: "POST", headers: { "content-type": "application/json" }, path: "/user-api/user" };

/** The proxy is back within two seconds; other work on the machine multiplies that. */
const SECONDS_MS = 20_000;

describe("after a kill", () => {
  it("the proxy serves clients again within seconds, by the same tasks", async () => {
    const before = await taskContainers();
    const [proxy = ""] = await containersOf("proxy");
    const loop = startLoop(url, "/version");
    await run("docker", ["kill", proxy]);
    const killedAt = Date.now();
    await eventually(async () => expect((await get(url, { path: "/version" })).status).toBe(200));
    expect(Date.now() - killedAt).toBeLessThan(SECONDS_MS);
    await new Promise((done) => setTimeout(done, 2_000));
    const { failures } = await loop.stop();
    const last = failures.map((failure) => Date.parse(failure.slice(0, 24))).at(-1) ?? killedAt;
    expect(last - killedAt).toBeLessThan(SECONDS_MS);
    expect(await taskContainers()).toEqual(before);
  });

  it("the database has every acknowledged row", async () => {
    const [database = ""] = await containersOf("database");
    const written: string[] = [];
    const going = new AbortController();
    const writer = (async () => {
      for (let index = 0; !going.signal.aborted; index += 1) {
        const username = `w${index}`;
        const user = { name: "W", lastname: String(index), email: `${username}@example.org`, username };
        const answer = await get(url, { ...json, body: JSON.stringify(user) }).catch(() => undefined);
        if (answer?.status === 200) written.push(username);
      }
    })();
    await new Promise((done) => setTimeout(done, 1_000));
    await run("docker", ["kill", database]);
    const beforeKill = written.length;
    await eventually(async () => expect(written.length).toBeGreaterThan(beforeKill + 20));
    going.abort();
    await writer;
    const users = JSON.parse((await get(url, { path: "/user-api/users" })).body) as {
      id: number;
      username: string;
    }[]; // The website's answer.
    const there = new Set(users.map((user) => user.username));
    expect(written.filter((username) => !there.has(username))).toEqual([]);
    for (const user of users.filter((each) => /^w\d+$/.test(each.username)))
      await get(url, { method: "DELETE", path: `/user-api/user/${user.id}` });
  });

  it("a pause container ends its task, which reports it and is replaced, while clients are served", async () => {
    const [first = ""] = await taskContainers();
    const eni = JSON.parse(
      await run("docker", ["inspect", "-f", "{{json .HostConfig.NetworkMode}}", first]),
    ) as string; // Docker's own.
    const loop = startLoop(url, "/version");
    await run("docker", ["kill", eni.replace(/^container:/, "")]);
    await eventually(async () => {
      expect(await taskContainers()).not.toContain(first);
      const service = await fileshare();
      expect(service?.runningCount).toBe(2);
      expect(service?.events?.[0]?.message).toContain("steady state");
    });
    const { failures } = await loop.stop();
    expect(failures.length, failures.slice(0, 5).join("\n")).toBeLessThanOrEqual(4);
  });

  it("the control plane as registry continues an unfinished push, which is invisible before its end", async () => {
    const ecr = new ECRClient(client());
    await ecr.send(new CreateRepositoryCommand({ repositoryName: "killed" }));
    const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
    const { registry } = await instance.status();
    const base = `http://${registry}/v2/000000000000.dkr.ecr.eu-south-1.amazonaws.com/killed/blobs`;
    const authorization = `Basic ${authorizationData[0]?.authorizationToken}`;
    const call = (method: string, url: string, body?: Buffer) =>
      fetch(new URL(url, base), {
        method,
        headers: { authorization },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      });
    const bytes = Buffer.from("layer ".repeat(500_000));
    const digestOf = (content: Buffer): string =>
      `sha256:${createHash("sha256").update(content).digest("hex")}`;
    const whole = Buffer.from("a layer that was acknowledged");
    const first = (await call("POST", `${base}/uploads/`)).headers.get("location") ?? "";
    expect((await call("PUT", `${first}?digest=${digestOf(whole)}`, whole)).status).toBe(201);
    const location = (await call("POST", `${base}/uploads/`)).headers.get("location") ?? "";
    expect((await call("PATCH", location, bytes.subarray(0, 1_000_000))).status).toBe(202);
    process.kill((await instance.status()).controlPlane.pid, "SIGKILL");
    await instance.up("up");
    expect(await (await call("GET", `${base}/${digestOf(whole)}`)).text()).toBe(whole.toString());
    expect((await call("HEAD", `${base}/${digestOf(bytes)}`)).status).toBe(404);
    expect((await call("GET", location)).headers.get("range")).toBe("0-999999");
    expect((await call("PATCH", location, bytes.subarray(1_000_000))).status).toBe(202);
    expect((await call("PUT", `${location}?digest=${digestOf(bytes)}`)).status).toBe(201);
    expect(
      Buffer.from(await (await call("GET", `${base}/${digestOf(bytes)}`)).arrayBuffer()).equals(bytes),
    ).toBe(true);
    await ecr.send(new DeleteRepositoryCommand({ repositoryName: "killed", force: true }));
  });

  it("the control plane has every acknowledged object whole, no incomplete one, and every message", async () => {
    const messages = await startMessageLoad(client());
    const s3 = new S3Client({ ...client(), forcePathStyle: true, maxAttempts: 1 });
    const acknowledged = new Map<string, string>();
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: "killed/in-parts" }),
    );
    await s3.send(
      new UploadPartCommand({
        Bucket: BUCKET,
        Key: "killed/in-parts",
        UploadId,
        PartNumber: 1,
        Body: Buffer.alloc(6_000_000, "p"),
      }),
    );
    const going = new AbortController();
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let index = 0; !going.signal.aborted; index += 1) {
        const key = `killed/${writer}-${index}`;
        const body = createHash("sha512")
          .update(key)
          .digest("hex")
          .repeat(1 + ((index * 997) % 3_000));
        const sent = await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body })).then(
          () => true,
          () => false,
        );
        if (sent) acknowledged.set(key, createHash("sha256").update(body).digest("hex"));
        else await new Promise((done) => setTimeout(done, 20));
      }
    });
    for (let kill = 0; kill < 3; kill += 1) {
      await new Promise((done) => setTimeout(done, 700));
      process.kill((await instance.status()).controlPlane.pid, "SIGKILL");
      await instance.up("up");
    }
    await new Promise((done) => setTimeout(done, 500));
    going.abort();
    await Promise.all(writers);
    await messages.check();
    expect(acknowledged.size).toBeGreaterThan(10);
    for (const [key, hash] of acknowledged) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      expect(
        createHash("sha256")
          .update((await Body?.transformToByteArray()) ?? "")
          .digest("hex"),
        key,
      ).toBe(hash);
    }
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    expect(Uploads.map((upload) => upload.UploadId)).toContain(UploadId);
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: BUCKET, Prefix: "killed/in-parts" }),
    );
    expect(Contents).toEqual([]);
  });
});
