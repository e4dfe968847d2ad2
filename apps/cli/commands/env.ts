import { rootCredentials } from "../credentials.ts";
import { presentInstance } from "../platform.ts";
import type { Call } from "./command.ts";

/** Prints shell lines that point AWS's own tools at this instance. */
export function run({ folder }: Call): Promise<number> {
  const settings = presentInstance(folder);
  const { accessKeyId, secretAccessKey } = rootCredentials(settings);
  const lines = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${settings.port}`,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: process.env["AWS_REGION"] ?? "us-east-1",
    AWS_DEFAULT_REGION: process.env["AWS_REGION"] ?? "us-east-1",
    AWS_PAGER: "",
  };
  for (const [name, text] of Object.entries(lines)) process.stdout.write(`export ${name}='${text}'\n`);
  process.stdout.write("unset AWS_SESSION_TOKEN AWS_PROFILE\n");
  return Promise.resolve(0);
}
