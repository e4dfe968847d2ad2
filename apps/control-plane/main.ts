import { createHmac } from "node:crypto";
import { rmSync } from "node:fs";
import type { Socket } from "node:net";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { registerServices } from "@gantry/api";
import { policyDecider } from "@gantry/api/iam/decide";
import { bindStoredPolicies } from "@gantry/api/iam/policy-principals";
import { eventSources } from "@gantry/api/eventbridge/event-sources";
import { credentialSource } from "@gantry/api/iam/principals";
import { BlobStore, LogStore, MetricStore, ObjectStore } from "@gantry/content";
import {
  NodeGateway,
  alarmController,
  autoScalingController,
  deploymentReportController,
  codeDeployController,
  codeDeployHookController,
  clientTokenController,
  expiryController,
  sessionController,
  lifecycleController,
  registryController,
  retentionController,
  scalingPolicyAction,
  schedulerController,
  serviceController,
  hookController,
  drainingController,
  ownCertificateController,
  targetController,
  taskController,
  warmPoolController,
} from "@gantry/controllers";
import { databaseRecipe, provideImage, wellKnownRecipes } from "@gantry/images";
import {
  Controller,
  jsonLogger,
  messageOf,
  PlatformClock,
  randomIds,
  sleep,
  SystemClock,
} from "@gantry/kernel";
import { ImageStore, Registry } from "@gantry/registry";
import { clockSegments, SqliteStore } from "@gantry/state";
import {
  Dispatcher,
  importSdkSchemasOnly,
  newHttpServer,
  newHttpsServer,
  newPlainAndTlsServer,
  type RequestHandler,
} from "@gantry/wire";
import { AgentServer } from "./agent-stream.ts";
import { balancerLogFiles } from "./balancer-log-files.ts";
import { balancerMetrics } from "./balancer-metrics.ts";
import { bucketMetricsController } from "./bucket-metrics.ts";
import { changePlatformClock } from "./clock-control.ts";
import { containerLogs } from "./container-logs.ts";
import { eventControllers } from "./event-controllers.ts";
import { hookCaller } from "./hook-endpoints.ts";
import { imageFinder, imageResolver } from "./image-resolver.ts";
import { ensureLink, keepFresh } from "./link.ts";
import { endpointTls } from "./endpoint-tls.ts";
import { listenOutside } from "./listen.ts";
import { isOverLoopback } from "./loopback.ts";
import { minuteMetricsController } from "./minute-metrics.ts";
import { usageMetrics } from "./node-metrics.ts";
import { ensureAuthority, reissueCertificates, secureContexts } from "./certificates.ts";
import { CONSOLE_PAGE } from "./console-page.ts";
import { COPY_FOLDER, copyState } from "./copy-state.ts";
import { finishVaultRotation, openKeyRing, vaultOf } from "./key-ring.ts";
import { operatorEndpoints } from "./operator-endpoints.ts";
import { identityOf } from "./process-identity.ts";
import { ensureRootCredentials } from "./root-credentials.ts";
import { RelayedConnections } from "./relayed-connections.ts";
import { ensureOperatorToken, writeSecretFile } from "./secret-file.ts";
import { ensureInstance } from "./settings.ts";
import { stateFolder } from "./state-folder.ts";

const WARM_DELAY_MS = 500;

// Constructs the control plane from top to bottom. All of its settings come from the state folder.
const folder = stateFolder(process.argv[2]);
const settings = ensureInstance(folder, undefined);
// Real time: for logs, certificates, credentials, signatures, data at rest and all connections.
const machineClock = new SystemClock();
const ids = randomIds();
// Where the disk is full, only the log line is lost.
process.stdout.on("error", () => {});
const log = jsonLogger({
  clock: machineClock,
  write: (line) => process.stdout.write(line),
  level: process.env["GANTRY_LOG_LEVEL"] === "debug" ? "debug" : "info",
});
importSdkSchemasOnly(join(import.meta.dirname, "../../packages/api/package.json"));

rmSync(join(folder, COPY_FOLDER), { recursive: true, force: true });
const store = openState();
// The platform's time: for all waiting, and the timestamps of resources that wait.
const clock = new PlatformClock(machineClock, clockSegments(store));
finishVaultRotation(folder, store);
const keys = openKeyRing(folder);
const vault = vaultOf(keys);
const logs = new LogStore(join(folder, "logs.db"));
const metrics = new MetricStore(join(folder, "metrics.db"), (reason) =>
  log.warn("Metrics could not be written", { reason }),
);
const blobs = new BlobStore(join(folder, "registry"), () => store.settled());
const objects = new ObjectStore(join(folder, "objects"), keys.objects, () => store.settled());
await objects.clean();
const openedAt = machineClock.now();
const identity = identityOf(process.pid) ?? { pid: process.pid, startedAt: "" };
bindStoredPolicies(store);
ensureRootCredentials({ store, vault, ids, clock: machineClock, folder, account: settings.account });
const authority = await ensureAuthority(folder, machineClock);
const reissued = await reissueCertificates({ store, vault, authority, clock: machineClock });
if (reissued > 0) log.info("Certificates were issued anew by the new authority", { count: reissued });
const operatorToken = ensureOperatorToken(folder);
const linkOptions = { folder, instance: settings.instance };
const link = await ensureLink({ ...linkOptions, now: machineClock.now() });

