import { join, resolve } from "node:path";
import { canRunTerraform, openTerraform } from "../tools/terraform/terraform.ts";
import { idleMs, MemoryServer } from "./memory-server.ts";
import { median, type Answer, type Bench, type Question } from "./question.ts";
import { websiteVariables } from "./website-variables.ts";

const ROUNDS = 3;
/** A pause of the provider, in ms: a server that answers from memory is asked again within less. */
const PAUSE_MS = 500;
const RATIO_MAX = 1.2;

/** Times of one run, in s, and when its `apply` was over, in ms. */
interface Run {
  readonly apply: number;
  readonly plan: number;
  readonly appliedAt: number;
}

/** A configuration, by default the website's, with its variables. */
interface Stack {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly configuration?: string;
}

/** The stack of 270 resources. Its services run no tasks, and there is no database. */
export const terraformStack = question({
  name: "terraform-stack",
  variables: { name: "bench", database: "false" },
  configuration: resolve(import.meta.dirname, "../tools/terraform/stack"),
});

/** The talk's whole infrastructure: with a database server, a bastion and services, whose start is part of it. */
export const terraformWebsite = question({
  name: "terraform-website",
  variables: websiteVariables("bench-site"),
});

/**
 * Terraform's plan and apply of a stack, against the same by a server that answers from memory what the platform
 * answered before (`memory-server.ts`). The provider's own fixed waits are those in which that server is asked nothing;
 * they are taken from both. Longer waits for the platform count: there, everything is ready at once.
 */
function question(stack: Stack): Question {
  return {
    name: stack.name,
    async ask(bench) {
      if (!canRunTerraform()) {
        process.stderr.write("  Terraform or its AWS provider is not here: not measured\n");
        return [];
      }
      const memory = new MemoryServer();
      const proxy = await memory.record(bench.settings.port);
      await run(bench, stack, { port: proxy.port, isReal: true });
      proxy.close();
      const server = await memory.serve();
      const [ours, theirs, waits]: [Run[], Run[], number[]] = [[], [], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        ours.push(await run(bench, stack, { port: bench.settings.port, isReal: true }));
        memory.reset();
        const remembered = await run(bench, stack, { port: server.port, isReal: false });
        theirs.push(remembered);
        const arrivals = memory.arrivals.filter((at) => at < remembered.appliedAt);
        waits.push(idleMs(arrivals, PAUSE_MS) / 1_000);
      }
      server.close();
      const known = `${memory.unknown.length} of the requests are not in memory`;
      process.stderr.write(`  ${known}; the provider waits for ${median(waits).toFixed(1)} s\n`);
      return (["plan", "apply"] as const).map((phase) => {
        const wait = phase === "apply" ? median(waits) : 0;
        return answer(`${stack.name}-${phase}`, {
          ours: ours.map((each) => each[phase] - wait),
          theirs: theirs.map((each) => each[phase] - wait),
        });
      });
    },
  };
}

function answer(
  name: string,
  { ours, theirs }: { ours: readonly number[]; theirs: readonly number[] },
): Answer {
  return {
    name,
    unit: "s",
    value: median(ours),
    baseline: median(theirs),
    against: "a server that answers from memory",
    goal: { of: "ratio", most: RATIO_MAX },
  };
}

/** Applies, plans and, where there is something, destroys. In s. Errors: Terraform's; a plan that is not empty. */
async function run(
  bench: Bench,
  { variables, configuration }: Stack,
  { port, isReal }: { port: number; isReal: boolean },
): Promise<Run> {
  const environment = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_SHARED_CREDENTIALS_FILE: join(bench.settings.folder, "credentials"),
  };
  const terraform = openTerraform(environment, variables, configuration);
  try {
    await terraform.init();
    const apply = await seconds(() => terraform.apply());
    const appliedAt = performance.now();
    const plan = await seconds(async () => {
      if (!(await terraform.plan()).includes("No changes")) throw new Error("The plan is not empty.");
    });
    if (isReal) await terraform.destroy();
    return { apply, plan, appliedAt };
  } finally {
    terraform.remove();
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}
