import type { Call, Command } from "./command.ts";
import { COMMON_OPTIONS } from "./parse.ts";

/** Prints the completion script of a shell, made from the table of commands. */
export function run(call: Call): Promise<number> {
  process.stdout.write(renderCompletion(call.words[0] ?? "bash", call.commands));
  return Promise.resolve(0);
}

/** The completion script for bash, zsh or fish. */
export function renderCompletion(shell: string, commands: readonly Command[]): string {
  if (shell === "fish") return renderFish(commands);
  return shell === "zsh" ? renderZsh(commands) : renderBash(commands);
}

const optionsOf = (command: Command) =>
  command.passesAll === true ? [] : Object.entries({ ...command.options, ...COMMON_OPTIONS });

/** Source: bash(1), "Programmable Completion". */
function renderBash(commands: readonly Command[]): string {
  const names = ["help", ...commands.map((command) => command.name)].join(" ");
  const cases = commands.map((command) => {
    const words = [...(command.words?.choices ?? []), ...optionsOf(command).map(([name]) => `--${name}`)];
    return `    ${command.name}) words='${words.join(" ")}' ;;`;
  });
  const choices = commands.flatMap((command) =>
    optionsOf(command)
      .filter(([, option]) => option.choices !== undefined)
      .map(
        ([name, option]) => `    "${command.name} --${name}") words='${(option.choices ?? []).join(" ")}' ;;`,
      ),
  );
  return `# Completion of gantry for bash:  source <(gantry completion bash)
_gantry() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  case $previous in --state-dir) COMPREPLY=($(compgen -d -- "$current")); return ;; esac
  case $command in
    '') words='${names} --help --version' ;;
    help) words='${names}' ;;
${cases.join("\n")}
  esac
  case "$command $previous" in
${[...choices, "    *) ;;"].join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case $current in -*) ;; *) [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current")) ;; esac
}
complete -o filenames -F _gantry gantry ./gantry
`;
}

/** Source: zshcompsys(1), _arguments and _describe. */
function renderZsh(commands: readonly Command[]): string {
  const escape = (text: string) => text.replaceAll(/[[\]:\\]/g, "\\$&").replaceAll("'", "'\\''");
  const names = commands.map((command) => `    '${command.name}:${escape(command.summary)}'`);
  const cases = commands.map((command) => {
    const options = optionsOf(command).map(([name, option]) => {
      const value = name === "state-dir" ? "_directories" : `(${(option.choices ?? []).join(" ")})`;
      const taken = option.type === "boolean" ? "" : `:${escape(option.value ?? name)}:${value}`;
      return `'--${name}[${escape(option.help)}]${taken}'`;
    });
    const words =
      command.words === undefined
        ? []
        : [
            command.words.choices === undefined
              ? "'*::word:_files'"
              : `'1:word:(${command.words.choices.join(" ")})'`,
          ];
    return `    ${command.name}) _arguments ${[...options, ...words].join(" ")} ;;`;
  });
  return `#compdef gantry
# Completion of gantry for zsh:  source <(gantry completion zsh)
_gantry() {
  local -a commands=(
    'help:show the usage of a command'
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
    help) _describe command commands ;;
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _gantry ]; then _gantry "$@"; else compdef _gantry gantry; fi
`;
}

/** Source: fish's complete(1). */
function renderFish(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
  const lines = commands.flatMap((command) => {
    const only = `-n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
    const options = optionsOf(command).map(([name, option]) =>
      [
        `complete -c gantry ${only} -l ${name}`,
        option.short === undefined ? "" : `-s ${option.short}`,
        option.type === "string" ? "-r" : "",
        option.choices === undefined ? "" : `-f -a ${quote(option.choices.join(" "))}`,
        `-d ${quote(option.help)}`,
      ]
        .filter((part) => part !== "")
        .join(" "),
    );
    const choices = command.words?.choices;
    return [
      `complete -c gantry -f -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`,
      ...(choices === undefined ? [] : [`complete -c gantry -f ${only} -a ${quote(choices.join(" "))}`]),
      ...options,
    ];
  });
  return `# Completion of gantry for fish:  gantry completion fish | source
complete -c gantry -f -n __fish_use_subcommand -a help -d 'show the usage of a command'
${lines.join("\n")}
`;
}
