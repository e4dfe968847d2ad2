import type { PodAssignment } from "@gantry/agent-protocol";
import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import { messageProblem } from "@gantry/agent/checks/check-message";
import { checkVolumes } from "@gantry/agent/volumes/volume-paths";
import fc from "fast-check";
import { processorMs } from "@gantry/testkit/processor-time";
import { describe, expect, it } from "vitest";

const pod: PodAssignment = {
  kind: "pod",
  key: "pod/0123456789abcdef0123456789abcdef",
  role: "task",
  desired: "RUNNING",
  interface: {
    ...{ id: "eni-0123456789abcdef0", vpcId: "vpc-0123456789abcdef0", ip: "10.0.1.9" },
    ...{ mac: "02:00:00:00:00:09", prefix: 24, gateway: "10.0.1.1", hostname: "ip-10-0-1-9" },
    ...{ dnsServer: "10.0.0.2", dnsSearch: "eu-south-1.compute.internal" },
  },
  cpuUnits: 256,
  memoryMiB: 512,
  containers: [
    {
      name: "main",
      image: "127.0.0.1:4510/app@sha256:00",
      registryAuth: "auth",
      essential: true,
      command: ["sh"],
      entryPoint: ["/bin/sh"],
      workingDirectory: "/",
      user: "0",
      environment: ["A=b"],
      cpuShares: 256,
      memoryMiB: 512,
      memoryReservationMiB: 256,
      mounts: [{ volume: "a1", containerPath: "/m", readOnly: false }],
      privileged: false,
      pidHost: false,
      dependsOn: [{ containerName: "main", condition: "START" }],
      healthCheck: {
        ...{ command: ["true"], intervalSeconds: 5, timeoutSeconds: 2, retries: 1, startPeriodSeconds: 0 },
      },
      startTimeoutSeconds: 5,
      stopTimeoutSeconds: 5,
      readonlyRootFilesystem: false,
      interactive: false,
      pseudoTerminal: false,
      init: false,
      capabilitiesAdd: ["SYS_PTRACE"],
      capabilitiesDrop: ["NET_RAW"],
      ulimits: [{ name: "nofile", soft: 10, hard: 10 }],
      sysctls: { "net.core.somaxconn": "10" },
      labels: { label: "value" },
      logs: {
        ...{ region: "eu-south-1", group: "/a", stream: "b", multilinePattern: "^x", nonBlocking: false },
        bufferMaxBytes: 1,
      },
      arn: "arn:aws:ecs:eu-south-1:000000000000:container/c/t/u",
    },
  ],
  volumes: [
    { type: "folder", id: "a1", path: "scratch/0123/a1" },
    { type: "secrets", id: "a2", files: { password: "secret" } },
    {
      ...{ type: "fileSystem", id: "a3", fileSystemId: "fs-0123456789abcdef0", directory: "/a" },
      ...{ dnsName: "fs-0123456789abcdef0.efs.eu-south-1.amazonaws.com", accessPoint: true },
      creation: { uid: 1, gid: 1, mode: "0755" },
    },
  ],
  purge: ["scratch/0123"],
  restart: false,
  metadata: {
    ...{ endpointId: "0123", cluster: "arn:aws:ecs:x:0:cluster/c", taskArn: "arn:aws:ecs:x:0:task/c/t" },
    ...{ family: "f", revision: "1", availabilityZone: "eu-south-1a", launchType: "FARGATE" },
    ...{
      serviceName: "s",
      tags: { tag: "value" },
      vpcId: "vpc-0123456789abcdef0",
      subnetCidr: "10.0.1.0/24",
    },
  },
  credentials: [
    {
      ...{ id: "0123", roleArn: "arn:aws:iam::0:role/r", accessKeyId: "a", secretAccessKey: "s", token: "t" },
      expiresAt: 1,
    },
  ],
  trustBundle: true,
};

/** Text that reaches containers, logs and answers as it is, and no path, name or argument of the node's own. */
const FREE_TEXT: ReadonlySet<string> = new Set(
  [
    ...["registryAuth", "command.0", "entryPoint.0", "workingDirectory", "user", "environment.0", "arn"],
    ...["healthCheck.command.0", "sysctls.net/core/somaxconn", "labels.label"],
    ...["logs.group", "logs.stream", "logs.multilinePattern"],
  ]
    .map((name) => `containers.0.${name}`)
    .concat(
      ...["volumes.1.files.password", "metadata.family", "metadata.revision", "metadata.availabilityZone"],
      ...["metadata.launchType", "metadata.serviceName", "metadata.tags.tag"],
      ...["credentials.0.accessKeyId", "credentials.0.secretAccessKey", "credentials.0.token"],
    ),
);
const HOSTILE: readonly unknown[] = [
  ...[
    "$(id)",
    "a; id",
    "../../agent",
    "/m:rw,rshared",
    "a\nb",
    "a\0b",
    "`id`",
    " ",
    "",
    "-v",
    "100.64.0.1/33",
  ],
  ...[-5, 1e300, 1.5, "5", null, [], {}, ["x"], { toString: "x" }],
];

/**
 * Values of the list that the member is for: bind options mean nothing in a directory, because mounts are
 * structured.
 */
