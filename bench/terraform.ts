import { join } from "node:path";
import { canRunTerraform, openTerraform } from "../tools/terraform/terraform.ts";
import type { Question } from "./question.ts";
import { websiteVariables } from "./website-variables.ts";

const APPLY_MAX_S = 90;
const DESTROY_MAX_S = 60;
const SLOWEST = 5;

/** Applying and destroying the website's Terraform; most of either is the provider's own waits, which are printed. */
export const terraform: Question = {
  name: "terraform",
  async ask(bench) {
    if (!canRunTerraform()) {
      process.stderr.write("  Terraform or its AWS provider is not here: not measured\n");
      return [];
    }
    const environment = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${bench.settings.port}`,
      AWS_SHARED_CREDENTIALS_FILE: join(bench.settings.folder, "credentials"),
    };
    const configuration = openTerraform(environment, websiteVariables("bench-website"));
    try {
      await configuration.init();
      const apply = await timed(() => configuration.apply());
      const destroy = await timed(() => configuration.destroy());
      for (const { name, output } of [
        { name: "apply", ...apply },
        { name: "destroy", ...destroy },
      ])
        process.stderr.write(`  ${name}: the slowest resources\n${slowest(output)}\n`);
      return [
        {
          name: "terraform-apply",
          unit: "s",
          value: apply.seconds,
          baseline: APPLY_MAX_S,
          against: "the target",
          goal: { of: "value", most: APPLY_MAX_S },
        },
        {
          name: "terraform-destroy",
          unit: "s",
          value: destroy.seconds,
          baseline: DESTROY_MAX_S,
          against: "the target",
          goal: { of: "value", most: DESTROY_MAX_S },
        },
      ];
    } finally {
      configuration.remove();
    }
  },
};

async function timed(work: () => Promise<string>): Promise<{ seconds: number; output: string }> {
  const start = performance.now();
  const output = await work();
  return { seconds: (performance.now() - start) / 1_000, output };
}

/** The resources that took longest, by Terraform's own account. */
function slowest(output: string): string {
  const lines = [...output.matchAll(/^(\S+): (?:Creation|Destruction) complete after (?:(\d+)m)?(\d+)s/gm)];
  return lines
    .map(([, resource, minutes = "0", seconds]) => ({
      resource,
      seconds: Number(minutes) * 60 + Number(seconds),
    }))
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ resource, seconds }) => `    ${String(seconds).padStart(3)} s  ${resource}`)
    .join("\n");
}
