import { createServer, request as requestOf, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startNamedHostsProxy, type NamedHostsProxy } from "./named-hosts-proxy.ts";

const seen: { readonly url: string | undefined; readonly host: string | undefined; readonly body: string }[] =
  [];
const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  seen.push({ url: request.url, host: request.headers.host, body: Buffer.concat(parts).toString() });
  expect(request.headers["proxy-authorization"]).toBeUndefined();
  response.writeHead(201, { "x-answer": "yes" }).end("answered");
};
const server = createServer((request, response) => void answer(request, response));
let [port, proxy]: [number, NamedHostsProxy | undefined] = [0, undefined];
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  proxy = await startNamedHostsProxy();
});
afterAll(() => {
  proxy?.close();
  server.close();
});

function send(path: string, authorization?: string, body = ""): Promise<{ status: number; text: string }> {
  const url = new URL(proxy?.url ?? "");
  const own = `Basic ${Buffer.from(`${url.username}:${url.password}`).toString("base64")}`;
  const host = URL.parse(path)?.host ?? "";
  return new Promise((resolve, reject) => {
    const headers = { host, "proxy-authorization": authorization ?? own };
    const options = { host: "127.0.0.1", port: url.port, path, method: "PUT", headers, setHost: false };
    const sent = requestOf(options, (answer: IncomingMessage) => {
      let text = "";
      answer.on("data", (data: Buffer) => (text += data.toString()));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

it("leads names below localhost to this machine, with the path as it was sent", async () => {
  const host = `000000000000.s3-control.localhost:${port}`;
  expect(await send(`http://${host}/v20180820/tags/arn%3Aaws?a=%2F`, undefined, "a body")).toEqual({
    status: 201,
    text: "answered",
  });
  expect(seen.at(-1)).toEqual({ url: "/v20180820/tags/arn%3Aaws?a=%2F", host, body: "a body" });
});

it("passes on requests to other hosts, and says where one does not answer", async () => {
  expect(await send(`http://127.0.0.1:${port}`)).toMatchObject({ status: 201 });
  expect(seen.at(-1)).toMatchObject({ url: "/", host: `127.0.0.1:${port}` });
  expect(await send("http://127.0.0.1:1/")).toMatchObject({ status: 502 });
});

it("serves nobody without its password, and plain HTTP alone", async () => {
  const before = seen.length;
  expect(await send(`http://127.0.0.1:${port}/`, "Basic Z2FudHJ5Og==")).toMatchObject({ status: 407 });
  expect(await send("https://127.0.0.1/")).toMatchObject({ status: 400 });
  expect(await send("/etc/passwd")).toMatchObject({ status: 400 });
  expect(seen).toHaveLength(before);
});
