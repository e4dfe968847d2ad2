import { join } from "node:path";
import { replicaWriter } from "@gantry/api/s3/write-replica";
import { databaseEventSources } from "@gantry/api/rds/event-sources";
import { publishFromService } from "@gantry/api/sns/from-service";
import { sendFromTopic } from "@gantry/api/sqs/from-topic";
import {
  NodeGateway,
  alarmController,
  automatedBackupController,
  autoScalingController,
  autoScalingGroupController,
  certificateRenewalController,
  certificateValidationController,
  clientTokenController,
  codeDeployController,
  codeDeployHookController,
  databaseCertificateController,
  databaseLogController,
  codeDeployTriggerController,
  deploymentReportController,
  discoveryController,
  healthCheckController,
  probeEndpoint,
  publicNames,
  drainingController,
  expiryController,
  hookController,
  lifecycleController,
  metricFilterController,
  objectEventController,
  objectReplicationController,
  outboundRequests,
  ownCertificateController,
  parameterPolicyController,
  registryController,
  replicationController,
  retentionController,
  rotationController,
  scalingPolicyAction,
  schedulerController,
  serviceController,
  sessionController,
  standbyController,
  targetController,
  subscriptionController,
  instanceController,
  taskController,
  topicAction,
  topicDeliveryController,
  topicEndpoints,
  topicSigner,
  warmPoolController,
} from "@gantry/controllers";
import {
  databaseRecipe,
  machineRecipe,
  postgresRecipe,
  provideImage,
  wellKnownRecipes,
} from "@gantry/images";
import { Controller, type Reconciler } from "@gantry/kernel";
import { AgentServer } from "./agent-stream.ts";
import type { Api } from "./api.ts";
import { balancerLogFiles } from "./balancer-log-files.ts";
import { bucketMetricsController } from "./bucket-metrics.ts";
import { containerLogs } from "./container-logs.ts";
import { databaseLogs } from "./database-logs.ts";
import { enhancedMonitoring } from "./enhanced-monitoring.ts";
import { eventControllers } from "./event-controllers.ts";
import { flowLogDelivery } from "./flow-log-delivery.ts";
import { objectReader } from "./object-reader.ts";
import { hookCaller } from "./hook-endpoints.ts";
import { imageFinder, imageResolver } from "./image-resolver.ts";
import { hostResolverOf } from "./host-resolver.ts";
import type { Instance } from "./instance.ts";
import { ensureLink, keepFresh, localNodeId } from "./link.ts";
import { metricIntake } from "./metric-intake.ts";
import { minuteMetricsController } from "./minute-metrics.ts";
import { listenOn } from "./listen-on.ts";
import { logExports } from "./log-exports.ts";
import { secretIdOf } from "./secret-id.ts";

/** What runs without being asked: the controllers, and the sessions with nodes' agents. */
export interface Loops {
  readonly gateway: Pick<NodeGateway, "agents" | "tellClock" | "tellSettings">;
  stop(): Promise<void>;
}

/** Starts the controllers, and listens for nodes' agents. Whatever changed before is found in the records. */
export async function startLoops(instance: Instance, api: Api): Promise<Loops> {
  const { folder, settings, machineClock, clock, log } = instance;
  databaseEventSources({ ...instance, clock: machineClock });
  const controllers = [...reconcilers(instance, api), ...measuring(instance), ...certificates(instance)].map(
    (reconciler) => new Controller(reconciler, { clock, log }),
  );
  const gateway = newGateway(instance, api);
  const linkOptions = { folder, instance: settings.instance };
  const link = await ensureLink({ ...linkOptions, now: machineClock.now() });
  const agentServer = new AgentServer(link, { gateway, clock: machineClock, log });
  listenOn(instance, agentServer.server, settings.linkPort);
  gateway.start();
  for (const controller of controllers) controller.start();
  keepFresh({ ...linkOptions, clock: machineClock, log }, (renewed) => agentServer.renew(renewed));
  return {
    gateway,
    async stop() {
      agentServer.close();
      await Promise.all([gateway.stop(), ...controllers.map((controller) => controller.stop())]);
    },
  };
}

