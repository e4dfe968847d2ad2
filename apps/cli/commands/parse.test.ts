import { describe, expect, it } from "vitest";
import { renderCompletion } from "./completion.ts";
import { renderHelp, renderOverview } from "./help.ts";
import { parseCommandLine } from "./parse.ts";
import { availableCommands } from "./table.ts";

const COMMANDS = availableCommands();
const parse = (...parameters: readonly string[]) => {
  const line = parseCommandLine(parameters, COMMANDS);
  return line.type === "command"
    ? { name: line.command.name, words: line.words, values: Object.fromEntries(line.values) }
    : line;
};

describe("the command line", () => {
  it("parses options before and after the command, joined or apart", () => {
    expect(parse("--state-dir", "/a", "up", "--port=5000")).toEqual({
      name: "up",
      words: [],
      values: { "state-dir": "/a", port: "5000" },
    });
    expect(parse("logs", "agent", "-f", "--lines", "5")).toEqual({
      name: "logs",
      words: ["agent"],
      values: { follow: "", lines: "5" },
    });
  });

  it.each([
    [["up", "--lines", "5"], '"gantry up" has no option --lines: it has --port, --allow-host-access'],
    [["up", "-x"], '"gantry up" has no option -x'],
    [["up", "--constructor"], '"gantry up" has no option --constructor'],
    [["status", "extra"], '"gantry status" takes no arguments, but "extra" was given.'],
    [["backup"], '"gantry backup" needs an argument: gantry backup FILE.'],
    [["backup", "a", "b"], '"gantry backup" takes one argument: gantry backup FILE.'],
    [["completion", "csh"], '"gantry completion" takes bash, zsh or fish, not "csh".'],
    [["up", "--port"], "--port needs a value: --port N."],
    [["up", "--port", "--allow-host-access"], "--port needs a value: --port N."],
    [["down", "--purge=no"], "--purge takes no value."],
    [["nothing"], 'There is no command "nothing": see "gantry help".'],
    [["help", "nothing"], 'There is no command "nothing": see "gantry help".'],
    [["--purge"], '"gantry" has no option --purge'],
  ])("refuses %j in one sentence", (parameters, sentence) => {
    expect(() => parse(...parameters)).toThrow(sentence);
  });

  it("shows the help by option and by command, and the version", () => {
    expect(parse()).toEqual({ type: "help", command: undefined });
    expect(parse("-h")).toEqual({ type: "help", command: undefined });
    expect(parse("--version")).toEqual({ type: "version" });
    expect(parse("help", "up")).toMatchObject({ type: "help", command: { name: "up" } });
    expect(parse("up", "--help")).toMatchObject({ type: "help", command: { name: "up" } });
  });

  it("keeps every line of the help within 100 columns", () => {
    const helps = [renderOverview(COMMANDS), ...COMMANDS.map(renderHelp)];
    const lines = helps.flatMap((help) => help.split("\n"));
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  it("names every command in the overview, and every option in the command's help", () => {
    const overview = renderOverview(COMMANDS);
    for (const command of COMMANDS) {
      expect(overview).toContain(`gantry ${command.name}`);
      for (const name of ["state-dir", ...Object.keys(command.options ?? {})])
        expect(renderHelp(command)).toContain(`--${name}`);
    }
  });

  it.each(["bash", "zsh", "fish"])("completes every command and option in %s", (shell) => {
    const script = renderCompletion(shell, COMMANDS);
    for (const command of COMMANDS) {
      expect(script).toContain(command.name);
      for (const name of Object.keys(command.options ?? {})) expect(script).toContain(name);
    }
  });
});

it("passes every argument and option after the name of a tool to it", () => {
  const line = parseCommandLine(
    ["--state-dir", "/a", "terraform", "plan", "-out=x", "--help", "--", "-var", "state-dir=b"],
    COMMANDS,
  );
  expect(line).toMatchObject({
    type: "command",
    command: { name: "terraform" },
    words: [],
    rest: ["plan", "-out=x", "--help", "--", "-var", "state-dir=b"],
  });
  expect(line.type === "command" && Object.fromEntries(line.values)).toEqual({ "state-dir": "/a" });
});
