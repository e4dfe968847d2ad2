import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { Acceptance } from "./acceptance.ts";

const assignment: BalancersAssignment = {
  kind: "balancers",
  key: "balancers",
  targetGroups: [],
  balancers: [
    {
      arn: "lb",
      dnsName: "lb.elb.localhost",
      vpcId: "vpc-1",
      addresses: ["10.0.0.9"],
      internetFacing: false,
      idleTimeoutSeconds: 60,
      listeners: [
        {
          port: 80,
          tls: false,
          certificates: [],
          rules: [
            {
              priority: 7,
              conditions: [{ field: "source-ip", values: ["poison"] }],
              action: { type: "fixed-response", statusCode: 403, contentType: "text/plain", body: "" },
            },
          ],
          defaultAction: { type: "fixed-response", statusCode: 200, contentType: "text/plain", body: "" },
        },
      ],
    },
  ],
};
const options = { hostPortOf: () => undefined, namespaces: new Set(["vpc-1"]), connectionsMax: 10 };

it("reports an omitted part, and restores it once the proxy accepts it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-acceptance-"));
  const clock = new VirtualClock();
  let isPoisonous = true;
  const acceptance = new Acceptance({
    clock,
    log: silentLogger,
    folder,
    runCheck: async (path) =>
      isPoisonous && readFileSync(path, "utf8").includes("poison") ? "[ALERT] (1) : config : no" : undefined,
  });
  const parts = () => acceptance.leftOutOf(assignment).map(({ part, reason }) => [part, reason]);
  const leftOut = [["rule 7 of the listener on port 80 (source-ip condition)", "no"]];
  const all = { ...options, folder };
  const { text } = await acceptance.accept(assignment, all);
  // The rule matches every request, and answers 503.
  expect(text).toContain("  http-request return status 503\n");
  expect(parts()).toEqual(leftOut);

  await clock.advance(61_000);
  expect(acceptance.render(assignment, all).text).toContain("poison");
  expect(parts()).toEqual(leftOut);
  isPoisonous = false;
  expect((await acceptance.accept(assignment, all)).text).toContain("poison");
  expect(parts()).toEqual([]);
});
