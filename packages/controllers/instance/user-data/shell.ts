/** A word of a shell, whatever it contains. */
export function quote(text: string): string {
  return `'${text.replaceAll("\0", "").replaceAll("'", `'\\''`)}'`;
}

/** Text as one line of the console: control characters would make lines and colours of their own. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- They are what is removed.
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F]+/g, " ").slice(0, 200);
}

/** Shell commands that write a line to the console. */
export function say(text: string): string {
  return `echo ${quote(`cloud-init: ${plain(text)}`)}`;
}

/**
 * Commands that run in a shell of their own and end at the first that fails: it is named on the console, and the rest
 * of the user data runs nevertheless, as cloud-init does.
 */
export function step(name: string, commands: readonly string[]): string {
  return [say(name), "(", "set -e", ...commands, ")", `ended $? ${quote(plain(name))}`].join("\n");
}

/** Commands that write bytes to a file. `mode` is octal. */
export function writeFile(
  path: string,
  data: Buffer,
  options: { readonly mode: string; readonly owner?: string | undefined; readonly isAppended?: boolean },
): readonly string[] {
  const lines = data.toString("base64").replaceAll(/.{1,76}/g, "$&\n");
  return [
    `mkdir -p -- "$(dirname -- ${quote(path)})"`,
    `base64 -d ${options.isAppended === true ? ">>" : ">"} ${quote(path)} <<'END-OF-FILE'\n${lines}END-OF-FILE`,
    `chmod ${options.mode} -- ${quote(path)}`,
    ...(options.owner === undefined ? [] : [`chown -- ${quote(options.owner)} ${quote(path)}`]),
  ];
}
