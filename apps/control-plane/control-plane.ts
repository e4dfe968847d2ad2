import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { messageOf, sleep } from "@gantry/kernel";
import { openApi, type Api } from "./api.ts";
import { openInstance, type Instance } from "./instance.ts";
import type { Loops } from "./loops.ts";
import { listen, type Ports } from "./ports.ts";
import { writeSecretFile } from "./secret-file.ts";

/** The loops are loaded after the first answer, or after this time where no client asks. */
const FIRST_ANSWER_WAIT_MS = 200;
/** Nodes connect first, and report all that they run. */
const WARM_DELAY_MS = 2_000;

/**
 * Runs the control plane of a state folder: opens the instance, answers the API, and then loads and starts
 * what no client waits for: the controllers and the nodes' link (`loops.ts`). A request that needs a module
 * which is not loaded yet loads it.
 */
export async function runControlPlane(folder: string | undefined): Promise<void> {
  const instance = await openInstance(folder);
  const { settings, log, machineClock } = instance;
  const api = openApi(instance);
  let loops: Loops | undefined;
  const ports = listen(instance, api, () => loops);
  process.on("SIGTERM", () => void stop(instance, ports, loops)); // The function `stop` never rejects.
  writeSecretFile(join(instance.folder, "control-plane.pid"), `${JSON.stringify(instance.identity)}\n`);
  log.info("Control plane started", {
    port: settings.port,
    instance: settings.instance,
    startMs: Math.round(process.uptime() * 1000),
  });
  await Promise.race([ports.firstAnswer, sleep(machineClock, FIRST_ANSWER_WAIT_MS)]);
  const { startLoops } = await import("./loops.ts");
  loops = await startLoops(instance, api);
  await ports.listenOutside();
  await warmUp(instance, api);
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

async function stop(instance: Instance, ports: Ports, loops: Loops | undefined): Promise<void> {
  ports.close();
  await loops?.stop();
  await instance.metrics.close();
  instance.store.close();
  instance.logs.close();
  instance.queues.close();
  instance.objects.close();
  process.exit(0);
}
