import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "./run.ts";

/** The content of a profile of the AWS CLI and SDKs. */
export interface AwsProfile {
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly endpointUrl: string;
  /** The file of the authority that the endpoint's certificate is signed by; undefined for plain HTTP. */
  readonly caBundle?: string | undefined;
}

/**
 * The two files of the AWS CLI and SDKs.
 * Source: AWS SDKs and Tools Reference Guide, "Location of the shared files".
 */
export function awsFiles(): { config: string; credentials: string } {
  return {
    config: process.env["AWS_CONFIG_FILE"] ?? join(homedir(), ".aws/config"),
    credentials: process.env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(homedir(), ".aws/credentials"),
  };
}

/**
 * Writes or replaces a profile in the AWS files. Errors: UserError where a profile that Gantry did not write
 * has that name.
 */
export function writeProfile(profile: AwsProfile): void {
  const { config, credentials } = awsFiles();
  checkName(profile.name);
  const section = profile.name === "default" ? "[default]" : `[profile ${profile.name}]`;
  const bundle = profile.caBundle === undefined ? [] : [`ca_bundle = ${profile.caBundle}`];
  const changes = [
    [config, [section, `region = ${profile.region}`, `endpoint_url = ${profile.endpointUrl}`, ...bundle]],
    [
      credentials,
      [
        `[${profile.name}]`,
        `aws_access_key_id = ${profile.accessKeyId}`,
        `aws_secret_access_key = ${profile.secretAccessKey}`,
      ],
    ],
  ] as const;
  // Both files are checked before either is written.
  const texts = changes.map(([path, lines]) => withProfile(readText(path), profile.name, lines));
  for (const [index, [path]] of changes.entries()) replaceText(path, texts[index] ?? "");
}

/** Removes a profile that `writeProfile` wrote; returns whether it existed. */
export function removeProfile(name: string): boolean {
  checkName(name);
  let removed = false;
  for (const path of Object.values(awsFiles())) {
    const before = readText(path);
    const after = withoutProfile(before, name);
    if (after === before) continue;
    removed = true;
    if (after.trim() === "") rmSync(path);
    else replaceText(path, after);
  }
  return removed;
}

function checkName(name: string): void {
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new UserError(`--profile takes letters, digits, ".", "_" and "-", not "${name}".`);
}

const beginOf = (name: string): string => `# Written by gantry env --profile ${name}; --undo removes it.`;
const endOf = (name: string): string => `# End of what gantry wrote for ${name}.`;

/**
 * Returns the text with the section at its end. Errors: UserError where the text has such a section that
 * Gantry did not write.
 */
export function withProfile(text: string, name: string, lines: readonly string[]): string {
  const others = withoutProfile(text, name);
  if (others.split("\n").some((line) => line.trim() === lines[0]))
    throw new UserError(
      `There is a profile "${name}" that is not Gantry's: choose another name with --profile.`,
    );
  const gap = others === "" || others.endsWith("\n") ? "" : "\n";
  return `${others}${gap}${[beginOf(name), ...lines, endOf(name)].join("\n")}\n`;
}

/** Returns the text without the section that Gantry wrote. */
export function withoutProfile(text: string, name: string): string {
  const lines = text.split("\n");
  const [begin, end] = [lines.indexOf(beginOf(name)), lines.indexOf(endOf(name))];
  return begin < 0 || end < begin ? text : lines.toSpliced(begin, end - begin + 1).join("\n");
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Replaces a file atomically, following a symbolic link, and keeps its mode. */
function replaceText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target =
    lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? realpathSync(path) : path;
  const mode = statSync(target, { throwIfNoEntry: false })?.mode ?? 0o600;
  const part = `${target}.gantry-${process.pid}`;
  writeFileSync(part, text, { mode: mode & 0o777, flag: "wx" });
  renameSync(part, target);
}
