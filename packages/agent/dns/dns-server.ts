import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server, type Socket as Connection } from "node:net";
import type { Packet } from "dns-packet";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import { framed, type Forwarder } from "./forward.ts";
import { CODES, emptyReply, encodeReply, fitDatagram, parseQuery, type Resolution } from "./messages.ts";

const CONNECTIONS_MAX = 256;
const CONNECTION_IDLE_MS = 10_000;
/** Bytes of a query: a name and a few options. Longer messages are dropped before they are read. */
const QUERY_MAX_BYTES = 4_096;
/** Queries of one connection that are not answered yet, and bytes that its client has not read. */
const UNANSWERED_MAX = 64;
const UNREAD_MAX_BYTES = 256 * 1024;

export interface DnsServerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly address: string;
  readonly port: number;
  /** Asks the host's resolvers for names that the server does not have; undefined: they are refused. */
  readonly forwarder: Forwarder | undefined;
  readonly resolve: (question: { readonly name: string; readonly type: string }) => Resolution;
}

/** Answers DNS queries over UDP and TCP on one address. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #udp: Socket;
  readonly #tcp: Server;
  #isBroken = false;

  constructor(deps: DnsServerDeps) {
    const { log, address, port } = deps;
    this.#deps = deps;
    const failed = (thrown: unknown): void => {
      this.#isBroken = true;
      log.warn("Resolver failed", { reason: messageOf(thrown), address });
    };
    this.#udp = createSocket("udp4");
    this.#udp.on("message", (message, peer) => {
      void this.#answer(message, false).then((answer) => {
        if (answer !== undefined)
          this.#udp.send(fitDatagram(answer.query, answer.response), peer.port, peer.address);
      });
    });
    this.#udp.on("error", failed);
    this.#udp.bind(port, address);
    this.#tcp = createServer((socket) => this.#serve(socket));
    this.#tcp.maxConnections = CONNECTIONS_MAX;
    this.#tcp.on("error", failed);
    this.#tcp.listen(port, address);
  }

  /** Whether it could not listen, or an error has ended it. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #serve(socket: Connection): void {
    let buffer: Buffer = Buffer.alloc(0);
    let unanswered = 0;
    socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
        const size = buffer.readUInt16BE(0);
        const message = buffer.subarray(2, 2 + size);
        buffer = buffer.subarray(2 + size);
        unanswered += 1;
        if (unanswered > UNANSWERED_MAX) return void socket.destroy();
        void this.#answer(message, true).then((answer) => {
          unanswered -= 1;
          if (answer === undefined || socket.destroyed) return;
          if (socket.writableLength > UNREAD_MAX_BYTES) return void socket.destroy();
          socket.write(framed(answer.response));
        });
      }
      if (buffer.length >= 2 && buffer.readUInt16BE(0) > QUERY_MAX_BYTES) socket.destroy();
    });
  }

  /** Never rejects: what is no query has no answer. */
  async #answer(
    message: Buffer,
    isOverTcp: boolean,
  ): Promise<{ query: Packet; response: Buffer } | undefined> {
    const { log, forwarder } = this.#deps;
    const parsed = message.length > QUERY_MAX_BYTES ? undefined : parseQuery(message);
    if (parsed === undefined) return undefined;
    const { query } = parsed;
    const plain = (code: (typeof CODES)[keyof typeof CODES]) => ({
      query,
      response: encodeReply(query, emptyReply(code), forwarder !== undefined),
    });
    if (parsed.type === "refused") return plain(parsed.code);
    try {
      return { query, response: await this.#respond(message, parsed, isOverTcp) };
    } catch (thrown) {
      log.debug("A query failed", { name: parsed.question.name, reason: messageOf(thrown) });
      return plain(CODES.failure);
    }
  }

  async #respond(
    message: Buffer,
    { query, question }: Extract<ReturnType<typeof parseQuery>, { readonly type: "question" }>,
    isOverTcp: boolean,
  ): Promise<Buffer> {
    const { resolve, forwarder } = this.#deps;
    const recurses = forwarder !== undefined;
    const resolution = resolve(question);
    if (resolution.type === "reply") return encodeReply(query, resolution, recurses);
    const { name, records } = resolution;
    if (records.length === 0)
      return recurses
        ? forwarder.forward(message, isOverTcp)
        : encodeReply(query, emptyReply(CODES.refused), false);
    const { type } = question;
    const more = recurses ? await forwarder.forwardName({ name, type }, isOverTcp) : [];
    const reply = { code: CODES.found, records, authority: [], isAuthoritative: true };
    return encodeReply(query, reply, recurses, more);
  }
}
