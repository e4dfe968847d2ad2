import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { messageOf, sleep } from "@gantry/kernel";
import { openApi, type Api } from "./api.ts";
import { openInstance, type Instance } from "./instance.ts";
import type { Loops } from "./loops.ts";
import type { NodeLink } from "./node-link.ts";
import { listen, type Ports } from "./ports.ts";
import { writeSecretFile } from "./secret-file.ts";

/** What no client waits for is loaded after the first answer, or after this time where no client asks. */
const FIRST_ANSWER_WAIT_MS = 200;
/** Nodes connect first, and report all that they run. */
const WARM_DELAY_MS = 2_000;
/** The controllers start after this time, also while nodes are away or clients keep the thread busy. */
const LOOPS_WAIT_MS = 1_000;
const IDLE_CHECK_MS = 50;
/** The thread is idle when it ran for less than this share of the time. */
const IDLE_BELOW = 0.5;

/**
 * Runs the control plane of a state folder: opens the instance, answers the API, and then loads and starts
 * what no client waits for: the nodes' link, and once the nodes are back the controllers (`loops.ts`). A
 * request that needs a module which is not loaded yet loads it.
 */
export async function runControlPlane(folder: string | undefined): Promise<void> {
  const instance = await openInstance(folder);
  const { settings, log, machineClock } = instance;
  const api = openApi(instance);
  const running: Running = {};
  const ports = listen(instance, api, () => running.link?.gateway);
  process.on("SIGTERM", () => void stop(instance, ports, running)); // The function `stop` never rejects.
  writeSecretFile(join(instance.folder, "control-plane.pid"), `${JSON.stringify(instance.identity)}\n`);
  log.info("Control plane started", {
    port: settings.port,
    instance: settings.instance,
    startMs: Math.round(process.uptime() * 1000),
  });
  await Promise.race([ports.firstAnswer, sleep(machineClock, FIRST_ANSWER_WAIT_MS)]);
  const { openNodeLink } = await import("./node-link.ts");
  running.link = await openNodeLink(instance, api);
  await ports.listenOutside();
  // Most clients call ECS first: it is loaded while the nodes connect.
  await api.dispatcher.warm("ecs");
  await nodesAreBack(instance, running.link);
  const { startLoops } = await import("./loops.ts");
  running.loops = startLoops(instance, api);
  await warmUp(instance, api);
}

/** What is started after the first answer. */
interface Running {
  link?: NodeLink;
  loops?: Loops;
}

/**
 * Resolves when the nodes of the records are connected and what they reported is stored, which is when the thread
 * becomes idle. Loading the controllers takes as much time as adopting a hundred tasks, and comes after it.
 */
async function nodesAreBack({ store, machineClock }: Instance, { gateway }: NodeLink): Promise<void> {
  const known = store.keys("node").length;
  if (known === 0) return;
  let before = performance.eventLoopUtilization();
  for (let waited = 0; waited < LOOPS_WAIT_MS; waited += IDLE_CHECK_MS) {
    await sleep(machineClock, IDLE_CHECK_MS);
    const now = performance.eventLoopUtilization();
    const isIdle = performance.eventLoopUtilization(now, before).utilization < IDLE_BELOW;
    if (isIdle && gateway.agents.length >= known) return;
    before = now;
  }
}

/** Loads the services that no request has needed yet, and removes what a crash left. */
async function warmUp({ machineClock, objects, openedAt, log }: Instance, api: Api): Promise<void> {
  await sleep(machineClock, WARM_DELAY_MS);
  await api.dispatcher.warm();
  flushCompileCache();
  // Loading leaves garbage and half-empty pages, which an idle process keeps: 10 MiB.
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  await objects.sweep(openedAt).then(
    (count) => void (count > 0 && log.info("Removed files that no object names", { count })),
    (thrown: unknown) =>
      log.warn("Files that no object names could not be removed", { reason: messageOf(thrown) }),
  );
}

async function stop(instance: Instance, ports: Ports, { link, loops }: Running): Promise<void> {
  ports.close();
  await Promise.all([link?.stop(), loops?.stop()]);
  await instance.metrics.close();
  instance.store.close();
  instance.logs.close();
  instance.queues.close();
  instance.objects.close();
  process.exit(0);
}
