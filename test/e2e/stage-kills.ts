import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  ECSClient,
  UpdateServiceCommand,
  type DeploymentConfiguration,
  type ServiceDeployment,
} from "@aws-sdk/client-ecs";
import { expect } from "vitest";
import type { openDemo } from "./demo.ts";
import { eventually } from "./helpers.ts";
import { killsOf } from "./kills-of.ts";
import { newestDeploymentOf, untilDeploymentEnded } from "./staged-service.ts";
import { registerVersion, startAsking, versionsOf } from "./versions.ts";

type Demo = ReturnType<typeof openDemo>;

/** The stages of a deployment that supersedes another, in their order. */
const STAGES = [
  "RECONCILE_SERVICE",
  "PRE_SCALE_UP",
  "SCALE_UP",
  "POST_SCALE_UP",
  "TEST_TRAFFIC_SHIFT",
  "POST_TEST_TRAFFIC_SHIFT",
  "PRODUCTION_TRAFFIC_SHIFT",
  "POST_PRODUCTION_TRAFFIC_SHIFT",
  "BAKE_TIME",
  "CLEAN_UP",
] as const;
type Stage = (typeof STAGES)[number];
/** Those in which no hook is called. */
const UNHOOKED = ["SCALE_UP", "BAKE_TIME", "CLEAN_UP"] as const;
type HookedStage = Exclude<Stage, (typeof UNHOOKED)[number]>;
const isHooked = (stage: Stage): stage is HookedStage => !(UNHOOKED as readonly Stage[]).includes(stage);
const HOOKED_STAGES = STAGES.filter(isHooked);

/** Keeps deployments in their stages: see `startGate`. */
export interface Gate {
  readonly url: string;
  isCalled(deployment: string, stage: Stage): boolean;
  decide(deployment: string, stage: Stage, status: "SUCCEEDED" | "FAILED"): void;
  close(): void;
}

/** What a hook's endpoint gets. */
interface HookEvent {
  readonly lifecycleStage: Stage;
  readonly resourceArn: string;
}

/**
 * The HTTP endpoint of a hook that keeps each deployment in each of its stages until the test lets it go on: it
 * answers IN_PROGRESS until then, and asks to be called again a platform's second later.
 */
export async function startGate(): Promise<Gate> {
  const called = new Set<string>();
  const decided = new Map<string, string>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { resourceArn, lifecycleStage } = JSON.parse(body) as HookEvent; // The platform's own event.
      const key = `${resourceArn} ${lifecycleStage}`;
      called.add(key);
      const answer = { hookStatus: decided.get(key) ?? "IN_PROGRESS", callBackDelay: 5 };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, // It listens by TCP.
    isCalled: (deployment, stage) => called.has(`${deployment} ${stage}`),
    decide: (deployment, stage, status) => void decided.set(`${deployment} ${stage}`, status),
    close: () => void server.close(),
  };
}

type Victim = keyof ReturnType<typeof killsOf>;
const VICTIMS: readonly Victim[] = ["agent", "proxy", "controlPlane"];
/** The proxy is back within two seconds; other work on the machine multiplies that. */
const PROXY_AWAY_MS = 15_000;

const STRATEGIES: readonly DeploymentConfiguration[] = [
  { strategy: "BLUE_GREEN" },
  { strategy: "CANARY", canaryConfiguration: { canaryPercent: 20, canaryBakeTimeInMinutes: 0 } },
  { strategy: "LINEAR", linearConfiguration: { stepPercent: 50, stepBakeTimeInMinutes: 0 } },
];
/** The share of the new version when a strategy's first hook of PRODUCTION_TRAFFIC_SHIFT is called. */
const FIRST_SHARES = [100, 20, 50];

/** A service of `createStagedService`, and the function and role of its hook, which `gate` decides. */
interface Guarded {
  readonly service: string;
  readonly hosts: readonly string[];
  readonly gate: Gate;
  readonly hook: { readonly hookTargetArn: string; readonly roleArn: string | undefined };
}

