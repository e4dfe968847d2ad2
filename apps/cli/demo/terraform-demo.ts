import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InstanceSettings } from "@gantry/control-plane";
import { terraformEnvironment } from "../commands/terraform.ts";
import { PROJECT, type PlatformDeps } from "../project.ts";
import { run, succeeds, UserError } from "../run.ts";

const CONFIGURATION = join(PROJECT, "examples/fileshare/terraform");

/** What Terraform made, by the outputs of the configuration. */
export interface TerraformDemo {
  readonly folder: string;
  readonly bastion: string;
  readonly key: string;
}

/** The folder of the demo's configuration and its state: a part of the state folder, which a purge removes. */
function terraformDemoFolder(settings: InstanceSettings): string {
  return join(settings.folder, "terraform");
}

/** Whether the demo of this instance was made with Terraform. */
export function hasTerraformDemo(settings: InstanceSettings): boolean {
  return existsSync(join(terraformDemoFolder(settings), "terraform.tfstate"));
}

/**
 * Makes the infrastructure of the talk with Terraform: the repository first, then, once `provideImage` has pushed the
 * website to it, everything else. Running it again applies what has changed. Errors: UserError where Terraform is not
 * installed or fails.
 */
export async function applyTerraformDemo(
  { progress }: PlatformDeps,
  settings: InstanceSettings,
  provideImage: () => Promise<string>,
): Promise<TerraformDemo> {
  if (!(await succeeds("terraform", ["version"])))
    throw new UserError(
      "terraform is not on your PATH: install it first, or run the demo without --terraform.",
    );
  const folder = terraformDemoFolder(settings);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(CONFIGURATION).filter((each) => each.endsWith(".tf")))
    copyFileSync(join(CONFIGURATION, name), join(folder, name));
  const key = join(folder, "bastion-key");
  if (!existsSync(key)) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const variables = {
    db_password: keptPassword(join(folder, "database-password")),
    bastion_public_key: readFileSync(`${key}.pub`, "utf8").trim(),
    administrators: '["0.0.0.0/0"]',
  };
  const terraform = (parameters: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runTerraform(settings, folder, { parameters, variables: { ...variables, ...more } });
  const apply = ["apply", "-auto-approve", "-input=false", "-no-color"];
  await progress.step("Preparing Terraform", () => terraform(["init", "-input=false", "-no-color"]));
  await progress.step("Creating the repository with Terraform", () =>
    terraform([...apply, "-target=aws_ecr_repository.app"]),
  );
  const image = await provideImage();
  const image_tag = image.slice(image.lastIndexOf(":") + 1);
  await progress.step("Creating the infrastructure with Terraform", () => terraform(apply, { image_tag }));
  return { folder, key, bastion: (await terraform(["output", "-raw", "bastion"])).trim() };
}

/** The password of the database, which is chosen once. */
function keptPassword(path: string): string {
  if (!existsSync(path)) writeFileSync(path, randomBytes(18).toString("base64url"), { mode: 0o600 });
  return readFileSync(path, "utf8");
}

async function runTerraform(
  settings: InstanceSettings,
  folder: string,
  options: { readonly parameters: readonly string[]; readonly variables: Readonly<Record<string, string>> },
): Promise<string> {
  const { parameters, variables } = options;
  const given = Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value]);
  try {
    return await run("terraform", parameters, {
      cwd: folder,
      env: { ...terraformEnvironment(settings.folder, process.env), ...Object.fromEntries(given) },
    });
  } catch (thrown) {
    const { stderr = "" } = thrown as { stderr?: string }; // What execFile throws.
    throw new UserError(`terraform ${parameters[0] ?? ""} failed in ${folder}:\n${stderr.slice(-4_000)}`, {
      cause: thrown,
    });
  }
}
