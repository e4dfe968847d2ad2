import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registerServices } from "@gantry/api";
import { networkPaths } from "@gantry/api/ec2/network-path";
import { eventSources } from "@gantry/api/eventbridge/event-sources";
import { policyDecider } from "@gantry/api/iam/decide";
import { credentialSource } from "@gantry/api/iam/principals";
import { useRecorder } from "@gantry/api/iam/use-recorder";
import { BlobStore, LogStore, MetricStore, ObjectStore, QueueStore } from "@gantry/content";
import {
  newVault,
  randomIds,
  realTimeOf,
  silentLogger,
  SystemClock,
  type Clock,
  type Logger,
} from "@gantry/kernel";
import { ImageStore, Registry } from "@gantry/registry";
import { DEFAULT_OVERCOMMIT, logCiphers, MemoryStore, type Overcommit } from "@gantry/state";
import { newAuthority, openAuthority } from "@gantry/tls";
import { newHttpServer, type InnerCall, type RelayOrigin, type RequestHandler } from "@gantry/wire";
import { GuardedDispatcher } from "./guarded-dispatcher.ts";

export const ACCOUNT = "000000000000";
export const ROOT = { accessKeyId: "AKIAROOTROOTROOTROOT", secretAccessKey: "root-secret" };

interface ApiOptions {
  clock?: Clock;
  log?: Logger;
  idleMs?: number;
  allowHostAccess?: boolean;
  overcommit?: Overcommit;
  inFlightMax?: number;
  /** Where upstream registries answer, by their hosts. */
  upstreams?: Record<string, string>;
  /** Whether a plain connection counts as secure transport. */
  countsAsSecure?: (socket: Socket) => boolean;
  /** Where in a VPC a connection comes from, as a relay says. */
  originOf?: (socket: Socket) => RelayOrigin | undefined;
  /** Whether the inputs count as what tests send. Random ones do not. */
  recordsInputs?: boolean;
}

/** Serves the whole API on a free port of this process, with a memory store, for any AWS client. */
export async function startApi(options: ApiOptions = {}) {
  const { idleMs } = options;
  const parts = newParts(options);
  const { dispatcher, registry, clock, store, objects, metrics, vault, logs, folder } = parts;
  const { images, policy } = parts;
  const authority = openAuthority(await newAuthority(clock.now()));
  const registryServer = newHttpServer((request, response) => registry.handle(request, response));
  const registryPort = await listen(registryServer);
  registerServices(dispatcher, {
    ...parts,
    authority,
    registry: `127.0.0.1:${registryPort}`,
    publicPool: "198.18.9.0/24",
  });
  const handle: RequestHandler = (...exchange) => dispatcher.handle(...exchange);
  const server = newHttpServer(handle, idleMs === undefined ? {} : { idleMs });
  const port = await listen(server);
  return {
    store,
    objects,
    metrics,
    vault,
    logs,
    images,
    policy,
    queues: parts.queues,
    /** Calls an operation as the platform does, for a role. */
    call: (call: InnerCall) => dispatcher.call(call),
    /** The folder of the API's data. */
    folder,
    port,
    registryPort,
    /** Answers a request, as the endpoint does. For a server of the test's own. */
    handle,
    authority,
    ...clientSettings(`http://127.0.0.1:${port}`),
    /** The number of open connections to the API. */
    connections: (): Promise<number> =>
      new Promise((resolve, reject) => {
        server.getConnections((problem, count) => (problem === null ? resolve(count) : reject(problem)));
      }),
    close(): void {
      for (const each of [server, registryServer]) {
        each.close();
        each.closeAllConnections();
      }
      logs.close();
      objects.close();
      parts.queues.close();
      const remove = (): void => rmSync(folder, { recursive: true, force: true });
      void metrics.close().then(remove, remove); // Unwritten data is removed too.
    },
  };
}

/** The API without a server: stores in a temporary folder, the services' dependencies and the dispatcher. */
function newParts(options: ApiOptions) {
  const { clock = new SystemClock(), log = silentLogger, inFlightMax, countsAsSecure, originOf } = options;
  const { allowHostAccess = false, overcommit = DEFAULT_OVERCOMMIT } = options;
  const folder = mkdtempSync(join(tmpdir(), "gantry-api-"));
  const store = new MemoryStore();
  const ids = randomIds();
  const vault = newVault(Buffer.alloc(32, 7));
  const [logs, metrics, blobs, objects, queues] = [
    new LogStore(join(folder, "logs.db"), logCiphers(store, vault)),
    new MetricStore(join(folder, "metrics.db")),
    new BlobStore(join(folder, "registry")),
    new ObjectStore(join(folder, "objects"), Buffer.alloc(32, 9)),
    new QueueStore(join(folder, "queues.db")),
  ];
  store.transact((tx) =>
    tx.put("accessKey", ROOT.accessKeyId, {
      accessKeyId: ROOT.accessKeyId,
      sealedSecret: vault.seal(ROOT.secretAccessKey),
      account: ACCOUNT,
      userArn: undefined,
      status: "Active",
      createdAt: 0,
    }),
  );
  eventSources({ store, ids, clock, log });
  const policy = policyDecider({
    store,
    now: () => realTimeOf(clock).clock.now(),
    objects: objects.index,
    vault,
  });
  const images = new ImageStore({ store, blobs, clock, ids });
  const dispatcher = new GuardedDispatcher(store, {
    clock,
    ids,
    log,
    credentials: credentialSource({ store, vault }),
    policy,
    settled: () => store.settled(),
    noteCall: useRecorder({ store, clock: realTimeOf(clock).clock, log }),
    recordsInputs: options.recordsInputs ?? true,
    ...(inFlightMax === undefined ? {} : { inFlightMax }),
    ...(countsAsSecure === undefined ? {} : { countsAsSecure }),
    ...(originOf === undefined ? {} : { originOf, networkPathOf: networkPaths(store) }),
  });
  const upstreamAt = (host: string) => new URL(options.upstreams?.[host] ?? `https://${host}`);
  const registry = new Registry({ store, blobs, images, clock, vault, log, policy, upstreamAt });
  return {
    ...{ store, clock, ids, vault, log, logs, metrics, blobs, images, objects, queues, policy },
    ...{ allowHostAccess, overcommit, dispatcher, registry, folder, upstreamAt },
  };
}

/** What points clients at the server. */
function clientSettings(endpoint: string) {
  return {
    endpoint,
    /** The variables that point other programs at this server, as root. */
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    },
    /** Creates a client of the SDK for this server. */
    client: (
      credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = ROOT,
      region = "eu-south-1",
    ) => ({ region, endpoint, credentials, maxAttempts: 1 }),
  };
}

export type Api = Awaited<ReturnType<typeof startApi>>;

function listen(server: ReturnType<typeof newHttpServer>): Promise<number> {
  return new Promise((resolve) => {
    // A listening TCP server has an address.
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
