import { appendFileSync, existsSync, readFileSync, statSync, truncateSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { BalancerLogKind, ToControlPlane } from "@gantry/agent-protocol";
import { ensurePrivateFolder, messageOf, type Clock, type Ids, type Logger } from "@gantry/kernel";

/** A file covers five minutes. Source: "Access logs for your Application Load Balancer", access log files. */
const PERIOD_MS = 300_000;
/** A fuller file is finished early: a period may have several files. Bytes before compression. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Lines in memory, in characters, beyond which they are written at once. */
const HELD_MAX = 1024 * 1024;
/** Room for files that the control plane has not taken yet. Beyond it lines are lost. */
const SPOOL_BYTES_MAX = 512 * 1024 * 1024;
const RANDOM_DIGITS = 8;
const NAME = /^(\d+)\.(access|connection)\.([0-9a-f]+)\.(.+)\.log(\.gz)?$/;

const compress = promisify(gzip);
/** Takes half of the time of the default level, and makes files of such lines that are 7 % larger. */
const LEVEL = 1;

export type BalancerLogFile = Extract<ToControlPlane, { type: "balancerLog" }>;

export interface LogSpoolDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly folder: string;
  /** Room on the disk for files that the control plane has not taken; 512 MiB by default. */
  readonly bytesMax?: number;
}

interface OpenFile {
  readonly path: string;
  readonly until: number;
  bytes: number;
  held: string;
}

/**
 * Collects the lines of load balancers' logs in files of five minutes on the node's disk, and keeps a finished
 * file until the control plane has taken it. Lines are written at least four times a second (see `flush`): a
 * kill of the agent loses at most those of the last second, and no line is written twice, because a file has
 * one id under which it may be sent again.
 */
export class LogSpool {
  readonly #deps: LogSpoolDeps;
  readonly #open = new Map<string, OpenFile>();
  /** The file of the last line, which most lines go on with. */
  #last: { readonly balancerArn: string; readonly log: BalancerLogKind; readonly file: OpenFile } | undefined;
  readonly #sent = new Set<string>();
  #isOpened = false;
  /** Whether there is neither an open file nor one that the control plane has to take. */
  #isIdle = false;
  #bytes = 0;
  #hasWarned = false;

  constructor(deps: LogSpoolDeps) {
    this.#deps = deps;
  }

