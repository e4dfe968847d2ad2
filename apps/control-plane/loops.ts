import { replicaWriter } from "@gantry/api/s3/write-replica";
import { publishFromService } from "@gantry/api/sns/from-service";
import { sendFromTopic } from "@gantry/api/sqs/from-topic";
import {
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
import { Controller, type Reconciler } from "@gantry/kernel";
import type { Api } from "./api.ts";
import { bucketMetricsController } from "./bucket-metrics.ts";
import { eventControllers } from "./event-controllers.ts";
import { objectReader } from "./object-reader.ts";
import { hookCaller } from "./hook-endpoints.ts";
import { imageDeps, imageFinder } from "./image-resolver.ts";
import type { Instance } from "./instance.ts";
import { minuteMetricsController } from "./minute-metrics.ts";
import { logExports } from "./log-exports.ts";

/** What runs without being asked: the controllers. */
export interface Loops {
  stop(): Promise<void>;
}

/** Starts the controllers. Whatever changed before is found in the records. */
export function startLoops(instance: Instance, api: Api): Loops {
  const { clock, log } = instance;
  const controllers = [...reconcilers(instance, api), ...measuring(instance), ...certificates(instance)].map(
    (reconciler) => new Controller(reconciler, { clock, log }),
  );
  for (const controller of controllers) controller.start();
  return {
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
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
