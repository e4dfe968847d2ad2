import { isObject } from "@gantry/kernel";
import type { CloudConfig } from "./cloud-config.ts";
import { quote, say, step } from "./shell.ts";

/** The users that images of Amazon Linux, Debian and Ubuntu have: each of them is here the default user. */
const DEFAULT_USERS = ["ec2-user", "admin", "ubuntu"];
/** With a method of its own, it does not ask PAM, which knows no passwords here. */
const CHPASSWD = "chpasswd -c SHA512";
const NAME = /^[a-z_][a-z0-9_.-]{0,31}$/i;
const GROUP_OF = (name: string) => `grep -q ${quote(`^${name.replaceAll(".", "\\.")}:`)} /etc/group`;

/**
 * Groups, users with their keys and passwords, and whether logins may use passwords.
 * Source: cloud-init's documentation, "Users and groups", "SSH" and "Set passwords".
 */
export function renderUsers(config: CloudConfig): readonly string[] {
  const users = config["users"] === undefined ? ["default"] : asList(config["users"]);
  const isDefault = (user: unknown) => user === "default" || (isObject(user) && user["name"] === "default");
  const keys = textsOf(config["ssh_authorized_keys"]);
  return [
    ...asList(config["groups"]).flatMap(renderGroup),
    // Without the default user, the key pair's key opens no account.
    ...(users.some(isDefault)
      ? keys.length === 0
        ? []
        : [
            step(
              "adding the keys of ssh_authorized_keys",
              DEFAULT_USERS.flatMap((name) => addKeys(name, keys)),
            ),
          ]
      : [
          step(
            "leaving out the default user",
            DEFAULT_USERS.map((name) => `rm -f /home/${name}/.ssh/authorized_keys`),
          ),
        ]),
    ...users.filter((user) => !isDefault(user)).map(renderUser),
    ...renderPasswords(config["chpasswd"]),
    ...renderPasswordLogins(config["ssh_pwauth"]),
  ];
}

function renderGroup(group: unknown): readonly string[] {
  const entries = isObject(group) ? Object.entries(group) : [[group, []] as const];
  return entries.map(([name, members]) => {
    if (typeof name !== "string" || !NAME.test(name)) return wrong("a group has no valid name");
    const added = textsOf(members).filter((member) => NAME.test(member));
    return step(`the group ${name}`, [
      `${GROUP_OF(name)} || groupadd ${quote(name)}`,
      ...added.map((member) => `usermod -a -G ${quote(name)} ${quote(member)}`),
    ]);
  });
}

function renderUser(given: unknown): string {
  const user = isObject(given) ? given : { name: given };
  const name = user["name"];
  if (typeof name !== "string" || !NAME.test(name)) return wrong("a user has no valid name");
  const groups = [...textsOf(user["groups"]), ...textsOf(user["primary_group"])];
  if (!groups.every((group) => NAME.test(group)))
    return wrong(`a group of the user ${name} has no valid name`);
  const keys = textsOf(user["ssh_authorized_keys"] ?? user["ssh-authorized-keys"]);
  const sudo = user["sudo"] === null ? [] : textsOf(user["sudo"], /\n/);
  return step(`the user ${name}`, [
    ...groups.map((group) => `${GROUP_OF(group)} || groupadd ${quote(group)}`),
    `if ! grep -q ${quote(`^${name.replaceAll(".", "\\.")}:`)} /etc/passwd; then useradd ${optionsOf(user, name)}; fi`,
    // A password that nothing matches: sshd refuses accounts that are locked, also with a key.
    `usermod -p ${quote(passwordOf(user))} ${quote(name)}`,
    ...(user["lock_passwd"] === false && typeof user["plain_text_passwd"] === "string"
      ? [`echo ${quote(`${name}:${user["plain_text_passwd"]}`)} | ${CHPASSWD}`]
      : []),
    ...(sudo.length === 0 ? [] : sudoers(name, sudo)),
    ...(keys.length === 0 ? [] : addKeys(name, keys)),
  ]);
}