/**
 * Deploys by each strategy under load, and kills one process at each stage, in turns: after three deployments each
 * process was killed at each stage. Expects that every deployment goes on, that no version serves before its stage, at
 * any of the service's hosts, and that no request fails but those that the proxy took with it. Answers the version
 * that serves then.
 */
export async function expectToSurviveKills(demo: Demo, guarded: Guarded): Promise<string> {
  const { service, hosts, gate } = guarded;
  const kills = killsOf(demo);
  const proxyKilledAt: number[] = [];
  const asking = startAsking(demo, hosts);
  await eventually(async () => expect(asking.answers.length).toBeGreaterThan(50));
  let [before = ""] = versionsOf(asking.answers);
  for (const [turn, strategy] of STRATEGIES.entries()) {
    const from = asking.answers.length;
    const version = `killed-${turn}`;
    const deployment = await supersede(demo, guarded, { version, strategy });
    for (const [index, stage] of STAGES.entries()) {
      const { targetServiceRevision } = await untilStage(demo, guarded, { deployment, stage });
      if (stage === "PRODUCTION_TRAFFIC_SHIFT")
        expect(targetServiceRevision?.requestedProductionTrafficWeight).toBe(FIRST_SHARES[turn]);
      if (index < STAGES.indexOf("PRODUCTION_TRAFFIC_SHIFT"))
        expect(versionsOf(asking.answers.slice(from))).toEqual(new Set([before]));
      const victim = VICTIMS[(index + turn) % VICTIMS.length] ?? "agent";
      if (victim === "proxy") proxyKilledAt.push(Date.now());
      await kills[victim]();
      gate.decide(deployment, stage, "SUCCEEDED");
    }
    await untilDeploymentEnded(demo, service, "SUCCESSFUL");
    const after = asking.answers.length;
    await eventually(async () => expect(asking.answers.length).toBeGreaterThan(after + 50));
    expect(versionsOf(asking.answers.slice(from))).toEqual(new Set([before, version]));
    expect(versionsOf(asking.answers.slice(after))).toEqual(new Set([version]));
    before = version;
  }
  await asking.stop();
  // Clients lose their connections with the proxy alone.
  const unexplained = asking.failures.filter((failure) => {
    const at = Date.parse(failure.slice(0, 24));
    return !proxyKilledAt.some((killedAt) => at >= killedAt && at <= killedAt + PROXY_AWAY_MS);
  });
  expect(unexplained, unexplained.slice(0, 5).join("\n")).toEqual([]);
  return before;
}

/** Begins a deployment while another one is at its first stage, with which it has to be reconciled. Answers its ARN. */
async function supersede(
  demo: Demo,
  { service, gate, hook }: Guarded,
  { version, strategy }: { readonly version: string; readonly strategy: DeploymentConfiguration },
): Promise<string> {
  const deploy = async (each: string) => {
    await new ECSClient(demo.client()).send(
      new UpdateServiceCommand({
        cluster: "fileshare",
        service,
        taskDefinition: await registerVersion(demo, service, each),
        deploymentConfiguration: {
          bakeTimeInMinutes: 5,
          lifecycleHooks: [{ ...hook, lifecycleStages: [...HOOKED_STAGES] }],
          ...strategy,
        },
      }),
    );
    return (await newestDeploymentOf(demo, service))?.serviceDeploymentArn ?? "";
  };
  const superseded = await deploy(`${version}-superseded`);
  await eventually(async () => expect(gate.isCalled(superseded, "PRE_SCALE_UP")).toBe(true));
  return deploy(version);
}

async function untilStage(
  demo: Demo,
  { service, gate }: Guarded,
  { deployment, stage }: { readonly deployment: string; readonly stage: Stage },
): Promise<ServiceDeployment> {
  return eventually(async () => {
    const newest = await newestDeploymentOf(demo, service);
    expect(newest).toMatchObject({ serviceDeploymentArn: deployment, lifecycleStage: stage });
    if (isHooked(stage)) expect(gate.isCalled(deployment, stage)).toBe(true);
    return newest ?? expect.fail("There is a deployment.");
  }, 90_000);
}
