import { isObject } from "@gantry/kernel";
import type { CloudConfig } from "./cloud-config.ts";
import { renderUsers } from "./cloud-config-users.ts";
import { expand, type ExpansionBudget } from "./expand.ts";
import type { UserDataPart } from "./parts.ts";
import { quote, say, step, writeFile } from "./shell.ts";

/** What the compressed files of one user data may expand to, all together. */
const EXPANDED_BYTES_MAX = 256 * 1024;
const SCRIPTS = "/var/lib/cloud/instance/scripts";
/** Keys that act. Others are named on the console. */
const KNOWN = new Set([
  ...[
    "bootcmd",
    "chpasswd",
    "disable_root",
    "final_message",
    "fqdn",
    "groups",
    "hostname",
    "manage_etc_hosts",
  ],
  ...[
    "merge_how",
    "merge_type",
    "package_update",
    "package_upgrade",
    "packages",
    "preserve_hostname",
    "runcmd",
  ],
  ...["ssh_authorized_keys", "ssh_pwauth", "timezone", "users", "write_files"],
]);

/**
 * The steps of cloud-config and of the scripts beside it, in cloud-init's order: groups and users, files, the time
 * zone, passwords, packages, deferred files, `runcmd` and the scripts.
 * Source: cloud-init's documentation, "Boot stages" and "Module reference".
 */
export function renderCloudConfig(config: CloudConfig, scripts: readonly UserDataPart[]): readonly string[] {
  const ignored = Object.keys(config).filter((key) => !KNOWN.has(key));
  const files = listOf(config["write_files"]);
  const budget = { bytes: EXPANDED_BYTES_MAX };
  const write = (file: unknown) => renderFile(file, budget);
  const isDeferred = (file: unknown) => isObject(file) && file["defer"] === true;
  return [
    ...ignored.map((key) => say(`the key ${key} has no effect here`)),
    ...renderHosts(config),
    ...files.filter((file) => !isDeferred(file)).map(write),
    ...renderUsers(config),
    ...renderTimezone(config["timezone"]),
    ...renderPackages(config),
    ...files.filter(isDeferred).map(write),
    ...renderRunCommands(config["runcmd"]),
    ...renderScripts(scripts),
    ...renderFinalMessage(config["final_message"]),
  ];
}

/** `bootcmd`, which runs at every start. */
export function renderBootCommands(config: CloudConfig): readonly string[] {
  const commands = commandsOf(config["bootcmd"]);
  return commands === undefined ? [] : [commandStep("bootcmd", commands)];
}

/** Parts that are programs, each as a file that is run. */
export function renderScripts(scripts: readonly UserDataPart[]): readonly string[] {
  return scripts.map((part) => {
    if (part.type !== "script" && part.type !== "bootHook") return "";
    const path = `${SCRIPTS}/${part.name}`;
    const text = part.text.startsWith("#!") ? part.text : `#!/bin/sh\n${part.text}`;
    return step(`running ${part.name}`, [
      ...writeFile(path, Buffer.from(text), { mode: "700" }),
      quote(path),
    ]);
  });
}

/** The host name that cloud-config asks for: a DNS label. */
export function hostnameOf(config: CloudConfig): string | undefined {
  if (config["preserve_hostname"] === true) return undefined;
  const name = config["hostname"] ?? config["fqdn"];
  const label = typeof name === "string" ? name.split(".")[0] : undefined;
  return label !== undefined && /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)
    ? label
    : undefined;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The node gives the instance its host name; a full name is one of its own addresses. */
function renderHosts(config: CloudConfig): readonly string[] {
  const { hostname, fqdn } = config;
  const isAsked = hostname !== undefined || fqdn !== undefined;
  const name = hostnameOf(config);
  if (!isAsked || config["preserve_hostname"] === true) return [];
  if (name === undefined) return [`${say("the host name is no DNS name: it is not set")}\nfailed=1`];
  const full = typeof fqdn === "string" && /^[A-Za-z0-9.-]{1,253}$/.test(fqdn) ? `${fqdn} ` : "";
  return [step(`the host name is ${name}`, [`echo ${quote(`127.0.1.1 ${full}${name}`)} >> /etc/hosts`])];
}

function renderFile(file: unknown, budget: ExpansionBudget): string {
  const path = isObject(file) ? file["path"] : undefined;
  if (!isObject(file) || typeof path !== "string" || !path.startsWith("/"))
    return `${say("a file of write_files has no absolute path: it is not written")}\nfailed=1`;
  const name = `writing ${path}`;
  if (file["source"] !== undefined) return `${say(`${name} from a source is refused`)}\nfailed=1`;
  const data = fileData(file, budget);
  const mode = modeOf(file["permissions"]);
  if (data === undefined || mode === undefined)
    return `${say(`${name} failed: its content or its permissions cannot be read`)}\nfailed=1`;
  const owner = typeof file["owner"] === "string" ? file["owner"] : undefined;
  return step(name, writeFile(path, data, { mode, owner, isAppended: file["append"] === true }));
}

