import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { BalancerAuthentication, BalancersAssignment } from "@gantry/agent-protocol";
import { messageOf } from "@gantry/kernel";
import type { AuthenticateDeps, UserRequest, Verdict } from "./authenticate.ts";
import { authenticationId, authenticationsOf, authenticationSocket } from "./render-authentication.ts";

/** The lines of a question: the authentication or `callback`, the load balancer, the host, the path and the cookies. */
const LINES = 5;
/** The proxy's buffer limits a request to less. */
const QUESTION_LENGTH_MAX = 64 * 1024;
const QUESTION_MS_MAX = 30_000;

/**
 * Answers the proxy's script (`render-authentication.ts`): a question is five lines, an answer is `continue` or
 * a status, followed by a line for each header. The proxy refuses the request where no answer comes.
 */
export class AuthenticationServer {
  readonly #deps: Omit<AuthenticateDeps, "renewals">;
  #renewals: AuthenticateDeps["renewals"] | undefined;
  #server: Server | undefined;
  #path = "";
  /** By load balancer. */
  #configs: ReadonlyMap<string, readonly BalancerAuthentication[]> = new Map();

  constructor(deps: Omit<AuthenticateDeps, "renewals">) {
    this.#deps = deps;
  }

  /** Uses the authentications of an assignment from now on, and listens where there is one. */
  async use(assignment: BalancersAssignment, folder: string): Promise<void> {
    this.#configs = new Map(
      assignment.balancers.map((balancer) => [balancer.arn, balancer.listeners.flatMap(authenticationsOf)]),
    );
    const isNeeded = [...this.#configs.values()].some((configs) => configs.length > 0);
    if (!isNeeded) return this.close();
    const path = authenticationSocket(folder);
    if (this.#server !== undefined && this.#path === path) return;
    this.close();
    await rm(path, { force: true });
    const server = createServer((socket) => this.#serve(socket));
    server.on("error", (thrown) =>
      this.#deps.log.warn("Users of load balancers cannot sign in", { reason: messageOf(thrown) }),
    );
    await new Promise<void>((resolve) => server.listen(path, resolve));
    server.unref();
    this.#server = server;
    this.#path = path;
  }

  close(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #serve(socket: Socket): void {
    let text = "";
    socket.setEncoding("latin1");
    socket.setTimeout(QUESTION_MS_MAX, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\n");
      if (text.length > QUESTION_LENGTH_MAX) socket.destroy();
      else if (lines.length > LINES) void this.#answer(socket, lines);
    });
  }

  async #answer(socket: Socket, [id = "", balancerArn = "", host = "", path = "", cookie = ""]: string[]) {
    socket.pause();
    try {
      const verdict = await this.#decide(id, { balancerArn, host, path, cookie });
      const head = verdict.type === "continue" ? "continue" : String(verdict.status);
      const headers = verdict.headers.map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, "")}`);
      socket.end(`${[head, ...headers].join("\n")}\n\n`, "latin1");
    } catch (thrown) {
      this.#deps.log.warn("A request could not be authenticated", { reason: messageOf(thrown) });
      socket.destroy();
    }
  }

  async #decide(id: string, request: UserRequest): Promise<Verdict> {
    // The libraries are loaded by the first request that needs them.
    const { authenticate, completeSignIn } = await import("./authenticate.ts");
    const { Renewals } = await import("./renewals.ts");
    const deps = { ...this.#deps, renewals: (this.#renewals ??= new Renewals()) };
    const configs = this.#configs.get(request.balancerArn) ?? [];
    if (id === "callback") return completeSignIn(deps, configs, request);
    const config = configs.find((each) => authenticationId(each) === id);
    if (config === undefined) throw new Error("The rule's authentication is not known.");
    return authenticate(deps, config, request);
  }
}
