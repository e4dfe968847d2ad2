import { lazily } from "@gantry/kernel";
import { newHttpServer, newPlainAndTlsServer, type RequestHandler } from "@gantry/wire";
import type { Api } from "./api.ts";
import { CONSOLE_PAGE } from "./console-page.ts";
import type { Instance } from "./instance.ts";
import { listenOn } from "./listen-on.ts";
import { answerLoadBalancerKey, asksForLoadBalancerKey } from "./load-balancer-keys.ts";
import type { NodeLink } from "./node-link.ts";
import { isForOperator, operatorEndpoints } from "./operator-endpoints.ts";
import { ensureOperatorToken } from "./secret-file.ts";

/** The ports that clients connect to. */
export interface Ports {
  /** Resolves when the first answer was sent, or its client has gone. */
  readonly firstAnswer: Promise<void>;
  /** Serves the address given with --listen, where there is one. */
  listenOutside(): Promise<void>;
  close(): void;
}

/** Listens for clients. A port that is in use ends the process with the remedy in its log. */
export function listen(instance: Instance, api: Api, gateway: () => NodeLink["gateway"] | undefined): Ports {
  const { settings, authority, machineClock: clock, folder, log } = instance;
  const first = Promise.withResolvers<void>();
  let isBegun = false;
  const answerOperator = operatorEndpoints({
    ...instance,
    timers: clock,
    policy: api.policy,
    gateway,
    fileKey: instance.keys.file,
    operatorToken: ensureOperatorToken(folder),
  });
  const serveApi: RequestHandler = async (request, response, continueWith) => {
    if (!isBegun) {
      isBegun = true;
      response.once("close", first.resolve);
    }
    if (asksForLoadBalancerKey(request)) return answerLoadBalancerKey(instance.store, request, response);
    if (isForOperator(request) && (await answerOperator(request, response))) return;
    return api.dispatcher.handle(request, response, continueWith);
  };
  const plain = newHttpServer(serveApi);
  const tls = lazily(async () => {
    const { endpointTls } = await import("./endpoint-tls.ts");
    return endpointTls({ authority, clock, address: settings.listen }, serveApi);
  });
  const server = newPlainAndTlsServer(plain, async () => (await tls())());
  const registryServer = newHttpServer(api.serveRegistry);
  const consoleServer = newHttpServer(serveConsole);
  listenOn(instance, server, settings.port);
  listenOn(instance, api.tlsFront.server, settings.tlsPort);
  listenOn(instance, registryServer, settings.registryPort);
  listenOn(instance, consoleServer, settings.consolePort);
  const open: { close(): void }[] = [server, api.tlsFront.server, registryServer, consoleServer];
  return {
    firstAnswer: first.promise,
    async listenOutside() {
      const address = settings.listen;
      if (address === undefined) return;
      const { listenOutside } = await import("./listen.ts");
      const handlers = [
        { port: settings.port, handle: api.dispatcher.handle.bind(api.dispatcher) },
        { port: settings.registryPort, handle: api.serveRegistry },
        { port: settings.consolePort, handle: serveConsole },
      ];
      open.push(await listenOutside({ folder, address, authority, clock, log, handlers }));
    },
    close() {
      plain.closeAllConnections();
      for (const each of open) each.close();
    },
  };
}

const serveConsole: RequestHandler = async (_request, response) => {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  response.end(CONSOLE_PAGE);
};
