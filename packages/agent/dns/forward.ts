import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import packet, { type Answer } from "dns-packet";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";

const FORWARD_TIMEOUT_MS = 4_000;

export interface ForwardDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Queries the host's resolvers, one after the other. */
export async function forward(message: Buffer, { clock, log }: ForwardDeps): Promise<Buffer> {
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

/** Asks the host's resolvers for a name. */
export async function forwardName(
  question: { readonly name: string; readonly type: string },
  id: number,
  deps: ForwardDeps,
): Promise<readonly Answer[]> {
  const questions = [{ name: question.name, type: question.type as "A" }]; // A type of the client's question.
  const query = packet.encode({ type: "query", id, flags: packet.RECURSION_DESIRED, questions });
  return packet.decode(await forward(query, deps)).answers ?? [];
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
