import { join } from "node:path";
import { removeProfile, writeProfile } from "../aws-profile.ts";
import { rootCredentials } from "../credentials.ts";
import { presentInstance } from "../platform.ts";
import { UserError } from "../run.ts";
import type { Call } from "./command.ts";

const UNSET = ["AWS_SESSION_TOKEN", "AWS_PROFILE"];

/** Prints how to point the AWS tools at this instance, or writes a profile for them. */
export function run({ folder, words, flag, value }: Call): Promise<number> {
  const environment = () => environmentOf(folder, process.env, { tls: flag("tls") ? "always" : "never" });
  const [format] = words;
  const profile = value("profile");
  if (flag("undo") && profile === undefined) throw new UserError("--undo needs --profile NAME.");
  if (format !== undefined && profile !== undefined)
    throw new UserError("Give a format or --profile NAME, not both.");
  if (profile === undefined) process.stdout.write(renderEnvironment(format ?? "bash", environment()));
  else if (flag("undo"))
    process.stdout.write(
      removeProfile(profile)
        ? `The profile ${profile} is removed.\n`
        : `There is no profile ${profile} that Gantry wrote: nothing was changed.\n`,
    );
  else {
    const values = environment();
    writeProfile({
      name: profile,
      accessKeyId: values.AWS_ACCESS_KEY_ID,
      secretAccessKey: values.AWS_SECRET_ACCESS_KEY,
      region: values.AWS_REGION,
      endpointUrl: values.AWS_ENDPOINT_URL,
      caBundle: values.AWS_CA_BUNDLE,
    });
    process.stdout.write(
      `The profile ${profile} is written: aws --profile ${profile} ecs list-clusters. "gantry env ` +
        `--profile ${profile} --undo" removes it.\n`,
    );
  }
  return Promise.resolve(0);
}

/**
 * The variables that point AWS clients at the instance, with the authority where the endpoint is https.
 * Errors: UserError where there is no instance, or the region in `given` has a wrong form.
 */
export function environmentOf(
  folder: string,
  given: NodeJS.ProcessEnv,
  { tls }: { tls: "always" | "never" | "where-required" },
) {
  const settings = presentInstance(folder);
  const { accessKeyId, secretAccessKey } = rootCredentials(settings);
  const region = given["AWS_REGION"] ?? "us-east-1";
  if (!/^[a-z0-9-]+$/.test(region))
    throw new UserError(
      `$AWS_REGION is "${region}", which is not a region: set it to one such as eu-south-1.`,
    );
  const isTls = tls === "always" || (tls === "where-required" && settings.plainHttp === "insecure");
  const authority = join(folder, "ca.pem");
  return {
    AWS_ENDPOINT_URL: `${isTls ? "https" : "http"}://127.0.0.1:${settings.port}`,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_PAGER: "",
    // An address takes no prefix: DiscoverInstances goes to `data-HOST` otherwise.
    AWS_DISABLE_HOST_PREFIX_INJECTION: "true",
    ...(isTls ? { AWS_CA_BUNDLE: authority, NODE_EXTRA_CA_CERTS: authority } : {}),
  };
}

/** The environment without variables that would point a client at another endpoint, or give it other credentials. */
export function withoutOtherEndpoints(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(given).filter(
      ([name]) =>
        !name.startsWith("AWS_ENDPOINT_URL") &&
        name !== "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" &&
        !UNSET.includes(name),
    ),
  );
}

/** Renders the environment in the syntax of a shell or of a file format. */
export function renderEnvironment(format: string, environment: Readonly<Record<string, string>>): string {
  const entries = Object.entries(environment);
  const lines = (each: (name: string, text: string) => string): readonly string[] =>
    entries.map(([name, text]) => each(name, text));
  switch (format) {
    case "json":
      return `${JSON.stringify(environment, null, 2)}\n`;
    case "dotenv":
      return joined(lines((name, text) => `${name}='${text}'`));
    case "fish":
      return joined([
        ...lines((name, text) => `set -gx ${name} '${text.replaceAll(/['\\]/g, "\\$&")}'`),
        ...UNSET.map((name) => `set -e ${name}`),
      ]);
    case "powershell":
      return joined([
        ...lines((name, text) => `$env:${name} = '${text.replaceAll("'", "''")}'`),
        ...UNSET.map((name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`),
      ]);
    default:
      return joined([
        ...lines((name, text) => `export ${name}='${text.replaceAll("'", "'\\''")}'`),
        `unset ${UNSET.join(" ")}`,
      ]);
  }
}

function joined(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