function optionsOf(user: Readonly<Record<string, unknown>>, name: string): string {
  const textOf = (key: string) => (typeof user[key] === "string" ? user[key] : undefined);
  const uid = ["string", "number"].includes(typeof user["uid"]) ? Number(user["uid"]) : Number.NaN;
  const group = textOf("primary_group");
  const groups = textsOf(user["groups"]);
  const isSystem = user["system"] === true;
  return [
    isSystem || user["no_create_home"] === true ? "-M" : "-m",
    ...(isSystem ? ["-r"] : []),
    `-s ${quote(textOf("shell") ?? "/bin/bash")}`,
    ...(textOf("gecos") === undefined ? [] : [`-c ${quote(textOf("gecos") ?? "")}`]),
    ...(textOf("homedir") === undefined ? [] : [`-d ${quote(textOf("homedir") ?? "")}`]),
    ...(textOf("expiredate") === undefined ? [] : [`-e ${quote(textOf("expiredate") ?? "")}`]),
    ...(Number.isSafeInteger(uid) ? [`-u ${uid}`] : []),
    ...(group === undefined ? [] : [`-g ${quote(group)}`]),
    ...(groups.length === 0 ? [] : [`-G ${quote(groups.join(","))}`]),
    quote(name),
  ].join(" ");
}

function passwordOf(user: Readonly<Record<string, unknown>>): string {
  const hash = user["hashed_passwd"] ?? user["passwd"];
  return user["lock_passwd"] === false && typeof hash === "string" ? hash : "*";
}

function sudoers(name: string, rules: readonly string[]): readonly string[] {
  const file = "/etc/sudoers.d/90-cloud-init-users";
  return [...rules.map((rule) => `echo ${quote(`${name} ${rule}`)} >> ${file}`), `chmod 440 ${file}`];
}

/** The home of a user is where its account says. */
function addKeys(name: string, keys: readonly string[]): readonly string[] {
  return [
    `home=$(awk -F: -v u=${quote(name)} '$1 == u { print $6 }' /etc/passwd)`,
    `install -d -m 700 -o ${quote(name)} -g "$(id -g ${quote(name)})" "$home/.ssh"`,
    ...keys.map((key) => `echo ${quote(key.replaceAll("\n", " "))} >> "$home/.ssh/authorized_keys"`),
    `chmod 600 "$home/.ssh/authorized_keys"`,
    `chown ${quote(name)}: "$home/.ssh/authorized_keys"`,
  ];
}

function renderPasswords(given: unknown): readonly string[] {
  if (!isObject(given)) return [];
  const listed = textsOf(given["list"], /\n/);
  const named = asList(given["users"]).flatMap((user) => {
    if (!isObject(user) || typeof user["name"] !== "string" || typeof user["password"] !== "string")
      return [];
    return [`${user["name"]}:${user["password"]}`];
  });
  const lines = [...listed, ...named].filter((line) => !line.includes("\n"));
  if (lines.length === 0) return [];
  const isHash = (line: string) => /^[^:]+:\$(?:1|2[aby]|5|6|y)\$/.test(line);
  return [
    step(
      "setting passwords",
      lines.map((line) => `echo ${quote(line)} | ${isHash(line) ? "chpasswd -e" : CHPASSWD}`),
    ),
  ];
}

function renderPasswordLogins(given: unknown): readonly string[] {
  const isOn = given === true || given === "yes" || given === "true";
  if (!isOn) return [];
  return [
    step("logins with passwords are accepted", [
      "sed -i 's/^PasswordAuthentication .*/PasswordAuthentication yes/' /etc/ssh/sshd_config",
      'if [ -s /run/sshd.pid ]; then kill -HUP "$(cat /run/sshd.pid)"; fi',
    ]),
  ];
}

function wrong(text: string): string {
  return `${say(`${text}: it is left out`)}\nfailed=1`;
}

function asList(value: unknown): readonly unknown[] {
  if (typeof value === "string") return value.split(",").map((each) => each.trim());
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

/** Texts of a list, or of one text that is split. */
function textsOf(value: unknown, separator: RegExp = /,/): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value)
    ? value
    : typeof value === "string"
      ? value.split(separator)
      : [];
  return all.flatMap((each) => (typeof each === "string" && each.trim() !== "" ? [each.trim()] : []));
}
