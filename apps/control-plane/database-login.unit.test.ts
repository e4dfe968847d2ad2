import { Readable } from "node:stream";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, it } from "vitest";
import { databaseLoginKey } from "@gantry/state/transactions/database-login-key";
import { answerDatabaseLogin } from "./database-login.ts";
import { secretIdOf } from "./secret-id.ts";

const keys = { names: Buffer.alloc(32, 1) };
const instance = { resourceId: "db-A", arn: "arn", iamAuthentication: false, deleting: false };
const reasons: unknown[] = [];
const deps = {
  store: { list: () => [instance], settled: () => Promise.resolve() },
  ...{
    keys,
    clock: { now: () => 0 },
    log: {
      info: (_: string, fields: object) => void reasons.push(fields),
      warn: (_: string, fields: object) => void reasons.push(fields),
    },
  },
} as unknown as Parameters<typeof answerDatabaseLogin>[0]; // Only these are read.
const keyOf = (id: string) => databaseLoginKey((text) => secretIdOf(keys as never, text), id);

async function ask(
  id: string,
  key: string,
  body: string | Readable = "YXBw\nMQ==",
  method = "POST",
): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const fields = { url: `/gantry/database-login/${id}`, method, headers };
  const read = typeof body === "string" ? Readable.from([Buffer.from(body)]) : body;
  const request = Object.assign(read, fields) as unknown as IncomingMessage;
  let status = 0;
  const response = { writeHead: (code: number) => void (status = code), end: () => undefined };
  await answerDatabaseLogin(deps, request, response as unknown as ServerResponse); // Only these are called.
  return status;
}

it("answers the servers of an instance alone, and looks at no token of others", async () => {
  for (const [id, key, body, method] of [
    ["db-A", "0".repeat(32)],
    ["db-A", keyOf("db-B")],
    ["db-B", keyOf("db-B")],
    ["db-A/..", keyOf("db-A")],
    ["db-A", `${keyOf("db-A")}0`],
    ["db-A", keyOf("db-A"), "YXBw\nMQ==", "GET"],
    ["db-A", keyOf("db-A"), "YXBw"],
    ["db-A", keyOf("db-A"), "x".repeat(100_000)],
  ] as const)
    expect(await ask(id, key, body, method), `${id} ${key}`).toBe(403);
  expect(reasons).toEqual([]);
  expect(await ask("db-A", keyOf("db-A"))).toBe(403);
  expect(reasons).toMatchObject([
    { user: "app", reason: "IAM database authentication is off for the instance." },
  ]);
});

it("survives a server that ends in the middle of its question", async () => {
  reasons.length = 0;
  const ending = Readable.from(
    (async function* () {
      yield Buffer.from("YX");
      throw new Error("aborted");
    })(),
  );
  // A rejection would end the control plane.
  expect(await ask("db-A", keyOf("db-A"), ending)).toBe(403);
  expect(reasons).toEqual([{ url: "/gantry/database-login/db-A", reason: "aborted" }]);
});
