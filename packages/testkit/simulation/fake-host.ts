import type { Host, Programs } from "@gantry/agent";
import type { BalancersAssignment, BalancersObservation, TargetObservation } from "@gantry/agent-protocol";
import { elapsedSince, type Clock } from "@gantry/kernel";

/** How long a container serves before the proxy's checks have passed. */
const CHECKS_MS = 700;

/** Programs that succeed and print nothing. */
export const fakePrograms: Programs = { run: async (commands) => commands.map(() => "") };

/** A machine of nothing but a memory and a proxy that sees what runs at an address. `remembered` outlives the agent. */
export function fakeHost(deps: {
  /** Since when something runs at an address, on whichever node; undefined where nothing does. */
  servingSince: (address: string) => number | undefined;
  clock: Clock;
  remembered: { text: string | undefined };
}): Host {
  const { servingSince, clock, remembered } = deps;
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
    serve: () => ({ close() {} }),
    proxy() {
      let inEffect: BalancersAssignment | undefined;
      return {
        apply: async (assignment) => {
          inEffect = assignment;
        },
        traffic: () => [],
        observe: async (): Promise<BalancersObservation> => ({
          hostPorts: Object.fromEntries(
            (inEffect?.balancers ?? []).map((balancer) => [balancer.arn, { 80: 80 }]),
          ),
          targets: (inEffect?.targetGroups ?? []).flatMap((group) =>
            group.targets.map((target): TargetObservation => {
              const since = servingSince(target.address);
              const base = {
                targetGroupArn: group.arn,
                address: target.address,
                port: target.port,
                draining: target.draining,
                inFlight: 0,
              };
              const health =
                since === undefined
                  ? "unhealthy"
                  : elapsedSince(since, clock.now()) >= CHECKS_MS
                    ? "healthy"
                    : "initial";
              const description = health === "healthy" ? undefined : "Health checks failed";
              return { ...base, health, reason: description && "Target.FailedHealthChecks", description };
            }),
          ),
        }),
      };
    },
  };
}