/** Source: cloud-init's documentation, "Write files". */
function fileData(
  { content = "", encoding = "" }: Readonly<Record<string, unknown>>,
  budget: ExpansionBudget,
): Buffer | undefined {
  if (content !== null && !["string", "number", "boolean"].includes(typeof content)) return undefined;
  const text = content === null ? "" : String(content);
  switch (encoding) {
    case "":
    case "text/plain":
      return Buffer.from(text);
    case "b64":
    case "base64":
      return Buffer.from(text, "base64");
    case "gz":
    case "gzip":
      return expand(Buffer.from(text, "latin1"), budget);
    case "gz+base64":
    case "gzip+base64":
    case "gz+b64":
    case "gzip+b64":
      return expand(Buffer.from(text, "base64"), budget);
    default:
      return undefined;
  }
}

/** A number is a mode already, since YAML 1.1 has octal numbers; text is octal. */
function modeOf(given: unknown = "0644"): string | undefined {
  const text = typeof given === "number" ? given.toString(8) : given;
  return typeof text === "string" && /^(?:0o?)?[0-7]{1,4}$/.test(text) ? text.replace("o", "") : undefined;
}

function renderTimezone(zone: unknown): readonly string[] {
  if (zone === undefined) return [];
  if (typeof zone !== "string" || !/^[A-Za-z0-9_+/-]{1,64}$/.test(zone))
    return [`${say("the time zone has no valid name: it is not set")}\nfailed=1`];
  const file = quote(`/usr/share/zoneinfo/${zone}`);
  return [
    step(`the time zone is ${zone}`, [
      `test -f ${file}`,
      `ln -sf ${file} /etc/localtime`,
      `echo ${quote(zone)} > /etc/timezone`,
    ]),
  ];
}

/** Packages are Debian's, from its mirrors, which the instance must be able to reach. */
function renderPackages(config: CloudConfig): readonly string[] {
  const packages = listOf(config["packages"]).flatMap((each) => {
    const [name, version] = Array.isArray(each) ? each : [each];
    if (typeof name !== "string") return [];
    return [typeof version === "string" ? `${name}=${version}` : name];
  });
  // A word that apt-get would take for an option is not passed on.
  const valid = packages.filter((each) => /^[A-Za-z0-9][A-Za-z0-9.+:=~_-]*$/.test(each));
  const isUpgrade = config["package_upgrade"] === true;
  if (valid.length === 0 && !isUpgrade && config["package_update"] !== true) return [];
  const apt =
    "apt-get -q -y -o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o APT::Update::Error-Mode=any";
  return [
    step("updating the package lists of Debian", [`${apt} update`]),
    ...(isUpgrade ? [step("upgrading the packages", [`${apt} upgrade`])] : []),
    ...(valid.length === 0
      ? []
      : [step(`installing ${valid.join(" ")}`, [`${apt} install ${valid.map(quote).join(" ")}`])]),
  ];
}

function renderRunCommands(given: unknown): readonly string[] {
  const commands = commandsOf(given);
  if (given !== undefined && commands === undefined)
    return [`${say("runcmd is no list of commands: it is not run")}\nfailed=1`];
  return commands === undefined ? [] : [commandStep("runcmd", commands)];
}

/** All commands are one script: what one of them sets, the next ones have. */
function commandStep(name: string, commands: readonly string[]): string {
  const path = `${SCRIPTS}/${name}`;
  const text = `#!/bin/sh\n${commands.join("\n")}\n`;
  return step(`running ${name}`, [...writeFile(path, Buffer.from(text), { mode: "700" }), quote(path)]);
}

/** Text is a command line of a shell; a list is a program with its arguments. Undefined: it is neither. */
function commandsOf(given: unknown): readonly string[] | undefined {
  if (!Array.isArray(given)) return undefined;
  // A mapping may have no text: its `toString` is whatever the user data says.
  const isWord = (word: unknown) => word === null || typeof word !== "object";
  const commands = given.map((each: unknown) => {
    if (typeof each === "string") return each;
    if (Array.isArray(each))
      return each.every(isWord) ? each.map((word) => quote(String(word))).join(" ") : undefined;
    return each === null ? "" : undefined;
  });
  return commands.every((each) => each !== undefined) ? commands : undefined;
}

function renderFinalMessage(message: unknown): readonly string[] {
  return typeof message === "string" ? message.split("\n").map((line) => say(line)) : [];
}