const MEANT: Readonly<Record<string, readonly unknown[]>> = {
  "containers.0.image": ["100.64.0.1/33"],
  "volumes.2.directory": ["/m:rw,rshared"],
};

const leavesOf = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, each]) => leavesOf(each, [...path, key]))
    : [path];

function replaced(path: readonly string[], value: unknown): PodAssignment {
  const copy = structuredClone(pod) as unknown; // Walked along a path that is there.
  let place = copy as Record<string, unknown>;
  for (const step of path.slice(0, -1)) place = place[step] as typeof place;
  place[path.at(-1) ?? ""] = value;
  return copy as PodAssignment; // As the wire would carry it.
}

function isTaken(assignment: PodAssignment): boolean {
  if (checkAssignment(assignment).type === "refused") return false;
  try {
    checkVolumes(assignment);
    return true;
  } catch {
    return false;
  }
}

// Before: the agent checked nothing of what it was sent, and joined names into paths and shell scripts.
describe("an assignment of a pod", () => {
  it("is accepted as the control plane sends it", () => {
    expect(isTaken(pod)).toBe(true);
  });

  it.each(leavesOf(pod).map((path) => [path.join("."), path] as const))(
    "is refused with another type, a path, an option or a command in %s",
    (name, path) => {
      const free = FREE_TEXT.has(name.replace("net.core.somaxconn", "net/core/somaxconn"));
      const taken = HOSTILE.filter((value) => isTaken(replaced(path, value)));
      if (free) {
        expect(taken.filter((value) => typeof value !== "string")).toEqual([]);
        expect(taken).not.toContain("a\0b");
      } else
        // A word of the right form names nothing that the node does not have.
        expect(taken.filter((value) => value !== "5" && MEANT[name]?.includes(value) !== true)).toEqual([]);
    },
  );
});

// Before: the first 80 characters of a value stood in the sentence, which is logged, stored and shown as a
// task's reason.
it("a secret is not in the message of its refusal", () => {
  const secrets = ["volumes.1.files.password", "containers.0.environment.0", "containers.0.registryAuth"];
  const given = ["credentials.0.secretAccessKey", "credentials.0.token"];
  for (const name of [...secrets, ...given]) {
    for (const value of ["hunter2\0", ["hunter2"], { hunter2: "hunter2" }]) {
      const checked = checkAssignment(replaced(name.split("."), value));
      expect(checked.type, name).toBe("refused");
      expect(JSON.stringify(checked), name).not.toContain("hunter2");
    }
  }
  const settings = { tlsHost: "a", tlsPort: 1, caPem: "", account: "000000000000", relayKey: "hunter2" };
  const problem = messageProblem({ sequence: 1, message: { type: "sync", settings, assignments: [] } });
  expect(problem).toContain("relayKey");
  expect(problem).not.toContain("hunter2");
});

// Before: a kind or type that is an object with a `toString` of its own threw out of the check.
describe("a message that no control plane sends", () => {
  const json = fc.jsonValue({ maxDepth: 6 });

  it("is refused with a sentence, whatever it is", () =>
    fc.assert(
      fc.property(
        json,
        fc.constantFrom("sync", "assign", "unassign", "logsTaken", "__proto__"),
        (value, type) => {
          const inside = typeof value === "object" && value !== null ? value : { value };
          for (const message of [
            value,
            { sequence: 1, message: value },
            { sequence: 1, message: { ...inside, type } },
          ])
            expect(messageProblem(message)).toEqual(expect.any(String));
        },
      ),
      { numRuns: 500 },
    ));

  it.each(["", "pod", "pod/", "/x", "../pod/x", "pod/\0"])("is refused with the key %j", (key) => {
    for (const message of [
      { type: "unassign", key },
      { type: "assign", assignment: { kind: "pod", key } },
    ])
      expect(messageProblem({ sequence: 1, message })).toContain("is not an assignment's key");
  });

  it("has assignments of which none is carried out", () =>
    fc.assert(
      fc.property(json, fc.constantFrom("pod", "vpc", "interface", "folder", "__proto__"), (value, kind) => {
        const inside = typeof value === "object" && value !== null ? value : { value };
        for (const assignment of [value, { ...inside, kind }, { ...inside, kind, key: `${kind}/x` }])
          expect(checkAssignment(assignment)).toMatchObject({ type: "refused" });
      }),
      { numRuns: 500 },
    ));

  it("is refused quickly, however long its lists and deep its values are", () => {
    const since = processorMs();
    const long = Array.from({ length: 500_000 }, () => ({ kind: "pod" }));
    let deep: unknown = {};
    for (let level = 0; level < 100_000; level += 1) deep = { interface: deep };
    expect(
      messageProblem({ sequence: 1, message: { type: "sync", settings: {}, assignments: long } }),
    ).toBeDefined();
    expect(
      checkAssignment({ kind: "balancers", key: "balancers", balancers: long, targetGroups: long }).type,
    ).toBe("accepted");
    expect(checkAssignment({ ...pod, containers: long }).type).toBe("refused");
    expect(checkAssignment({ ...pod, interface: deep }).type).toBe("refused");
    expect(processorMs() - since).toBeLessThan(4_000);
  });
});
