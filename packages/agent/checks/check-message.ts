import { isIP } from "node:net";
import type { HostResolver, NodeSettings, ToAgent } from "@gantry/agent-protocol";
import { isHostResolver } from "@gantry/kernel/dns/host-resolver";
import { CLOCK_SPEED_MAX, type ClockSegment } from "@gantry/kernel";
import { dnsName, integer, list, matching, object, oneOf, optional, text, type Check } from "./check.ts";

type Message<Type extends ToAgent["type"]> = Extract<ToAgent, { type: Type }>;

const assignmentKey = matching(/^(?:balancers|[A-Za-z]+\/[^\0]+)$/, "an assignment's key");

/** Checks only what identifies an assignment; the agent checks the rest of each before it uses it. */
const keyed = object({ kind: text, key: assignmentKey });

/** Checks a key; the problem text does not contain the key. */
const relayKey: Check = (value, path) =>
  typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? undefined : `${path} is not a relay key`;

/** The agent listens at the address: it is none that other machines reach. */
const hostResolver = object<HostResolver>({
  address: (value, path) =>
    typeof value === "string" && isIP(value) === 4 && isHostResolver(value)
      ? undefined
      : `${path} is not an address of a host's resolver`,
  upstreams: list((value, path) =>
    typeof value === "string" && isIP(value) !== 0 && !isHostResolver(value)
      ? undefined
      : `${path} is not the address of another resolver`,
  ),
  apiPort: integer(1, 65_535),
});

const checks: { readonly [Type in ToAgent["type"]]: Check } = {
  sync: object<Message<"sync">>({
    type: oneOf("sync"),
    settings: object<NodeSettings>({
      tlsHost: dnsName,
      tlsPort: integer(1, 65_535),
      caPem: text,
      account: matching(/^\d{12}$/, "an account"),
      relayKey: optional(relayKey),
      dnsPort: optional(integer(1, 65_535)),
      hostResolver: optional(hostResolver),
    }),
    assignments: list(keyed),
    kept: optional(list(text)),
  }),
  assign: object<Message<"assign">>({ type: oneOf("assign"), assignment: keyed }),
  unassign: object<Message<"unassign">>({ type: oneOf("unassign"), key: assignmentKey }),
  logsTaken: object<Message<"logsTaken">>({ type: oneOf("logsTaken"), containerId: text, cursor: text }),
  metricsTaken: object<Message<"metricsTaken">>({
    type: oneOf("metricsTaken"),
    session: text,
    sequence: integer(1),
  }),
  balancerLogTaken: object<Message<"balancerLogTaken">>({ type: oneOf("balancerLogTaken"), id: text }),
  flowsTaken: object<Message<"flowsTaken">>({ type: oneOf("flowsTaken"), id: text }),
  clock: object<Message<"clock">>({
    type: oneOf("clock"),
    segments: list(
      object<ClockSegment>({
        real: integer(0),
        platform: integer(0),
        speed: (value, path) =>
          typeof value === "number" && value > 0 && value <= CLOCK_SPEED_MAX
            ? undefined
            : `${path} is not a speed of the clock`,
      }),
    ),
  }),
  imageReady: object<Message<"imageReady">>({
    type: oneOf("imageReady"),
    image: text,
    problem: optional(text),
  }),
};

/** Describes the problem of a control plane message; undefined where the agent can act on it. */
export function messageProblem(envelope: unknown): string | undefined {
  const shape = object({ sequence: integer(1), message: object({ type: text }) })(envelope, "");
  if (shape !== undefined) return shape;
  const { message } = envelope as { message: { type: string } }; // Just checked.
  if (!Object.hasOwn(checks, message.type)) return `the type ${JSON.stringify(message.type)} is not known`;
  return checks[message.type as ToAgent["type"]](message, ""); // A key of the table.
}
