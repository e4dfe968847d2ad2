import type { ContainerSpec } from "../engine.ts";

const SECOND_NS = 1_000_000_000;

/** The body of Docker's call that creates a container. Source: Docker Engine API, ContainerCreate. */
export function createBody(spec: ContainerSpec): object {
  const check = spec.healthCheck;
  return {
    Image: spec.image,
    Labels: spec.labels,
    Cmd: spec.command,
    Entrypoint: spec.entryPoint,
    WorkingDir: spec.workingDirectory,
    User: spec.user,
    Env: spec.environment,
    Hostname: spec.hostname,
    OpenStdin: spec.interactive,
    Tty: spec.pseudoTerminal,
    StopSignal: spec.stopSignal,
    // With the network "none", the engine makes an endpoint, which doubles the time of a start, and whose removal
    // can deadlock all containers in Docker before 23 (docs/decisions/0050).
    NetworkDisabled: spec.network === "none",
    // ECS ignores the image's own HEALTHCHECK: it is disabled where the definition has none.
    Healthcheck:
      check === undefined
        ? { Test: ["NONE"] }
        : {
            Test: check.command,
            Interval: check.intervalSeconds * SECOND_NS,
            Timeout: check.timeoutSeconds * SECOND_NS,
            Retries: check.retries,
            StartPeriod: check.startPeriodSeconds * SECOND_NS,
          },
    HostConfig: {
      NetworkMode: spec.network,
      Privileged: spec.privileged,
      PidMode: spec.pidHost ? "host" : "",
      // Binds is never used: its "source:target:options" treats a colon in a path as the start of options.
      // The engine chooses the propagation: rprivate, and rslave for paths in its own folder.
      Mounts: spec.mounts.map(({ source, target, readOnly }) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      CpuShares: spec.cpuShares,
      Memory: (spec.memoryMiB ?? 0) * 1024 * 1024,
      MemorySwap: spec.memoryMiB === undefined ? 0 : spec.memoryMiB * 1024 * 1024,
      MemoryReservation: (spec.memoryReservationMiB ?? 0) * 1024 * 1024,
      PidsLimit: spec.pidsMax,
      CgroupParent: spec.cgroupParent,
      ReadonlyRootfs: spec.readonlyRootFilesystem,
      Init: spec.init,
      CapAdd: spec.capabilitiesAdd,
      CapDrop: spec.capabilitiesDrop,
      DeviceCgroupRules: spec.deviceRules,
      SecurityOpt: spec.securityOptions,
      Ulimits: spec.ulimits.map((limit) => ({ Name: limit.name, Soft: limit.soft, Hard: limit.hard })),
      Sysctls: spec.sysctls,
      RestartPolicy: { Name: spec.restartAlways ? "always" : "no" },
      LogConfig: { Type: "json-file", Config: { "max-size": `${spec.logsMaxMiB}m`, "max-file": "3" } },
    },
  };
}
