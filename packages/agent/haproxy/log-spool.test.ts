import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { randomIds, silentLogger, VirtualClock } from "@gantry/kernel";
import { afterEach, expect, it } from "vitest";
import { LogSpool } from "./log-spool.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const LB = "arn:aws:elasticloadbalancing:eu-south-1:000000000000:loadbalancer/app/a/1";
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "spool-"));
  folders.push(folder);
  return folder;
};
const open = (clock: VirtualClock, folder: string) =>
  new LogSpool({ clock, ids: randomIds(), log: silentLogger, folder });
const textOf = (content = "") => gunzipSync(Buffer.from(content, "base64")).toString();

it("finishes a file at the end of its five minutes, and keeps it until it is taken", async () => {
  const clock = new VirtualClock();
  const spool = open(clock, newFolder());
  spool.add(LB, "access", "one");
  spool.add(LB, "connection", "other");
  await spool.flush();
  expect(await spool.next()).toBeUndefined();
  await clock.advance(300_000);
  spool.add(LB, "access", "two");
  await spool.flush();
  const file = await spool.next();
  expect(file).toMatchObject({ balancerArn: LB, log: "access", until: clock.now() });
  expect(textOf(file?.content)).toBe("one\n");
  expect(textOf((await spool.next())?.content)).toBe("other\n");
  expect(await spool.next()).toBeUndefined();
  spool.resend();
  expect((await spool.next())?.id).toBe(file?.id);
  await spool.taken(file?.id ?? "");
  spool.resend();
  expect((await spool.next())?.log).toBe("connection");
});

it("loses no written line by a kill, writes none twice, and drops a line that is cut", async () => {
  const clock = new VirtualClock();
  const folder = newFolder();
  const killed = open(clock, folder);
  await killed.flush();
  killed.add(LB, "access", "one");
  await killed.flush();
  killed.add(LB, "access", "lost with the process");
  appendFileSync(join(folder, readdirSync(folder)[0] ?? ""), "cut");
  const next = open(clock, folder);
  await next.flush();
  next.add(LB, "access", "two");
  await clock.advance(300_000);
  await next.flush();
  expect(textOf((await next.next())?.content)).toBe("one\ntwo\n");
  expect(await next.next()).toBeUndefined();
  expect(readdirSync(folder)).toHaveLength(1);
});

it("adopts the files of a period that ended while no agent ran", async () => {
  const clock = new VirtualClock();
  const folder = newFolder();
  const killed = open(clock, folder);
  killed.add(LB, "access", "one");
  await killed.flush();
  await clock.advance(900_000);
  const next = open(clock, folder);
  await next.flush();
  expect(textOf((await next.next())?.content)).toBe("one\n");
});
