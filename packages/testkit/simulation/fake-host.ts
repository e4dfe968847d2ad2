import type { Host, Programs } from "@gantry/agent";
import type { BalancersAssignment, BalancersObservation, TargetObservation } from "@gantry/agent-protocol";
import { elapsedSince, type Clock } from "@gantry/kernel";

/** How long a container must serve before the proxy's checks have passed. */
const CHECKS_MS = 700;

/** Programs that succeed and print nothing. */
export const fakePrograms: Programs = { run: async (commands) => commands.map(() => "") };

/**
 * The proxy of a node: it does not answer before `since` (ms), and its health checks begin then. Checks of
 * the target group `failingGroup` fail, whatever serves at the address.
 */
export interface FakeProxy {
  since: number;
  failingGroup: string | undefined;
}

const fakeEnvironments: Host["environments"] = {
  prepare: async () => undefined,
  release: async () => {},
  releaseOthers: async () => {},
};

/** Files are there at once, and devices are attached. */
const fakeBlockVolumes: Host["blockVolumes"] = {
  ensureFile: async ({ bytes }) => bytes,
  removeFile: async () => {},
  apply: async ({ attached }) => attached.map(({ volumeId }) => volumeId),
  release: async () => {},
};

/**
 * A fake machine that consists of a memory and a proxy, which observes what serves at an address.
 * `remembered` and `proxy` outlive the agent.
 */
export function fakeHost(deps: {
  /** The time since which a container serves at an address, on any node; undefined where none does. */
  servingSince: (address: string) => number | undefined;
  clock: Clock;
  remembered: { text: string | undefined };
  proxy: FakeProxy;
}): Host {
  const { clock, remembered, proxy } = deps;
  return {
    dataPath: "/data",
    limits: { ensure: async () => ({ parent: undefined, pidsMax: 4_096 }), remove: async () => {} },
    volumes: {
      prepare: async (pod) => new Map(pod.volumes.map((volume) => [volume.id, `/volumes/${volume.id}`])),
      release: async () => {},
      releaseOthers: async () => {},
      ensureFolder: async () => {},
      removeFolder: async () => {},
    },
    blockVolumes: fakeBlockVolumes,
    databaseFiles: { bytesOf: async () => 0, copy: async () => {}, remove: async () => {} },
    environments: fakeEnvironments,
    names: {
      ensure: async () => {},
      mountsOf: () => [],
      remove: async () => {},
      removeOthers: async () => {},
    },
    memory: {
      read: () => remembered.text,
      write(text) {
        remembered.text = text;
      },
      seal: (text) => text,
      open: (sealed) => sealed,
    },
    prepare: async () => {},
    trust() {},
    usageOf: async () => undefined,
    serveZones: () => ({ close: () => {} }),
    serveHost: () => ({ isBroken: false, close: () => {} }),
    serve: () => ({ close() {} }),
    proxy() {
      let inEffect: BalancersAssignment | undefined;
      return {
        apply: async (assignment) => {
          inEffect = assignment;
        },
        traffic: () => [],
        logs: {
          flush: async () => {},
          next: async () => undefined,
          taken: async () => {},
          resend() {},
        },
        observe: async () => (clock.now() < proxy.since ? undefined : observationOf(inEffect, deps)),
      };
    },
  };
}

function observationOf(
  inEffect: BalancersAssignment | undefined,
  { servingSince, clock, proxy }: Pick<Parameters<typeof fakeHost>[0], "servingSince" | "clock" | "proxy">,
): BalancersObservation {
  const healthOf = (address: string, group: string): TargetObservation["health"] => {
    const since = servingSince(address);
    if (since === undefined || group === proxy.failingGroup) return "unhealthy";
    return elapsedSince(Math.max(since, proxy.since), clock.now()) >= CHECKS_MS ? "healthy" : "initial";
  };
  return {
    hostPorts: Object.fromEntries((inEffect?.balancers ?? []).map((balancer) => [balancer.arn, { 80: 80 }])),
    targets: (inEffect?.targetGroups ?? []).flatMap((group) =>
      group.targets.map((target): TargetObservation => {
        const health = healthOf(target.address, group.arn);
        const description = health === "healthy" ? undefined : "Health checks failed";
        return {
          targetGroupArn: group.arn,
          address: target.address,
          port: target.port,
          draining: target.draining,
          inFlight: 0,
          health,
          reason: description && "Target.FailedHealthChecks",
          description,
        };
      }),
    ),
  };
}
