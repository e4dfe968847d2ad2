import { join } from "node:path";
import { databaseEventSources } from "@gantry/api/rds/event-sources";
import { NodeGateway } from "@gantry/controllers/node/node-gateway";
import {
  databaseRecipe,
  machineRecipe,
  postgresRecipe,
  provideImage,
  wellKnownRecipes,
} from "@gantry/images";
import { AgentServer } from "./agent-stream.ts";
import type { Api } from "./api.ts";
import { balancerLogFiles } from "./balancer-log-files.ts";
import { containerLogs } from "./container-logs.ts";
import { databaseLogs } from "./database-logs.ts";
import { enhancedMonitoring } from "./enhanced-monitoring.ts";
import { flowLogDelivery } from "./flow-log-delivery.ts";
import { hostResolverOf } from "./host-resolver.ts";
import { imageDeps, imageResolver } from "./image-resolver.ts";
import type { Instance } from "./instance.ts";
import { ensureLink, keepFresh, localNodeId } from "./link.ts";
import { listenOn } from "./listen-on.ts";
import { metricIntake } from "./metric-intake.ts";
import { secretIdOf } from "./secret-id.ts";

/** The sessions with nodes' agents. */
export interface NodeLink {
  readonly gateway: NodeGateway;
  stop(): Promise<void>;
}

/** Listens for nodes' agents, which connect by themselves and report what they run. */
export async function openNodeLink(instance: Instance, api: Api): Promise<NodeLink> {
  const { folder, settings, machineClock, log } = instance;
  // Before the first report: events are made in the transaction of their change, and never afterwards.
  databaseEventSources({ ...instance, clock: machineClock });
  const gateway = newGateway(instance, api);
  const linkOptions = { folder, instance: settings.instance };
  const link = await ensureLink({ ...linkOptions, now: machineClock.now() });
  const agentServer = new AgentServer(link, { gateway, clock: machineClock, log });
  listenOn(instance, agentServer.server, settings.linkPort);
  gateway.start();
  keepFresh({ ...linkOptions, clock: machineClock, log }, (renewed) => agentServer.renew(renewed));
  return {
    gateway,
    async stop() {
      agentServer.close();
      await gateway.stop();
    },
  };
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