/** The loops that turn records into other records. */
function reconcilers(instance: Instance, api: Api): readonly Reconciler[] {
  const { folder, settings, machineClock, store, clock, ids, log, vault, metrics, objects } = instance;
  const deps = { store, clock, ids, log };
  // Controllers that handle certificates, or delete data, use real time: moving the clock deletes nothing.
  const realDeps = { ...deps, clock: machineClock };
  const { policy: permissions, images, dispatcher } = api;
  const callHook = hookCaller({ ...deps, folder });
  return [
    schedulerController({
      ...deps,
      publicPool: settings.publicPool,
      findImage: imageFinder(imageDeps(instance, api)),
      permissions,
      vault,
      overcommit: settings.overcommit,
      readObject: objectReader(dispatcher),
    }),
    warmPoolController(deps),
    taskController({ ...deps, vault }),
    instanceController({ ...deps, vault }),
    clientTokenController(realDeps),
    expiryController({ ...realDeps, vault }),
    parameterPolicyController(realDeps),
    ...databaseReconcilers(deps),
    rotationController({ ...realDeps, vault, callFunction: callHook }),
    sessionController(realDeps),
    serviceController({ ...deps, permissions }),
    hookController({ ...deps, permissions, callHook }),
    ...codeDeployReconcilers(instance, api),
    targetController(deps),
    discoveryController(deps),
    deploymentReportController({ ...deps, metrics }),
    drainingController(deps),
    ownCertificateController({ ...realDeps, vault, authority: instance.authority }),
    lifecycleController({ ...realDeps, objects }),
    objectEventController({ ...deps, objects }),
    objectReplicationController({
      ...{ ...realDeps, objects },
      writeReplica: replicaWriter({ ...realDeps, objects, vault, permissions }),
    }),
    registryController({ ...realDeps, images }),
    replicationController({ ...realDeps, images, permissions }),
    alarmController({ ...deps, metrics, actionOf: alarmActions({ ...realDeps, vault }) }),
    topicDeliveryController({
      ...{ ...realDeps, vault },
      sendToQueue: (message) => sendFromTopic({ ...realDeps, vault, queues: instance.queues }, message),
      post: topicEndpoints(instance.authority),
      signer: topicSigner({ ...realDeps, vault, authority: instance.authority }),
    }),
    autoScalingController({ ...deps, metrics }),
    autoScalingGroupController({
      ...{ ...deps, metrics },
      callApi: (call) => dispatcher.call(call),
      publish: (message) => publishFromService({ ...realDeps, vault }, message),
    }),
    healthChecks(instance),
    ...eventReconcilers(instance, api),
    ...logReconcilers(instance),
  ];
}

/** The loops of database instances: their automated backups, and the standbys of Multi-AZ ones. */
function databaseReconcilers(deps: Parameters<typeof standbyController>[0]): readonly Reconciler[] {
  return [automatedBackupController(deps), standbyController(deps)];
}

/** The loops of CodeDeploy: its deployments, the functions that they call, and the topics that they tell. */
function codeDeployReconcilers(instance: Instance, { policy, dispatcher }: Api): readonly Reconciler[] {
  const { store, clock, ids, log, folder } = instance;
  const deps = { store, clock, ids, log, permissions: policy };
  return [
    codeDeployController(deps),
    codeDeployHookController({ ...deps, callHook: hookCaller({ ...deps, folder }) }),
    codeDeployTriggerController({ ...deps, callApi: (call) => dispatcher.call(call) }),
  ];
}

/** The loops of EventBridge and its Scheduler. */
function eventReconcilers(instance: Instance, api: Api): readonly Reconciler[] {
  const { store, clock, ids, log, vault, logs } = instance;
  return eventControllers({
    ...{ store, clock, ids, log, vault, logs, dispatcher: api.dispatcher, permissions: api.policy },
    send: outboundRequests(instance.authority),
  });
}

/** What alarms may do: scale a target, or publish to a topic. */
function alarmActions(deps: Parameters<typeof publishFromService>[0]) {
  const publish = (message: Parameters<typeof publishFromService>[1]) => publishFromService(deps, message);
  return (arn: string) =>
    scalingPolicyAction(deps.store, arn) ?? topicAction({ store: deps.store, publish }, arn);
}

/** The loops that read and expire log events. */
function logReconcilers(instance: Instance): readonly Reconciler[] {
  const { store, machineClock, ids, log, logs, metrics, objects, folder } = instance;
  const deps = { store, clock: machineClock, ids, log };
  return [
    logExports({ ...deps, logs, objects }),
    metricFilterController({ ...deps, logs, metrics }),
    subscriptionController({ ...deps, logs, callFunction: hookCaller({ ...deps, folder }) }),
    retentionController({
      ...deps,
      expireLogs: (group, before) => logs.expire(group, before),
    }),
    databaseLogController({ ...deps, files: logs }),
  ];
}