// The API: requests in, records out.
const policy = policyDecider({ store, now: () => machineClock.now(), objects: objects.index, vault });
const registryAddress = `127.0.0.1:${settings.registryPort}`;
const images = new ImageStore({ store, blobs, clock: machineClock, ids });
const isPlainSecure = settings.plainHttp === "secure";
const countsAsSecure = (socket: Socket): boolean => isPlainSecure && isOverLoopback(socket);
const relayKey = createHmac("sha256", keys.vault[0]).update("service relay").digest("hex");
const dispatcher = new Dispatcher({
  clock: machineClock,
  ids,
  log,
  credentials: credentialSource({ store, vault }),
  policy,
  sourceOf: (socket) => tlsFront.sourceOf(socket),
  countsAsSecure,
  settled: () => store.settled(),
});
registerServices(dispatcher, {
  store,
  clock,
  ids,
  vault,
  log,
  logs,
  metrics,
  authority,
  blobs,
  images,
  objects,
  registry: registryAddress,
  publicPool: settings.publicPool,
  allowHostAccess: settings.allowHostAccess,
  overcommit: settings.overcommit,
});
const registry = new Registry({
  store,
  blobs,
  images,
  clock: machineClock,
  vault,
  log,
  policy,
  sourceOf: (socket) => tlsFront.sourceOf(socket),
  countsAsSecure,
});

// The loops: records in, records out.
const deps = { store, clock, ids, log };
eventSources(deps);
// Controllers that handle certificates, or delete data, use real time: moving the clock deletes nothing.
const realDeps = { ...deps, clock: machineClock };
const imageDeps = { registry: registryAddress, vault, clock: machineClock, store, policy, isPlainSecure };
const controllers = [
  schedulerController({
    ...deps,
    publicPool: settings.publicPool,
    findImage: imageFinder(imageDeps),
    permissions: policy,
    vault,
    overcommit: settings.overcommit,
  }),
  warmPoolController(deps),
  taskController({ ...deps, vault }),
  clientTokenController(realDeps),
  expiryController({ ...realDeps, vault }),
  sessionController(realDeps),
  serviceController({ ...deps, permissions: policy }),
  hookController({ ...deps, permissions: policy, callHook: hookCaller({ ...deps, folder }) }),
  codeDeployController({ ...deps, permissions: policy }),
  codeDeployHookController({ ...deps, permissions: policy, callHook: hookCaller({ ...deps, folder }) }),
  targetController(deps),
  deploymentReportController({ ...deps, metrics }),
  drainingController(deps),
  ownCertificateController({ ...realDeps, vault, authority }),
  lifecycleController({ ...realDeps, objects }),
  registryController({ ...realDeps, images }),
  // Topics are not implemented: their actions fail with their name in the alarm's history.
  alarmController({ ...deps, metrics, actionOf: (arn) => scalingPolicyAction(store, arn) }),
  autoScalingController({ ...deps, metrics }),
  ...eventControllers({ ...deps, dispatcher, logs }),
  minuteMetricsController({ store, clock: deps.clock, add: (points, batch) => metrics.add(points, batch) }),
  bucketMetricsController({
    store,
    clock,
    objects: objects.index,
    add: (points, batch) => metrics.add(points, batch),
  }),
  retentionController({ ...realDeps, expireLogs: (group, before) => logs.expire(group, before) }),
].map((reconciler) => new Controller(reconciler, { clock, log }));

// The node: records out as assignments, observations in as records.
const imageOptions = { cacheFolder: join(folder, "cache"), label: "gantry.image=true" };
const gateway = new NodeGateway({
  ...deps,
  assignments: {
    vault,
    secretId: (text) => createHmac("sha256", keys.names).update(text).digest("hex").slice(0, 32),
    resolveImage: imageResolver(imageDeps),
    databaseImage: databaseRecipe.tag,
  },
  settings: {
    tlsHost: "127.0.0.1",
    tlsPort: settings.tlsPort,
    caPem: authority.caPem,
    account: settings.account,
    relayKey,
  },
  takeLogs: containerLogs({ ...realDeps, logs, permissions: policy, account: settings.account }),
  takeMetrics: async (node, message) => {
    const { session, sequence } = message;
    const points = [...usageMetrics(store, message), ...balancerMetrics(store, message)];
    await metrics.add(points, { node, session, sequence });
  },
  takeBalancerLog: balancerLogFiles({ ...realDeps, objects }),
  provideImage: async (image) => {
    const recipe = [databaseRecipe, ...wellKnownRecipes].find(
      (each) => each.tag === image || each.tag === `${image}:latest`,
    );
    if (recipe === undefined) throw new Error(`No registry answers, and there is no recipe for ${image}.`);
    await provideImage(recipe, imageOptions);
  },
});

