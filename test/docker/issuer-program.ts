import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { openFakeIssuer } from "@gantry/testkit/fake-issuer";

// An OpenID Connect issuer as a program of its own: it serves HTTPS on a port of localhost, which it prints, until
// its input ends. Users sign in at it once, and stay signed in by its own cookie until they log out.
const [certificate = "", key = "", expiresIn = ""] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.listen(0, "127.0.0.1", () => {
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`; // It listens on a port.
  void serve(origin);
});
process.stdin.resume().on("end", () => process.exit());

async function serve(origin: string): Promise<void> {
  const issuer = await openFakeIssuer(origin);
  issuer.answerWith({ expiresIn: Number(expiresIn) });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    void answer(issuer, request, response, new URL(request.url ?? "/", origin));
  });
  process.stdout.write(`${origin}\n`);
}

async function answer(
  issuer: Awaited<ReturnType<typeof openFakeIssuer>>,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  switch (url.pathname) {
    case "/authorize": {
      if (request.headers.cookie !== "user=ann") return void response.end("Who are you?");
      const { code, state } = issuer.authorize(url.href);
      const back = new URL(url.searchParams.get("redirect_uri") ?? "");
      back.search = new URLSearchParams({ code, state }).toString();
      return void response.writeHead(302, { location: back.href }).end();
    }
    case "/login":
      return void response.writeHead(200, { "set-cookie": "user=ann; Secure; HttpOnly" }).end();
    case "/logout":
      issuer.revoke();
      return void response.writeHead(200, { "set-cookie": "user=; Max-Age=0" }).end();
    default: {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
      const { authorization, "content-type": type = "text/plain" } = request.headers;
      const headers = { "content-type": type, ...(authorization === undefined ? {} : { authorization }) };
      const answered = await issuer.fetch(url.href, {
        method: request.method ?? "GET",
        headers,
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks).toString() }),
      });
      response.writeHead(answered.status, { "content-type": "application/json" });
      return void response.end(await answered.text());
    }
  }
}