/** The loop that connects to the endpoints of health checks. */
function healthChecks({ store, machineClock: clock, ids, log }: Instance): Reconciler {
  const random = (): number => Number.parseInt(ids.hex(8), 16) / 2 ** 32;
  const probeDeps = { clock, addressesOf: publicNames(store, random) };
  return healthCheckController({
    ...{ store, clock, ids, log },
    probe: (check, id) => probeEndpoint(probeDeps, check, id),
  });
}

/** The loops that issue certificates once their names are validated, and those of database servers. */
function certificates(instance: Instance): readonly Reconciler[] {
  const { store, machineClock: clock, ids, log, vault, authority } = instance;
  const deps = { store, clock, ids, log };
  return [
    certificateValidationController(deps),
    certificateRenewalController({ ...deps, vault, authority }),
    databaseCertificateController({ ...deps, vault, authority }),
  ];
}

/** The loops that publish metrics derived from records and objects. */
function measuring({ store, clock, metrics, objects }: Instance): readonly Reconciler[] {
  const add: typeof metrics.add = (points, batch) => metrics.add(points, batch);
  return [
    minuteMetricsController({ store, clock, add }),
    bucketMetricsController({ store, clock, objects: objects.index, add }),
  ];
}

/** The nodes: records out as assignments, observations in as records. */
function newGateway(instance: Instance, api: Api): NodeGateway {
  const { folder, settings, machineClock, store, clock, ids, log, keys } = instance;
  const deps = { store, clock, ids, log };
  const realDeps = { ...deps, clock: machineClock };
  const { account } = settings;
  const imageOptions = { cacheFolder: join(folder, "cache"), label: "gantry.image=true" };
  return new NodeGateway({
    ...deps,
    assignments: {
      vault: instance.vault,
      secretId: (text) => secretIdOf(keys, text),
      resolveImage: imageResolver(imageDeps(instance, api)),
      databaseImage: databaseRecipe.tag,
      postgresImage: postgresRecipe.tag,
      machineImage: machineRecipe.tag,
    },
    settings: (nodeId) => ({
      tlsHost: "127.0.0.1",
      tlsPort: settings.tlsPort,
      caPem: instance.authority.caPem,
      account,
      relayKey: api.relayKey,
      dnsPort: settings.dnsPort,
      // It is this machine's resolver: other nodes' hosts have their own.
      ...(nodeId === localNodeId(settings.instance) ? { hostResolver: hostResolverOf(settings) } : {}),
    }),
    takeLogs: linesOfNodes(instance, api),
    takeMetrics: measuresOfNodes(instance, api),
    takeBalancerLog: balancerLogFiles({ ...realDeps, objects: instance.objects }),
    takeFlows: flowLogDelivery({
      ...{ ...realDeps, objects: instance.objects, logs: instance.logs, permissions: api.policy },
      callApi: (call) => api.dispatcher.call(call),
    }),
    provideImage: async (image) => {
      const recipe = [databaseRecipe, postgresRecipe, machineRecipe, ...wellKnownRecipes].find(
        (each) => each.tag === image || each.tag === `${image}:latest`,
      );
      if (recipe === undefined) throw new Error(`No registry answers, and there is no recipe for ${image}.`);
      await provideImage(recipe, imageOptions);
    },
  });
}

/** Stores the measurements of nodes as metrics, and those of monitored databases as log events too. */
function measuresOfNodes(instance: Instance, api: Api): ReturnType<typeof metricIntake> {
  const { store, metrics, logs, machineClock: clock, log } = instance;
  const intake = metricIntake({ store, metrics });
  const monitoring = enhancedMonitoring({
    ...{ store, logs, clock, log, permissions: api.policy },
    callApi: (call) => api.dispatcher.call(call),
  });
  return async (nodeId, batch) => {
    await intake(nodeId, batch);
    await monitoring(nodeId, batch);
  };
}

/** Takes the lines that nodes ship: of tasks and of database servers. */
function linesOfNodes({ store, machineClock: clock, log, logs, settings }: Instance, { policy }: Api) {
  const { account } = settings;
  const ofTask = containerLogs({ store, clock, log, logs, permissions: policy, account });
  const ofDatabase = databaseLogs({ store, clock, log, logs });
  return (message: Parameters<typeof ofTask>[0], nodeId: string): string | undefined =>
    (message.destination.databaseId === undefined ? ofTask : ofDatabase)(message, nodeId);
}

function imageDeps({ settings, store, vault, machineClock: clock }: Instance, api: Api) {
  const isPlainSecure = settings.plainHttp === "secure";
  return { registry: api.registryAddress, vault, clock, store, policy: api.policy, isPlainSecure };
}
