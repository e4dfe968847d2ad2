import { readInstance } from "@gantry/control-plane";
import { programName, PROJECT } from "../project.ts";
import type { Call } from "./command.ts";

/**
 * Prints a systemd unit that starts the instance at boot, and how to install it. It changes nothing itself.
 */
export function run({ folder }: Call): Promise<number> {
  const settings = readInstance(folder);
  const name =
    settings === undefined || settings.instance === "default" ? "gantry" : `gantry-${settings.instance}`;
  process.stdout.write(renderUnit({ name, folder, project: PROJECT }));
  return Promise.resolve(0);
}

/**
 * Renders the unit. Its type is oneshot, and it remains active until it is stopped, so that stopping it takes
 * the platform down. The program is sh, which runs the script, because systemd escapes special characters in
 * the path of a program differently from those in its arguments.
 * Source: systemd.service(5).
 */
export function renderUnit(options: { name: string; folder: string; project: string }): string {
  const { name, folder, project } = options;
  const command = (verb: string): string =>
    `/bin/sh ${quoteArgument(`${project}/gantry`)} ${verb} --state-dir ${quoteArgument(folder)}`;
  return `# ${name}.service: starts Gantry at boot, and stops it at shutdown with its data kept.
# Install it:  ${programName()} install | sudo tee /etc/systemd/system/${name}.service && sudo systemctl enable --now ${name}
[Unit]
Description=Gantry, a managed container platform (${escapeText(folder)})
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart=${command("up")}
ExecStop=${command("down")}
TimeoutStartSec=600
TimeoutStopSec=180

[Install]
WantedBy=multi-user.target
`;
}

/**
 * Quotes a word of a command line with C escapes, and escapes specifiers (%) and variables ($).
 * Source: systemd.syntax(7), "Quoting"; systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers".
 */
export function quoteArgument(text: string): string {
  const escaped = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (character === '"' || character === "\\") return `\\${character}`;
    return character === "%" || character === "$" ? character.repeat(2) : character;
  });
  return `"${escaped.join("")}"`;
}

/** Escapes text for one line: control characters are replaced and specifiers are escaped. */
function escapeText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced.
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, "?").replaceAll("%", "%%");
}
