import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";
import { readFileSync } from "node:fs";
import packet, { type Answer, type Packet } from "dns-packet";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { ZoneAnswer } from "./zone.ts";

const FORWARD_TIMEOUT_MS = 4_000;
const UDP_MAX_BYTES = 1_232;
const NEGATIVE_TTL_SECONDS = 5;

/**
 * A VPC's resolver: UDP and TCP on one address. Names that the zone does not know are forwarded to the host's
 * resolvers.
 */
export class DnsServer {
  readonly #lookUp: (name: string) => ZoneAnswer;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #udp: Socket;
  readonly #tcp: Server;

  constructor(deps: { clock: Clock; address: string; lookUp: (name: string) => ZoneAnswer; log: Logger }) {
    this.#lookUp = deps.lookUp;
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#udp = createSocket("udp4");
    this.#udp.on("message", (message, peer) => {
      void this.#answer(message).then((answer) => {
        if (answer === undefined) return;
        const fits = answer.length <= UDP_MAX_BYTES ? answer : truncated(answer);
        this.#udp.send(fits, peer.port, peer.address);
      });
    });
    this.#udp.on("error", (thrown) => this.#log.warn("Resolver failed", { reason: messageOf(thrown) }));
    this.#udp.bind(53, deps.address);
    this.#tcp = createServer((socket) => {
      let buffer: Buffer = Buffer.alloc(0);
      socket.setTimeout(10_000, () => socket.destroy());
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk: Buffer) => {
        buffer = Buffer.concat([buffer, chunk]);
        while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
          const size = buffer.readUInt16BE(0);
          const message = buffer.subarray(2, 2 + size);
          buffer = buffer.subarray(2 + size);
          void this.#answer(message).then((answer) => {
            if (answer === undefined || socket.destroyed) return;
            const head = Buffer.alloc(2);
            head.writeUInt16BE(answer.length);
            socket.write(Buffer.concat([head, answer]));
          });
        }
      });
    });
    this.#tcp.on("error", (thrown) => this.#log.warn("Resolver failed", { reason: messageOf(thrown) }));
    this.#tcp.listen(53, deps.address);
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  /** Never rejects: a query that cannot be parsed has no answer. */
  async #answer(message: Buffer): Promise<Buffer | undefined> {
    let query: Packet;
    try {
      query = packet.decode(message);
    } catch {
      return undefined;
    }
    const [question] = query.questions ?? [];
    if (question === undefined) return undefined;
    const known = this.#lookUp(question.name);
    if (known === undefined) return forward(message, this.#log, this.#clock).catch(() => failure(query, 2));
    const answers: Answer[] =
      known.type === "addresses" && question.type === "A"
        ? known.addresses.map((data) => ({ type: "A", name: question.name, ttl: known.ttlSeconds, data }))
        : [];
    const authorities: Answer[] =
      answers.length > 0
        ? []
        : [
            {
              type: "SOA",
              name: question.name,
              ttl: NEGATIVE_TTL_SECONDS,
              data: {
                mname: "ns.internal",
                rname: "root.internal",
                serial: 1,
                refresh: 60,
                retry: 60,
                expire: 60,
                minimum: NEGATIVE_TTL_SECONDS,
              },
            },
          ];
    // The answer to an AAAA query for a name that has an A record is NODATA, not NXDOMAIN.
    const code = known.type === "none" ? 3 : 0;
    return packet.encode({
      id: query.id ?? 0,
      type: "response",
      flags: packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | code,
      questions: [question],
      answers,
      authorities,
    });
  }
}

function failure(query: Packet, code: number): Buffer {
  return packet.encode({
    id: query.id ?? 0,
    type: "response",
    flags: packet.RECURSION_AVAILABLE | code,
    questions: query.questions ?? [],
  });
}

function truncated(answer: Buffer): Buffer {
  const full = packet.decode(answer);
  return packet.encode({
    id: full.id ?? 0,
    type: "response",
    flags: (full.flags ?? 0) | packet.TRUNCATED_RESPONSE,
    questions: full.questions ?? [],
  });
}

/** Queries the host's resolvers, one after the other. */
async function forward(message: Buffer, log: Logger, clock: Clock): Promise<Buffer> {
  const resolvers = [
    ...readFileSync("/etc/resolv.conf", "utf8").matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)/gm),
  ].map((match) => match[1] ?? "");
  let last: unknown = new Error("The host has no resolver.");
  for (const resolver of resolvers) {
    try {
      return await askResolver(resolver, message, clock);
    } catch (thrown) {
      last = thrown;
    }
  }
  log.debug("Name not forwarded", { reason: messageOf(last) });
  throw last;
}

function askResolver(address: string, message: Buffer, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const timer = clock.after(FORWARD_TIMEOUT_MS, () =>
      socket.emit("error", new Error("The resolver did not answer.")),
    );
    const end = (): void => {
      timer.cancel();
      socket.close();
    };
    socket.once("message", (answer) => {
      end();
      resolve(answer);
    });
    socket.once("error", (thrown) => {
      end();
      reject(thrown);
    });
    socket.send(message, 53, address);
  });
}