  /** Adds a line without its newline. */
  add(balancerArn: string, log: BalancerLogKind, line: string): void {
    const now = this.#deps.clock.now();
    const until = (Math.floor(now / PERIOD_MS) + 1) * PERIOD_MS;
    const last = this.#last;
    if (last?.balancerArn === balancerArn && last.log === log && isUsable(last.file, until))
      return this.#hold(last.file, line);
    const key = `${log}.${balancerArn}`;
    let file = this.#open.get(key);
    if (file === undefined || !isUsable(file, until)) {
      if (file !== undefined) this.#write(file);
      const name = `${until}.${log}.${this.#deps.ids.hex(RANDOM_DIGITS)}.${encodeURIComponent(balancerArn)}.log`;
      file = { path: join(this.#deps.folder, name), until, bytes: 0, held: "" };
      this.#open.set(key, file);
    }
    this.#last = { balancerArn, log, file };
    this.#hold(file, line);
  }

  #hold(file: OpenFile, line: string): void {
    this.#isIdle = false;
    file.held += `${line}\n`;
    if (file.held.length > HELD_MAX) this.#write(file);
  }

  /** Writes the lines in memory to disk, and compresses the files whose period is over. */
  async flush(): Promise<void> {
    if (!this.#isOpened) await this.#adopt();
    if (this.#isIdle) return;
    const now = this.#deps.clock.now();
    for (const [key, file] of this.#open) {
      this.#write(file);
      if (file.until <= now) this.#open.delete(key);
    }
    this.#last = undefined;
    const open = new Set([...this.#open.values()].map(({ path }) => path));
    const names = await this.#names();
    this.#isIdle = names.length === 0 && this.#open.size === 0;
    for (const name of names) {
      const path = join(this.#deps.folder, name);
      if (!name.endsWith(".log") || open.has(path)) continue;
      const content = await compress(await readFile(path), { level: LEVEL });
      // The limit counts what is on disk: the compressed file takes the place of the lines.
      this.#bytes += content.length - statSync(path).size;
      await writeFile(`${path}.tmp`, content, { mode: 0o600 });
      await rename(`${path}.tmp`, `${path}.gz`);
      await rm(path, { force: true });
    }
  }

  /** Returns the next finished file that was not sent since the connection began. */
  async next(): Promise<BalancerLogFile | undefined> {
    if (this.#isIdle) return undefined;
    for (const name of (await this.#names()).toSorted()) {
      const [, until, log, id = "", arn = "", end] = NAME.exec(name) ?? [];
      if (end === undefined || this.#sent.has(id)) continue;
      this.#sent.add(id);
      return {
        type: "balancerLog",
        id,
        balancerArn: decodeURIComponent(arn),
        log: log === "connection" ? "connection" : "access",
        until: Number(until),
        content: (await readFile(join(this.#deps.folder, name))).toString("base64"),
      };
    }
    return undefined;
  }

  /** Removes a file that the control plane has taken. */
  async taken(id: string): Promise<void> {
    for (const name of await this.#names()) {
      if (NAME.exec(name)?.[3] !== id || !name.endsWith(".gz")) continue;
      const path = join(this.#deps.folder, name);
      this.#bytes -= existsSync(path) ? statSync(path).size : 0;
      await rm(path, { force: true });
      this.#hasWarned = false;
    }
    this.#sent.delete(id);
  }

  /** Sends the files again that were not taken: a new connection has begun. */
  resend(): void {
    this.#sent.clear();
  }

  #write(file: OpenFile): void {
    if (file.held === "") return;
    const text = file.held;
    file.held = "";
    const size = Buffer.byteLength(text);
    if (this.#bytes + size > (this.#deps.bytesMax ?? SPOOL_BYTES_MAX)) {
      if (!this.#hasWarned) this.#deps.log.warn("Lines of load balancer logs are lost: their spool is full");
      this.#hasWarned = true;
      return;
    }
    try {
      if (!this.#isOpened) ensurePrivateFolder(this.#deps.folder);
      appendFileSync(file.path, text, { mode: 0o600 });
      file.bytes += size;
      this.#bytes += size;
    } catch (thrown) {
      this.#deps.log.warn("Lines of load balancer logs are lost", { reason: messageOf(thrown) });
    }
  }

  /** Continues the files of an earlier agent. Its last line may be cut, and is removed. */
  async #adopt(): Promise<void> {
    ensurePrivateFolder(this.#deps.folder);
    const names = await this.#names();
    const now = this.#deps.clock.now();
    this.#bytes = 0;
    for (const name of names) {
      const path = join(this.#deps.folder, name);
      const [, until, log, , arn = "", end] = NAME.exec(name) ?? [];
      if (until === undefined || names.includes(`${name}.gz`)) await rm(path, { force: true });
      else if (end === undefined) {
        const content = readFileSync(path);
        const bytes = content.lastIndexOf(0x0a) + 1;
        if (bytes < content.length) truncateSync(path, bytes);
        const key = `${log}.${decodeURIComponent(arn)}`;
        if (Number(until) > now && !this.#open.has(key))
          this.#open.set(key, { path, until: Number(until), bytes, held: "" });
      }
      if (existsSync(path)) this.#bytes += statSync(path).size;
    }
    this.#isOpened = true;
  }

  async #names(): Promise<readonly string[]> {
    return readdir(this.#deps.folder).catch(() => []);
  }
}

/** Whether a line whose period ends at `until` goes into the file. */
function isUsable(file: OpenFile, until: number): boolean {
  return file.until === until && file.bytes <= FILE_BYTES_MAX;
}
