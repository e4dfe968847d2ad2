import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { http, messageOf, type Logger } from "@gantry/kernel";
import { TaskAnswers, type Answer, type TaskAnswersDeps } from "./task-answers.ts";

/** Serves tasks at 169.254.170.2: their credentials, metadata and statistics, behind ids that cannot be guessed. */
export class TaskEndpoints {
  readonly #answers: TaskAnswers;
  readonly #log: Logger;
  readonly #server: Server;

  constructor(deps: TaskAnswersDeps & { readonly address: string; readonly log: Logger }) {
    this.#answers = new TaskAnswers(deps);
    this.#log = deps.log;
    // #handle never rejects.
    this.#server = http.createServer((request, response) => void this.#handle(request, response));
    this.#server.on("error", (thrown) =>
      deps.log.warn("Task endpoints failed", { reason: messageOf(thrown) }),
    );
    this.#server.listen(8080, deps.address);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      send(response, await this.#answers.answer((request.url ?? "/").split("?")[0] ?? "/"));
    } catch (thrown) {
      this.#log.warn("Task endpoint failed", { reason: messageOf(thrown) });
      const body = { code: "InternalServerError", message: "The endpoint could not answer." };
      send(response, { status: 500, body });
    }
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
