import type { Server } from "node:net";
import { messageOf, type Logger } from "@gantry/kernel";

/** Listens on a loopback port. A port that is in use ends the process with the remedy in its log. */
export function listenOn({ log }: { readonly log: Logger }, server: Server, port: number): void {
  server.on("error", (thrown) => {
    log.error("A port cannot be opened: stop the program that listens on it, or choose another with --port", {
      reason: messageOf(thrown),
    });
    process.exit(1);
  });
  server.listen(port, "127.0.0.1");
}
