import type { DeploymentReport, DeploymentRow, InstanceSettings } from "@gantry/control-plane";
import { presentInstance } from "../platform.ts";
import { askControlPlane, fetchPlatformStatus, followControlPlane } from "../platform-status.ts";
import {
  paintOf,
  renderDeployment,
  renderDeploymentPage,
  renderDeployments,
  renderNews,
  type PageSize,
} from "../render-deployment.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

const PATH = "/gantry/deployments";
const HOME_AND_CLEAR = "\u001B[H\u001B[J";

/**
 * Lists the deployments, or shows one; with --follow until it has ended. Exit status 1 where it ended without
 * success.
 */
export async function run({ folder, words, flag }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const [what, id] = words;
  if (what === undefined) {
    const rows = (await askControlPlane(settings, PATH)) as DeploymentRow[]; // Our own control plane's answer.
    const { clock } = await fetchPlatformStatus(settings);
    process.stdout.write(flag("json") ? `${JSON.stringify(rows)}\n` : renderDeployments(rows, clock.now));
    return 0;
  }
  if (what !== "show" || id === undefined)
    throw new UserError('Name a deployment or a service: "gantry deployments show fileshare --follow".');
  const path = `${PATH}?id=${encodeURIComponent(id)}`;
  if (flag("follow")) return follow(settings, `${path}&follow`, flag("json"));
  const report = (await askControlPlane(settings, path)) as DeploymentReport; // As above.
  process.stdout.write(
    flag("json") ? `${JSON.stringify(report)}\n` : renderDeployment(report, paintOf(isColoured())),
  );
  return 0;
}

/** The size of the terminal. Some report zero rows until they are resized. */
function pageSize(): PageSize {
  return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 };
}

/** In a terminal the page is redrawn with each change; elsewhere new lines are appended. */
async function follow(settings: InstanceSettings, path: string, isJson: boolean): Promise<number> {
  const paint = paintOf(isColoured());
  let known: DeploymentReport | undefined;
  for await (const value of followControlPlane(settings, path)) {
    const report = value as DeploymentReport; // As above.
    if (isJson) process.stdout.write(`${JSON.stringify(report)}\n`);
    else if (process.stdout.isTTY)
      process.stdout.write(HOME_AND_CLEAR + renderDeploymentPage(report, paint, pageSize()));
    else process.stdout.write(renderNews(report, known, paint));
    known = report;
  }
  if (known?.finishedAt === undefined)
    throw new UserError('The control plane closed the connection: see "gantry status".');
  return known.hasSucceeded ? 0 : 1;
}

function isColoured(): boolean {
  return process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
}
