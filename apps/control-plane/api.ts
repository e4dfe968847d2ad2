import { createHmac } from "node:crypto";
import type { Socket } from "node:net";
import { registerServices } from "@gantry/api";
import { eventSources } from "@gantry/api/eventbridge/event-sources";
import { networkPaths } from "@gantry/api/ec2/network-path";
import { policyDecider, type PolicyDecider } from "@gantry/api/iam/decide";
import { credentialSource } from "@gantry/api/iam/principals";
import { useRecorder } from "@gantry/api/iam/use-recorder";
import { lazily } from "@gantry/kernel";
import { ImageStore } from "@gantry/registry/image-store";
import { Dispatcher, newHttpsServer, type RequestHandler } from "@gantry/wire";
import type { Instance } from "./instance.ts";
import { answerLoadBalancerKey, asksForLoadBalancerKey } from "./load-balancer-keys.ts";
import { isOverLoopback } from "./loopback.ts";
import { upstreamAddresses } from "./upstreams.ts";
import { RelayedConnections } from "./relayed-connections.ts";

/** What answers the clients of AWS's APIs and of the registry. */
export interface Api {
  readonly dispatcher: Dispatcher;
  readonly policy: PolicyDecider;
  readonly images: ImageStore;
  /** Host and port of the registry, as images are named. */
  readonly registryAddress: string;
  /** Answers the registry's clients; the registry is loaded with its first request. */
  readonly serveRegistry: RequestHandler;
  /** The key with which nodes state the sources of relayed connections. */
  readonly relayKey: string;
  /** TLS connections to AWS's names from inside VPCs. */
  readonly tlsFront: RelayedConnections;
}

/**
 * The API: requests in, records out. The code of a service is loaded with its first request, and so are the
 * registry and TLS.
 */
export function openApi(instance: Instance): Api {
  const { store, settings, machineClock, clock, ids, log, keys, vault, objects, blobs } = instance;
  const policy = policyDecider({ store, now: () => machineClock.now(), objects: objects.index, vault });
  const registryAddress = `127.0.0.1:${settings.registryPort}`;
  const images = new ImageStore({ store, blobs, clock: machineClock, ids });
  const relayKey = createHmac("sha256", keys.vault[0]).update("service relay").digest("hex");
  const connections = {
    sourceOf: (socket: Socket) => tlsFront.sourceOf(socket),
    countsAsSecure: (socket: Socket) => settings.plainHttp === "secure" && isOverLoopback(socket),
  };
  const upstreamAt = upstreamAddresses(instance.folder);
  const dispatcher = new Dispatcher({
    clock: machineClock,
    ids,
    log,
    credentials: credentialSource({ store, vault }),
    policy,
    ...connections,
    originOf: (socket) => tlsFront.originOf(socket),
    networkPathOf: networkPaths(store),
    noteCall: useRecorder({ store, clock: machineClock, log }),
    settled: () => store.settled(),
  });
  registerServices(dispatcher, {
    store,
    clock,
    ids,
    vault,
    log,
    logs: instance.logs,
    metrics: instance.metrics,
    queues: instance.queues,
    authority: instance.authority,
    blobs,
    images,
    objects,
    registry: registryAddress,
    upstreamAt,
    publicPool: settings.publicPool,
    allowHostAccess: settings.allowHostAccess,
    overcommit: settings.overcommit,
  });
  // Before the first request: an event is recorded in the transaction of the change that it tells of.
  eventSources({ store, clock, ids, log });
  const registry = lazily(async () => {
    const { Registry } = await import("@gantry/registry");
    return new Registry({
      ...{ store, blobs, images, clock: machineClock, vault, log, policy, upstreamAt },
      ...connections,
    });
  });
  const serveRegistry: RequestHandler = async (request, response) =>
    (await registry()).handle(request, response);
  const tlsFront = new RelayedConnections(
    relayKey,
    serviceNames(instance, { dispatcher, serveRegistry, policy }),
  );
  return { dispatcher, policy, images, registryAddress, serveRegistry, relayKey, tlsFront };
}

/**
 * The TLS server of AWS's names. Inside VPCs the service names resolve to it;
 * ACCOUNT.dkr.ecr.REGION.amazonaws.com is the registry.
 */
function serviceNames(
  instance: Instance,
  { dispatcher, serveRegistry, policy }: Pick<Api, "dispatcher" | "serveRegistry" | "policy">,
) {
  const { authority, machineClock, store, vault, keys, log } = instance;
  const serveLogin: RequestHandler = async (request, response) => {
    const { answerDatabaseLogin } = await import("./database-login.ts");
    const credentials = credentialSource({ store, vault });
    const deps = { store, credentials, policy, clock: machineClock, log, keys };
    await answerDatabaseLogin(deps, request, response);
  };
  return lazily(async () => {
    const { secureContexts } = await import("./secure-contexts.ts");
    const server = newHttpsServer(
      { SNICallback: secureContexts(authority, machineClock) },
      (request, response, continueWith) => {
        if (asksForLoadBalancerKey(request)) return answerLoadBalancerKey(store, request, response);
        if (request.url?.startsWith("/gantry/database-login/") === true)
          return serveLogin(request, response, continueWith);
        return /\.dkr\.ecr\./.test(request.headers.host ?? "")
          ? serveRegistry(request, response, continueWith)
          : dispatcher.handle(request, response, continueWith);
      },
    );
    server.emit("listening"); // Starts the time limits for slow clients: this server never listens.
    return server;
  });
}
