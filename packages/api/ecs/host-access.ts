import type * as ecs from "@aws-sdk/client-ecs";
import { refused } from "./registration-refusal.ts";

/** Docker's default set, which every container has. Source: moby, oci/caps/defaults.go. */
const USUAL_CAPABILITIES = [
  ...[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
  ],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE", "SYS_PTRACE"],
];

/**
 * Refuses settings that give a container access to the host: always on Fargate, as AWS does; for EC2 tasks
 * unless the operator allows them. Errors: ClientException.
 */
export function checkHostAccess(
  input: ecs.RegisterTaskDefinitionRequest,
  options: { isFargate: boolean; allowHostAccess: boolean },
): void {
  const { isFargate, allowHostAccess } = options;
  if (input.pidMode !== undefined && input.pidMode !== "host")
    throw refused(`Gantry does not support pidMode ${input.pidMode} yet: leave it out.`);
  const containers = input.containerDefinitions ?? [];
  const asked = [
    input.pidMode === "host" ? "pidMode host" : "",
    (input.volumes ?? []).some((volume) => (volume.host?.sourcePath ?? "") !== "") ? "host.sourcePath" : "",
    containers.some((container) => container.privileged === true) ? "privileged" : "",
    containers.some((container) =>
      (container.linuxParameters?.capabilities?.add ?? []).some((name) => !USUAL_CAPABILITIES.includes(name)),
    )
      ? "linuxParameters.capabilities.add"
      : "",
  ].filter((what) => what !== "");
  const [first] = asked;
  if (first === undefined) return;
  if (isFargate && first === "host.sourcePath")
    throw refused("host.sourcePath should not be set for volumes in Fargate.");
  if (isFargate && first !== "linuxParameters.capabilities.add")
    throw refused(`Fargate does not support ${first}.`);
  if (!isFargate && !allowHostAccess)
    throw refused(
      `${asked.join(", ")} would give tasks access to the host, which this instance does not allow: ` +
        `start it with "gantry up --allow-host-access".`,
    );
}
