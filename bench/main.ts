import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCredentials } from "@gantry/cli/credentials";
import { openClients } from "@gantry/cli/demo/clients";
import { bringUp } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { UserError } from "@gantry/cli/run";
import { takeDown } from "@gantry/cli/take-down";
import { messageOf, SystemClock } from "@gantry/kernel";
import { adopt } from "./adopt.ts";
import { alarmRollback } from "./alarm-rollback.ts";
import { askEach } from "./ask-each.ts";
import { changeFeed } from "./change-feed.ts";
import { churn, replacement } from "./churn.ts";
import { describeTasks } from "./describe-tasks.ts";
import { dns } from "./dns.ts";
import { instances } from "./instances.ts";
import { kms } from "./kms.ts";
import { loadBalancer } from "./load-balancer.ts";
import { manyServices } from "./many-services.ts";
import { listing } from "./listing.ts";
import { metrics } from "./metrics.ts";
import { objects } from "./objects.ts";
import { isMet, ratioOf, type Answer, type Question } from "./question.ts";
import { registry } from "./registry.ts";
import { replica } from "./replica.ts";
import { runTask } from "./run-task.ts";
import { sqs } from "./sqs.ts";
import { start } from "./start.ts";
import { targetsServing } from "./targets-serving.ts";
import { taskSecrets } from "./task-secrets.ts";
import { trafficShift } from "./traffic-shift.ts";
import { threeNodes } from "./three-nodes.ts";
import { terraformStack, terraformWebsite } from "./terraform-stack.ts";
import { terraform } from "./terraform.ts";

const QUESTIONS: readonly Question[] = [
  runTask,
  describeTasks,
  kms,
  taskSecrets,
  sqs,
  replica,
  dns,
  instances,
  start,
  loadBalancer,
  churn,
  replacement,
  adopt,
  manyServices,
  threeNodes,
  registry,
  objects,
  listing,
  changeFeed,
  metrics,
  terraform,
  terraformStack,
  terraformWebsite,
  trafficShift,
  targetsServing,
  alarmRollback,
];
const REGION = "eu-south-1";
const PORT = 14_566;

// Asks the questions that were named, or all, of an instance made for it; what each answers is one line.
const clock = new SystemClock();
const progress = new Progress(clock, (text) => process.stderr.write(text));
try {
  const { status, isAbandoned } = await main(process.argv.slice(2));
  process.exitCode = status;
  // A question that took too long still runs.
  if (isAbandoned) process.exit();
} catch (thrown) {
  process.stderr.write(`gantry: ${messageOf(thrown)}\n`);
  process.exitCode = 1;
}

async function main(parameters: readonly string[]): Promise<{ status: number; isAbandoned: boolean }> {
  const json = parameters.includes("--json");
  const names = parameters.filter((parameter) => !parameter.startsWith("--"));
  const unknown = names.find((name) => !QUESTIONS.some((question) => question.name === name));
  if (unknown !== undefined)
    throw new UserError(
      `There is no benchmark "${unknown}": there are ${QUESTIONS.map((question) => question.name).join(", ")}.`,
    );
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-"));
  const deps = { clock, progress };
  const settings = await bringUp(deps, folder, PORT);
  const bench = {
    settings,
    clients: openClients(settings, REGION),
    clock,
    region: REGION,
    credentials: rootCredentials(settings),
  };
  let missed = 0;
  try {
    const chosen = QUESTIONS.filter((each) => names.length === 0 || names.includes(each.name));
    const { failed, isAbandoned } = await askEach(chosen, bench, {
      step: (name, work) => progress.step(name, work),
      answer: (answer) => {
        if (!isMet(answer)) missed += 1;
        process.stdout.write(`${json ? JSON.stringify(asJson(answer)) : asLine(answer)}\n`);
      },
      failure: (sentence) => process.stderr.write(`gantry: ${sentence}\n`),
    });
    return { status: missed + failed === 0 ? 0 : 1, isAbandoned };
  } finally {
    await takeDown(deps, folder, true);
    rmSync(folder, { recursive: true, force: true });
  }
}

function asJson(answer: Answer): object {
  return { ...answer, goal: goalText(answer), ratio: ratioOf(answer), met: isMet(answer) };
}

function asLine(answer: Answer): string {
  const figure = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
  return [
    answer.name.padEnd(28),
    `${figure(answer.value)} ${answer.unit}`.padEnd(20),
    `${answer.against}: ${figure(answer.baseline)}`.padEnd(40),
    `ratio ${ratioOf(answer).toFixed(2)}`.padEnd(14),
    goalText(answer).padEnd(18),
    answer.goal === undefined ? "" : isMet(answer) ? "met" : "missed",
  ]
    .join("  ")
    .trimEnd();
}

function goalText({ goal, unit }: Answer): string {
  if (goal === undefined) return "no goal";
  if ("least" in goal) return `goal ratio ≥ ${goal.least}`;
  return goal.of === "ratio" ? `goal ratio ≤ ${goal.most}` : `goal < ${goal.most} ${unit}`;
}
