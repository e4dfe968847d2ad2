import { bringUp, ensureDatabaseImage } from "../platform.ts";
import { programName, type PlatformDeps } from "../project.ts";
import { statusOf } from "../commands/status.ts";
import type { InstanceSettings } from "@gantry/control-plane";
import { UserError } from "../run.ts";
import { openClients, type Clients } from "./clients.ts";
import { ensureNetwork, hasNetwork } from "./network.ts";
import { ensureResources } from "./resources.ts";
import { applyTerraformDemo, hasTerraformDemo, type TerraformDemo } from "./terraform-demo.ts";
import { ensureService, ensureWebsiteImage, waitUntilSteady } from "./website.ts";

const REGION = "eu-south-1";

/** Sets up all prerequisites and runs the talk's website. Running it again changes nothing and reports so. */
export async function runDemo(
  deps: PlatformDeps,
  folder: string,
  options: { port: number | undefined; json: boolean; terraform: boolean },
): Promise<void> {
  const settings = await bringUp(deps, folder, options.port);
  await ensureDatabaseImage(deps, settings);
  const clients = openClients(settings, REGION);
  const isByTerraform = options.terraform || hasTerraformDemo(settings);
  if (isByTerraform && !hasTerraformDemo(settings) && (await hasNetwork(clients)))
    throw new UserError(
      'The demo is there already, made without Terraform: run "gantry down --purge" first.',
    );
  const made = isByTerraform
    ? await applyTerraformDemo(deps, settings, () => ensureWebsiteImage(deps, settings, clients))
    : undefined;
  const changed = made !== undefined || (await createByApi(deps, settings, clients));
  await deps.progress.step("Waiting until the website is in a steady state", () =>
    waitUntilSteady(deps, clients),
  );
  const status = await statusOf(settings, deps.clock.now());
  const listener = status.loadBalancers
    .find((balancer) => balancer.dnsName.startsWith("fileshare-"))
    ?.listeners.find((each) => each.url.startsWith("http:"));
  const url = listener?.url ?? "";
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ url, console: status.console, endpoint: status.endpoint, changed })}\n`,
    );
    return;
  }
  const moved =
    listener !== undefined && listener.port !== Number(new URL(url).port || 80)
      ? ` (port ${listener.port} of this host is taken)`
      : "";
  process.stdout.write(`
${changed ? "The website is live." : "Everything exists already: nothing was changed."}

  Website   ${url}${moved}
  Console   ${status.console}
  AWS CLI   eval "$(${programName()} env)"; export AWS_REGION=${REGION} AWS_DEFAULT_REGION=${REGION}

${made === undefined ? "" : renderTerraform(made)}Try next:
  aws ecs describe-services --cluster fileshare --services fileshare --query 'services[0].events[:5].message'
  aws logs tail /ecs/fileshare-app --since 5m
  docker kill $(docker ps -qf label=gantry.role=task | head -1)    # and watch the service replace it
  ${programName()} down          # stops everything and keeps the data; "up" starts it again
`);
}

/** Creates what is missing through the AWS API; returns whether the service changed. */
async function createByApi(
  deps: PlatformDeps,
  settings: InstanceSettings,
  clients: Clients,
): Promise<boolean> {
  const image = await ensureWebsiteImage(deps, settings, clients);
  return deps.progress.step("Creating the infrastructure through the AWS API", async () => {
    const network = await ensureNetwork(clients, REGION);
    const resources = await ensureResources(clients, network, settings.account);
    return ensureService(clients, { image, region: REGION, network, resources });
  });
}

function renderTerraform({ folder, bastion, key }: TerraformDemo): string {
  return `  Terraform ${folder}
  Bastion   ssh -i ${key} ec2-user@${bastion}

`;
}
