import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registerServices } from "@gantry/api";
import { eventSources } from "@gantry/api/eventbridge/event-sources";
import { policyDecider } from "@gantry/api/iam/decide";
import { credentialSource } from "@gantry/api/iam/principals";
import { BlobStore, LogStore, MetricStore, ObjectStore } from "@gantry/content";
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
import { DEFAULT_OVERCOMMIT, MemoryStore, type Overcommit } from "@gantry/state";
import { newAuthority, openAuthority } from "@gantry/tls";
import { newHttpServer, type InnerCall, type RequestHandler } from "@gantry/wire";
import { GuardedDispatcher } from "./guarded-dispatcher.ts";

export const ACCOUNT = "000000000000";
export const ROOT = { accessKeyId: "AKIAROOTROOTROOTROOT", secretAccessKey: "root-secret" };

/** Serves the whole API on a free port of this process, with a memory store, for any AWS client. */
export async function startApi({
  clock = new SystemClock(),
  log = silentLogger,
  idleMs,
  allowHostAccess = false,
  overcommit = DEFAULT_OVERCOMMIT,
  inFlightMax,
  countsAsSecure,
}: {
  clock?: Clock;
  log?: Logger;
  idleMs?: number;
  allowHostAccess?: boolean;
  overcommit?: Overcommit;
  inFlightMax?: number;
  /** Whether a plain connection counts as secure transport. */
  countsAsSecure?: (socket: Socket) => boolean;
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-api-"));
  const store = new MemoryStore();
  const ids = randomIds();
  const vault = newVault(Buffer.alloc(32, 7));
  const [logs, metrics, blobs, objects] = [
    new LogStore(join(folder, "logs.db")),
    new MetricStore(join(folder, "metrics.db")),
    new BlobStore(join(folder, "registry")),
    new ObjectStore(join(folder, "objects"), Buffer.alloc(32, 9)),
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
    ...(inFlightMax === undefined ? {} : { inFlightMax }),
    ...(countsAsSecure === undefined ? {} : { countsAsSecure }),
  });
  const registry = new Registry({ store, blobs, images, clock, vault, log, policy });
  const authority = openAuthority(await newAuthority(clock.now()));
  const registryServer = newHttpServer((request, response) => registry.handle(request, response));
  const registryPort = await listen(registryServer);
  registerServices(dispatcher, {
    store,
    clock,
    ids,
    vault,
    log,
    logs,
    metrics,
    blobs,
    images,
    objects,
    authority,
    registry: `127.0.0.1:${registryPort}`,
    publicPool: "198.18.9.0/24",
    allowHostAccess,
    overcommit,
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
    /** Calls an operation as the platform does, for a role. */
    call: (call: InnerCall) => dispatcher.call(call),
    /** The folder of the API's data. */
    folder,
    port,
    registryPort,
    /** Answers a request, as the endpoint does. For a server of the test's own. */
    handle,
    authority,
    endpoint: `http://127.0.0.1:${port}`,
    /** The variables that point other programs at this server, as root. */
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    },
    /** Creates a client of the SDK for this server. */
    client: (
      credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = ROOT,
      region = "eu-south-1",
    ) => ({
      region,
      endpoint: `http://127.0.0.1:${port}`,
      credentials,
      maxAttempts: 1,
    }),
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
      const remove = (): void => rmSync(folder, { recursive: true, force: true });
      void metrics.close().then(remove, remove); // Unwritten data is removed too.
    },
  };
}

export type Api = Awaited<ReturnType<typeof startApi>>;

function listen(server: ReturnType<typeof newHttpServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)); // A listening TCP server has an address.
  });
}
