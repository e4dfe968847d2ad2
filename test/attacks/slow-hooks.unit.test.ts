import { hookController } from "@gantry/controllers";
import { Controller, silentLogger } from "@gantry/kernel";
import type { ServiceDeploymentHook, ServiceDeploymentRecord } from "@gantry/state";
import { newWorld } from "@gantry/testkit";
import { expect, it } from "vitest";

const SLOW_MS = 30_000;
const HOOK: ServiceDeploymentHook = {
  type: "AWS_LAMBDA",
  targetArn: "arn:aws:lambda:eu-south-1:000000000000:function:check",
  roleArn: "arn:aws:iam::000000000000:role/ecs-infrastructure",
  stages: ["RECONCILE_SERVICE"],
  timeoutMinutes: 60,
  timeoutAction: "ROLLBACK",
};

/** A deployment with two hooks that are to be called. */
function deploymentOf(
  service: { arn: string },
  like: ServiceDeploymentRecord,
  name: string,
): ServiceDeploymentRecord {
  const run = {
    stage: "RECONCILE_SERVICE",
    status: "IN_PROGRESS",
    startedAt: 0,
    production: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
  } as const;
  return {
    ...like,
    arn: name,
    serviceArn: service.arn,
    finishedAt: undefined,
    rollback: undefined,
    hooks: [HOOK, HOOK],
    hookRuns: [0, 1].map((hook) => ({ ...run, id: `${name}-${hook}`, hook })),
  };
}

// Endpoints that take all of their 30 s, as many as there are deployments. Before: 32 of them kept every
// other hook waiting for as long, and two hooks of one deployment were called one after the other.
it("a hook is called at once, and its deployment continues, while 200 other endpoints do not answer", async () => {
  const world = newWorld();
  world.createService({}, { image: "v1", balanced: true });
  const { store, clock } = world;
  const service = store.list("service")[0] ?? expect.fail("The service is there.");
  const like = store.list("serviceDeployment")[0] ?? expect.fail("Its deployment is there.");
  world.stop();
  const calledAt: Record<string, number> = {};
  const controller = new Controller(
    hookController({
      ...{ store, clock, ids: { next: () => "" } as never, log: silentLogger },
      permissions: { deniedBecause: () => undefined },
      async callHook(_, payload) {
        const { executionId } = payload as { executionId: string };
        calledAt[executionId] = clock.now();
        if (executionId.startsWith("slow"))
          await new Promise<void>((resolve) => void clock.after(SLOW_MS, resolve));
        return { hookStatus: "SUCCEEDED" };
      },
    }),
    { clock, log: silentLogger },
  );
  const began = clock.now();
  store.transact((tx) => {
    for (let index = 0; index < 200; index += 1) {
      const slow = deploymentOf(service, like, `slow${index}`);
      tx.put("serviceDeployment", slow.arn, slow);
    }
  });
  controller.start();
  await clock.advance(100);
  store.transact((tx) => tx.put("serviceDeployment", "quick", deploymentOf(service, like, "quick")));
  await clock.advance(1_000);
  expect((calledAt["quick-0"] ?? Infinity) - began).toBeLessThan(1_000);
  expect(store.get("serviceDeployment", "quick")?.hookRuns?.map((run) => run.status)).toEqual([
    "SUCCEEDED",
    "SUCCEEDED",
  ]);
  expect((calledAt["slow199-1"] ?? Infinity) - began).toBeLessThan(1_000);
  await clock.advance(SLOW_MS);
  expect(store.get("serviceDeployment", "slow199")?.hookRuns?.map((run) => run.status)).toEqual([
    "SUCCEEDED",
    "SUCCEEDED",
  ]);
  const stopped = controller.stop();
  await clock.advance(SLOW_MS);
  await stopped;
});