// The ports.
const changed = (): void => gateway.tellClock();
const answerOperator = operatorEndpoints({
  folder,
  settings,
  identity,
  store,
  clock,
  ids: deps.ids,
  timers: machineClock,
  log,
  policy,
  fileKey: keys.file,
  operatorToken,
  agents: () => gateway.agents,
  copy: () => copyState({ folder, store, logs, metrics, objects, blobs }),
  changeClock: (change) => changePlatformClock({ store, clock, changed }, change),
});
const serveApi: RequestHandler = async (request, response, continueWith) => {
  if (!(await answerOperator(request, response))) await dispatcher.handle(request, response, continueWith);
};
const plainServer = newHttpServer(serveApi);
const server = newPlainAndTlsServer(
  plainServer,
  endpointTls({ authority, clock: machineClock, address: settings.listen }, serveApi),
);
const registryServer = newHttpServer((request, response) => registry.handle(request, response));
const serveConsole: RequestHandler = async (_request, response) => {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  response.end(CONSOLE_PAGE);
};
const consoleServer = newHttpServer(serveConsole);
const agentServer = new AgentServer(link, { gateway, clock: machineClock, log });
// Inside VPCs the AWS service names resolve to this server; ACCOUNT.dkr.ecr.REGION.amazonaws.com is the
// registry.
const tlsServer = newHttpsServer(
  { SNICallback: secureContexts(authority, machineClock) },
  (request, response, continueWith) =>
    /\.dkr\.ecr\./.test(request.headers.host ?? "")
      ? registry.handle(request, response)
      : dispatcher.handle(request, response, continueWith),
);
const tlsFront = new RelayedConnections(relayKey, tlsServer);
server.listen(settings.port, "127.0.0.1");
tlsFront.server.listen(settings.tlsPort, "127.0.0.1");
registryServer.listen(settings.registryPort, "127.0.0.1");
consoleServer.listen(settings.consolePort, "127.0.0.1");
agentServer.server.listen(settings.linkPort, "127.0.0.1");
for (const each of [server, tlsFront.server, registryServer, consoleServer, agentServer.server]) {
  each.on("error", (thrown) => {
    log.error("A port cannot be had: stop what listens there, or choose another with --port", {
      reason: messageOf(thrown),
    });
    process.exit(1);
  });
}
const outside =
  settings.listen === undefined
    ? undefined
    : await listenOutside({
        folder,
        address: settings.listen,
        authority,
        clock: machineClock,
        log,
        handlers: [
          { port: settings.port, handle: (...exchange) => dispatcher.handle(...exchange) },
          { port: settings.registryPort, handle: (request, response) => registry.handle(request, response) },
          { port: settings.consolePort, handle: serveConsole },
        ],
      });
gateway.start();
for (const controller of controllers) controller.start();
keepFresh({ ...linkOptions, clock: machineClock, log }, (renewed) => agentServer.renew(renewed));
writeSecretFile(join(folder, "control-plane.pid"), `${JSON.stringify(identity)}\n`);
log.info("Control plane started", {
  port: settings.port,
  instance: settings.instance,
  startMs: Math.round(process.uptime() * 1000),
});

/** A state that is damaged, or of a newer version, is reported in one sentence and left unchanged. */
function openState(): SqliteStore {
  try {
    return new SqliteStore(join(folder, "state.db"));
  } catch (thrown) {
    log.error("The state can not be opened", { reason: messageOf(thrown) });
    process.exit(1);
  }
}

process.on("SIGTERM", () => void stop()); // The function `stop` never rejects.
async function stop(): Promise<void> {
  server.close();
  plainServer.closeAllConnections();
  for (const each of [tlsFront.server, registryServer, consoleServer, agentServer, outside]) each?.close();
  await Promise.all([gateway.stop(), ...controllers.map((controller) => controller.stop())]);
  await metrics.close();
  store.close();
  logs.close();
  objects.close();
  process.exit(0);
}
// Modules that no request has needed yet are loaded after the first requests have been answered.
await sleep(machineClock, WARM_DELAY_MS);
await dispatcher.warm();
flushCompileCache();
await objects.sweep(openedAt).then(
  (count) => void (count > 0 && log.info("Removed files that no object names", { count })),
  (thrown: unknown) =>
    log.warn("Files that no object names could not be removed", { reason: messageOf(thrown) }),
);
