import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server, type Socket as Connection } from "node:net";
import type { Packet } from "dns-packet";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import { forward, forwardName } from "./forward.ts";
import { CODES, emptyReply, encodeReply, fitDatagram, parseQuery, type Resolution } from "./messages.ts";

const CONNECTIONS_MAX = 256;
const CONNECTION_IDLE_MS = 10_000;

export interface DnsServerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly address: string;
  readonly port: number;
  /** Whether names that the server does not have are asked of the host's resolvers. */
  readonly forwards: boolean;
  readonly resolve: (question: { readonly name: string; readonly type: string }) => Resolution;
}

/** Answers DNS queries over UDP and TCP on one address. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #udp: Socket;
  readonly #tcp: Server;

  constructor(deps: DnsServerDeps) {
    const { log, address, port } = deps;
    this.#deps = deps;
    const failed = (thrown: unknown): void =>
      log.warn("Resolver failed", { reason: messageOf(thrown), address });
    this.#udp = createSocket("udp4");
    this.#udp.on("message", (message, peer) => {
      void this.#answer(message).then((answer) => {
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

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  #serve(socket: Connection): void {
    let buffer: Buffer = Buffer.alloc(0);
    socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy());
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
          head.writeUInt16BE(answer.response.length);
          socket.write(Buffer.concat([head, answer.response]));
        });
      }
    });
  }

  /** Never rejects: what is no query has no answer. */
  async #answer(message: Buffer): Promise<{ query: Packet; response: Buffer } | undefined> {
    const { log, forwards } = this.#deps;
    const parsed = parseQuery(message);
    if (parsed === undefined) return undefined;
    const { query } = parsed;
    const plain = (code: (typeof CODES)[keyof typeof CODES]) => ({
      query,
      response: encodeReply(query, emptyReply(code), forwards),
    });
    if (parsed.type === "refused") return plain(parsed.code);
    try {
      return { query, response: await this.#respond(message, parsed) };
    } catch (thrown) {
      log.debug("A query failed", { name: parsed.question.name, reason: messageOf(thrown) });
      return plain(CODES.failure);
    }
  }

  async #respond(
    message: Buffer,
    { query, question }: Extract<ReturnType<typeof parseQuery>, { readonly type: "question" }>,
  ): Promise<Buffer> {
    const { resolve, forwards } = this.#deps;
    const resolution = resolve(question);
    if (resolution.type === "reply") return encodeReply(query, resolution, forwards);
    const { name, records } = resolution;
    if (records.length === 0)
      return forwards ? forward(message, this.#deps) : encodeReply(query, emptyReply(CODES.refused), false);
    const { type } = question;
    const more = forwards ? await forwardName({ name, type }, query.id ?? 0, this.#deps) : [];
    const reply = { code: CODES.found, records, authority: [], isAuthoritative: true };
    return encodeReply(query, reply, forwards, more);
  }
}
