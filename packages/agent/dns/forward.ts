import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, isIPv6 } from "node:net";
import packet, { type Answer, type Question } from "dns-packet";
import { messageOf, type Clock, type Ids, type Logger } from "@gantry/kernel";
import { isHostResolver, nameServersIn } from "@gantry/kernel/dns/host-resolver";

const FORWARD_TIMEOUT_MS = 4_000;
/** Queries that wait for a resolver at a time. Each has a socket of its own. */
const WAITING_MAX = 512;
/**
 * Those with the same question. A resolver that itself asks this one, such as a dnsmasq that reads /etc/resolv.conf,
 * sends each query back: the circle ends here.
 */
const SAME_WAITING_MAX = 8;
const DNS_PORT = 53;

export interface ForwarderDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** The source of query ids, which a forged answer would have to guess. */
  readonly ids: Pick<Ids, "hex">;
  /** Addresses of the resolvers, in the order in which they are asked. */
  readonly resolvers: () => readonly string[];
  /** The port of the resolvers: 53 except in tests. */
  readonly port?: number;
}

/**
 * The resolvers of the host as this container sees them. The instance's own resolver, which `gantry dns install` puts
 * before the others, is left out: it would be asked by itself.
 */
export function hostResolvers(): readonly string[] {
  return nameServersIn(readFileSync("/etc/resolv.conf", "utf8")).filter((each) => !isHostResolver(each));
}

/**
 * Asks other resolvers, one after the other. Each query leaves from a port and with an id of its own, both random, and
 * only an answer of the resolver to the same question counts. Source: RFC 5452, section 9.
 */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  readonly #waiting = new Map<string, number>();
  #waitingCount = 0;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /** The answer to a client's query, with the client's id. Errors: where no resolver answers. */
  async forward(query: Buffer, isOverTcp: boolean): Promise<Buffer> {
    const question = (packet.decode(query).questions ?? []).map(textOf).join();
    const same = this.#waiting.get(question) ?? 0;
    if (this.#waitingCount >= WAITING_MAX || same >= SAME_WAITING_MAX)
      throw new Error("Too many queries wait for the host's resolvers.");
    this.#waiting.set(question, same + 1);
    this.#waitingCount += 1;
    try {
      return await this.#askAll(query, isOverTcp);
    } finally {
      this.#waitingCount -= 1;
      const left = (this.#waiting.get(question) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(question);
      else this.#waiting.set(question, left);
    }
  }

  /** Asks for a name. Errors: as above. */
  async forwardName(
    { name, type }: { readonly name: string; readonly type: string },
    isOverTcp: boolean,
  ): Promise<readonly Answer[]> {
    const questions = [{ name, type: type as "A" }]; // A type of the client's question.
    const query = packet.encode({ type: "query", id: 0, flags: packet.RECURSION_DESIRED, questions });
    return packet.decode(await this.forward(query, isOverTcp)).answers ?? [];
  }

  async #askAll(query: Buffer, isOverTcp: boolean): Promise<Buffer> {
    const { clock, log, ids, resolvers, port = DNS_PORT } = this.#deps;
    let last: unknown = new Error("The host has no resolver.");
    for (const address of resolvers()) {
      const asked = Buffer.from(query);
      asked.writeUInt16BE(Number.parseInt(ids.hex(4), 16));
      try {
        const ask = isOverTcp ? askOverTcp : askOverUdp;
        const answer = Buffer.from(await ask({ address, port, clock }, asked));
        query.copy(answer, 0, 0, 2);
        return answer;
      } catch (thrown) {
        last = thrown;
      }
    }
    log.debug("Name not forwarded", { reason: messageOf(last) });
    throw last;
  }
}

interface Upstream {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
}

/** The socket is connected, so that the kernel drops what others send to its port. */
function askOverUdp({ address, port, clock }: Upstream, query: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  socket.on("message", (answer) => {
    if (isAnswerTo(query, answer)) resolve(answer);
  });
  socket.on("error", reject);
  socket.on("connect", () => socket.send(query));
  socket.connect(port, address);
  return withDeadline(promise, clock, reject).finally(() => socket.close());
}

function askOverTcp({ address, port, clock }: Upstream, query: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: address, port });
  socket.on("connect", () => socket.write(framed(query)));
  let buffer: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    if (buffer.length < 2 || buffer.length < 2 + buffer.readUInt16BE(0)) return;
    const answer = buffer.subarray(2, 2 + buffer.readUInt16BE(0));
    if (isAnswerTo(query, answer)) resolve(answer);
    else reject(new Error("The resolver answered something else."));
  });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("The resolver closed the connection.")));
  return withDeadline(promise, clock, reject).finally(() => socket.destroy());
}

function withDeadline(
  answer: Promise<Buffer>,
  clock: Clock,
  reject: (reason: Error) => void,
): Promise<Buffer> {
  const timer = clock.after(FORWARD_TIMEOUT_MS, () => reject(new Error("The resolver did not answer.")));
  return answer.finally(() => timer.cancel());
}

/** A message of DNS over TCP: its length comes first. Source: RFC 1035, section 4.2.2. */
export function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}

/** Whether a message is a response with the query's id and question. */
function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (answer.length < 12 || answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  try {
    const [asked, answered] = [packet.decode(query), packet.decode(answer)];
    const [wanted, ...more] = (asked.questions ?? []).map(textOf);
    const [given, ...others] = (answered.questions ?? []).map(textOf);
    return answered.type === "response" && wanted === given && more.length === 0 && others.length === 0;
  } catch {
    return false;
  }
}

function textOf({ name, type, class: group = "IN" }: Question): string {
  return `${name.toLowerCase()} ${type} ${group}`;
}
