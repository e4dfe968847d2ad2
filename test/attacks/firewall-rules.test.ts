import { spawn } from "node:child_process";
import { checkVpc } from "@gantry/agent/checks/check-vpc";
import { CLOSED_RULES, renderRouterRules } from "@gantry/agent/network/ruleset";
import { protocolAndPorts, ruleBlock } from "@gantry/api/ec2/rule-peers-and-ports";
import type { SecurityRule } from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run } from "@gantry/cli/run";
import { ensureInstance } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import fc from "fast-check";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eni, rule, vpcWith } from "./firewall.ts";

const SEED = 20_261_127;
const COUNT = 40;
const TRANSIT = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };
let container = "";

/** A namespace of the agent's own image, whose nft judges what the renderer wrote. */
beforeAll(async () => {
  const clock = new SystemClock();
  const deps = { clock, progress: new Progress(clock, () => {}) };
  const image = await ensureAgentImage(
    deps,
    ensureInstance(mkdtempSync(join(tmpdir(), "gantry-nft-")), 20_567),
  );
  const started = await run("docker", [
    ...["run", "-d", "--rm", "--network", "none", "--cap-add", "NET_ADMIN"],
    ...["--entrypoint", "/usr/bin/busybox", image, "sleep", "600"],
  ]);
  container = started.trim();
});
afterAll(async () => {
  if (container !== "") await run("docker", ["rm", "-f", container]);
});

/** Loads rules in the namespace; answers what nft says, which is nothing where it loads them. */
function load(rules: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("docker", ["exec", "-i", container, "nft", "-f", "-"]);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
    child.on("error", reject);
    child.on("close", () => resolve(said));
    child.stdin.end(rules);
  });
}

function render(vpc: unknown): string {
  const checked = checkVpc(vpc);
  if (typeof checked === "string") throw new Error(checked);
  return renderRouterRules(checked.vpc, TRANSIT, "10.0.0.2");
}

const port = fc.oneof(fc.integer({ min: -2, max: 70_000 }), fc.constantFrom(-1, 0, 255, 256, 65_535));
const hostile = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom("tcp", "udp", "icmp", "-1", "50", "0", "255", "6", "10.0.0.0/8", "1.2.3.4/32", "0.0.0.0/0"),
  fc.constantFrom(
    "}",
    "\n}",
    "accept",
    "# ",
    '"',
    "0.0.0.0/0 accept\n",
    "10.0.0.1-10.0.0.9",
    "$(id)",
    "{",
    ";",
  ),
);
const anyRule = fc.record({
  direction: fc.constantFrom("ingress", "egress"),
  protocol: hostile,
  fromPort: port,
  toPort: port,
  cidr: fc.option(hostile, { nil: undefined }),
  groupId: fc.option(fc.constantFrom("sg-a", "sg-b", "sg-gone", "sg-a }", ""), { nil: undefined }),
});

it("renders rules that nft loads, whatever rules the agent is given", async () => {
  // Before: ports from 90 to 80 failed the load, and so did everything that its renderer did not expect.
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRule, { maxLength: 30 }),
      fc.array(hostile, { maxLength: 3 }),
      async (rules, words) => {
        const interfaces = [
          eni(1),
          ...words.map((word) => ({ ...eni(2), ip: word, groups: ["sg-a", word] })),
          eni(3),
        ];
        const groups = [{ id: "sg-a", rules }, { id: "sg-b", rules }, ...words.map((id) => ({ id, rules }))];
        expect(await load(render({ ...vpcWith([]), interfaces, groups }))).toBe("");
      },
    ),
    { numRuns: COUNT, seed: SEED },
  );
});

it("loads every rule that the API accepts, without leaving one out", async () => {
  const accepted: SecurityRule[] = [];
  fc.assert(
    fc.property(hostile, port, port, hostile, (IpProtocol, FromPort, ToPort, block) => {
      try {
        const cidr = ruleBlock(block);
        accepted.push(rule({ ...protocolAndPorts({ IpProtocol, FromPort, ToPort }), cidr }));
      } catch {
        // EC2 refuses it, and so does the API.
      }
    }),
    { numRuns: 20_000, seed: SEED },
  );
  expect(accepted.length).toBeGreaterThan(100);
  const vpc = vpcWith(accepted);
  expect(checkVpc(vpc)).toMatchObject({ problems: [] });
  expect(await load(render(vpc))).toBe("");
});

it("replaces any ruleset by the closed one, and the closed one by any", async () => {
  const open = render(vpcWith([rule({ fromPort: 80, toPort: 80 })]));
  for (const rules of [open, CLOSED_RULES, open, CLOSED_RULES, CLOSED_RULES])
    expect(await load(rules)).toBe("");
  const listed = await run("docker", ["exec", container, "nft", "list", "ruleset"]);
  expect(listed).toContain("policy drop");
  const closed = listed.slice(listed.indexOf("table inet closed"));
  expect(closed.match(/hook \w+ priority filter - 10; policy drop;/g)).toHaveLength(3);
  expect(listed).toContain("table bridge guard");
});
