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

it("finishes a file after its five minutes, and keeps it until it is delivered", async () => {
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

it("keeps every complete line once when it is killed, and drops an incomplete line", async () => {
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

// Before: the limit counted lines before their compression and gave back the compressed size, so that it was
// reached for good after 512 MiB of lines, however few bytes were on the disk.
it("counts what is on the disk against its limit", async () => {
  const clock = new VirtualClock();
  const folder = newFolder();
  const spool = new LogSpool({ clock, ids: randomIds(), log: silentLogger, folder, bytesMax: 20_000 });
  const line = "x".repeat(9_999);
  const period = async () => {
    spool.add(LB, "access", line);
    await spool.flush();
    await clock.advance(300_000);
    await spool.flush();
  };
  for (let each = 0; each < 10; each += 1) await period();
  const files = [];
  for (let file = await spool.next(); file !== undefined; file = await spool.next()) files.push(file);
  expect(files.map(({ content }) => textOf(content))).toEqual(files.map(() => `${line}\n`));
  expect(files).toHaveLength(10);
});
