import type { ContainerAssignment } from "@gantry/agent-protocol";
import { describe, expect, it } from "vitest";
import { startProblem, wrapCommands } from "./wrap-commands.ts";

const PREFIX = ["/p", "/v"];
const IMAGE = { entryPoint: ["/entry", "-x"], command: ["serve", "--all"] };
type Given = Partial<Pick<ContainerAssignment, "entryPoint" | "command">>;

/** The whole command line behind the prefix. */
function lineOf(given: Given, image: typeof IMAGE = IMAGE): readonly string[] {
  const container = { entryPoint: undefined, command: undefined, healthCheck: undefined, ...given };
  const { entryPoint = [], command = [] } = wrapCommands(container, image, PREFIX);
  expect(entryPoint.slice(0, 2)).toEqual(PREFIX);
  return [...entryPoint.slice(2), ...command];
}

// What the engine executes for the same settings was read from it: see test/docker/secret-environment.test.ts.
describe("the command of a container with secrets", () => {
  it.each<[Given, readonly string[]]>([
    [{}, ["/entry", "-x", "serve", "--all"]],
    [{ command: ["own"] }, ["/entry", "-x", "own"]],
    [{ command: [] }, ["/entry", "-x", "serve", "--all"]],
    [{ entryPoint: ["/own"] }, ["/own"]],
    [{ entryPoint: ["/own"], command: ["a", ""] }, ["/own", "a", ""]],
    [{ entryPoint: [], command: ["own"] }, ["own"]],
    [{ entryPoint: [] }, ["serve", "--all"]],
    [{ entryPoint: [""], command: ["own"] }, ["own"]],
  ])("is for %j what the engine would execute", (given, expected) => {
    expect(lineOf(given)).toEqual(expected);
  });

  it("is refused where there is none, as the engine refuses it", () => {
    const none = { entryPoint: [], command: [] };
    expect(() => lineOf({}, none)).toThrow("No command specified");
    expect(() => lineOf({ entryPoint: [""] })).toThrow("No command specified");
  });
});

describe("the health check of a container with secrets", () => {
  it.each([
    [
      ["CMD", "curl", "-f", "x"],
      ["CMD", "/p", "/v", "curl", "-f", "x"],
    ],
    [
      ["CMD-SHELL", "curl x || exit 1"],
      ["CMD", "/p", "/v", "/bin/sh", "-c", "curl x || exit 1"],
    ],
    [["NONE"], ["NONE"]],
  ])("%j becomes %j", (command, expected) => {
    const times = { intervalSeconds: 5, timeoutSeconds: 2, retries: 1, startPeriodSeconds: 0 };
    const container = { entryPoint: undefined, command: undefined, healthCheck: { command, ...times } };
    expect(wrapCommands(container, IMAGE, PREFIX).healthCheck).toEqual({ command: expected, ...times });
  });
});

it("recognizes a program that was not executed by the sentence that is the whole line", () => {
  const sentence = 'exec: "nosuch": executable file not found in $PATH';
  expect(startProblem(`gantry: ${sentence}`)).toBe(sentence);
  for (const line of [undefined, "", sentence, `x gantry: ${sentence}`, "gantry: other"])
    expect(startProblem(line)).toBeUndefined();
});
