import { messageOf } from "@gantry/kernel";
import { mergeCloudConfig, parseCloudConfig, type CloudConfig } from "./cloud-config.ts";
import { hostnameOf, renderBootCommands, renderCloudConfig, renderScripts } from "./cloud-config-program.ts";
import { userDataParts, type UserDataPart } from "./parts.ts";
import { say } from "./shell.ts";

/** What an instance does with its user data. */
export interface UserDataPrograms {
  /** A program that runs once, at the first start. */
  readonly once: string;
  /** A program that runs at every start, before logins are accepted; empty: none. */
  readonly everyStart: string;
  /** The host name that cloud-config asks for. */
  readonly hostname: string | undefined;
}

/** Parts beyond this are left out: a node's assignments are read again with every change. */
const CACHED_CHARACTERS_MAX = 8 * 1024 * 1024;
/** Values of cloud-config can be repeated by aliases. The programs are part of the instance's assignment. */
const PROGRAMS_CHARACTERS_MAX = 1024 * 1024;
const cache = new Map<string, UserDataPrograms>();
let cachedCharacters = 0;

/**
 * The programs that user data (base64) stands for: a script as it is; cloud-config, boot hooks, and MIME messages and
 * gzip data of these as shell programs. What is not run is named on the console.
 * Source: EC2 User Guide, "Run commands when you launch an EC2 instance with user data input"; cloud-init's
 * documentation, "User data formats".
 */
export function userDataPrograms(userData: string): UserDataPrograms {
  const known = cache.get(userData);
  if (known !== undefined) return known;
  const programs = renderPrograms(userDataParts(Buffer.from(userData, "base64")));
  cachedCharacters += userData.length + programs.once.length + programs.everyStart.length;
  if (cachedCharacters > CACHED_CHARACTERS_MAX) {
    cache.clear();
    cachedCharacters = 0;
  }
  cache.set(userData, programs);
  return programs;
}

function renderPrograms(parts: readonly UserDataPart[]): UserDataPrograms {
  const [first] = parts;
  if (parts.length === 1 && first?.type === "script")
    return { once: first.text, everyStart: "", hostname: undefined };
  const { config, problems } = configOf(parts);
  const refusals = parts.flatMap((part) => (part.type === "refused" ? [part.reason] : []));
  const hooks = parts.filter((part) => part.type === "bootHook");
  const scripts = parts.filter((part) => part.type === "script");
  const bootCommands = [...hooks.flatMap((hook) => renderScripts([hook])), ...renderBootCommands(config)];
  const once = program([
    ...[...refusals, ...problems].map((reason) => `${say(reason)}\nfailed=1`),
    ...renderCloudConfig(config, scripts),
  ]);
  const everyStart = bootCommands.length === 0 ? "" : program(bootCommands);
  if (once.length + everyStart.length > PROGRAMS_CHARACTERS_MAX) {
    const reason = `The user data makes programs of more than ${PROGRAMS_CHARACTERS_MAX} characters: it is not run`;
    return { once: program([`${say(reason)}\nfailed=1`]), everyStart: "", hostname: undefined };
  }
  return { once, everyStart, hostname: hostnameOf(config) };
}

function configOf(parts: readonly UserDataPart[]): {
  readonly config: CloudConfig;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  let config: CloudConfig = {};
  for (const part of parts) {
    if (part.type !== "cloudConfig") continue;
    try {
      config = mergeCloudConfig(config, parseCloudConfig(part.text));
    } catch (thrown) {
      // Also a stack that deep nesting has filled: the instance starts without it, and no other instance is concerned.
      problems.push(`${part.name} is no valid cloud-config: ${messageOf(thrown)}`);
    }
  }
  return { config, problems };
}

function program(steps: readonly string[]): string {
  return [
    "#!/bin/bash",
    "failed=0",
    'ended() { if [ "$1" != 0 ]; then echo "cloud-init: $2 failed with the exit code $1"; failed=1; fi; }',
    ...steps,
    'exit "$failed"',
    "",
  ].join("\n");
}
