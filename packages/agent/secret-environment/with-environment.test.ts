import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROGRAMS, type Architecture } from "./programs.ts";

const SOURCE = join(import.meta.dirname, "with-environment.c");
const FLAGS = [
  ..."-nostdlib -static -Os -ffreestanding -fno-pie -no-pie -fno-stack-protector".split(" "),
  ..."-fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables -fno-unwind-tables".split(" "),
  ..."-Wall -Wextra -Werror -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-s".split(" "),
];
/** The compiler of each architecture, and how this machine runs the result: by itself, or by QEMU's user emulation. */
const TOOLS: Readonly<Record<Architecture, { readonly compiler: string; readonly emulator: string }>> = {
  x64: { compiler: "x86_64-linux-gnu-gcc", emulator: "/usr/bin/qemu-x86_64-static" },
  arm64: { compiler: "aarch64-linux-gnu-gcc", emulator: "/usr/bin/qemu-aarch64-static" },
};
const folder = mkdtempSync(join(tmpdir(), "gantry-environment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function isThere(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

function compile(architecture: Architecture): Buffer {
  const result = join(folder, `compiled-${architecture}`);
  execFileSync(TOOLS[architecture].compiler, [...FLAGS, "-o", result, SOURCE]);
  return readFileSync(result);
}

const architectures: readonly Architecture[] = ["x64", "arm64"];

if (process.env["UPDATE_PROGRAMS"] === "1") {
  const texts = architectures.map((architecture) => {
    const lines = compile(architecture)
      .toString("base64")
      .match(/.{1,100}/g);
    return `  ${architecture}: [\n${(lines ?? []).map((line) => `    "${line}",`).join("\n")}\n  ].join(""),`;
  });
  const path = join(import.meta.dirname, "programs.ts");
  const [head = ""] = readFileSync(path, "utf8").split("export const PROGRAMS");
  writeFileSync(
    path,
    `${head}export const PROGRAMS: Readonly<Record<Architecture, string>> = {\n${texts.join("\n")}\n};\n`,
  );
}

const variants = architectures.flatMap((architecture) => {
  const { compiler, emulator } = TOOLS[architecture];
  const emulators = architecture === process.arch ? [] : [emulator];
  const runs = emulators.every(isThere);
  return [
    { name: `the bytes for ${architecture}`, architecture, emulators, runs, compiled: false },
    {
      name: `the source, ${architecture}`,
      architecture,
      emulators,
      runs: runs && isThere(compiler),
      compiled: true,
    },
  ];
});

for (const { name, architecture, emulators, runs, compiled } of variants) {
  describe.runIf(runs)(name, () => {
    const program = join(folder, `${architecture}-${compiled}`);
    const variables = join(folder, `${architecture}-${compiled}.env`);
    beforeAll(() => {
      writeFileSync(
        program,
        compiled ? compile(architecture) : Buffer.from(PROGRAMS[architecture], "base64"),
        {
          mode: 0o755,
        },
      );
    });

    /** Runs a command with the variables of a file, in exactly this environment. */
    function run(
      entries: readonly string[],
      command: readonly string[],
      { env = {}, cwd = folder }: { env?: Record<string, string>; cwd?: string } = {},
    ) {
      writeFileSync(variables, entries.map((entry) => `${entry}\0`).join(""));
      const [first = "", ...rest] = [...emulators, program, variables, ...command];
      return spawnSync(first, rest, { env, cwd, encoding: "utf8", maxBuffer: 2 ** 22 });
    }
    const environment = (entries: readonly string[], env: Record<string, string>) =>
      run(entries, ["/usr/bin/env", "-0"], { env }).stdout.split("\0").slice(0, -1);

    it("adds variables, replaces those of the same name, and nothing else", () => {
      const found = environment(["b=new", "c.d=x y", "empty=", "bb=2", "bb=3"], {
        a: "1",
        b: "old",
        "e.f": "2",
      });
      // QEMU reverses what it is given.
      expect([...found.slice(0, 3).toSorted(), ...found.slice(3)]).toEqual([
        "a=1",
        "b=new",
        "e.f=2",
        "c.d=x y",
        "empty=",
        "bb=3",
      ]);
      expect(environment([], { a: "1" })).toEqual(["a=1"]);
      expect(environment(["a="], {})).toEqual(["a="]);
    });

    it("keeps bytes: line breaks, equals signs, quotes, multi-byte letters, 64 KiB, a file of whole pages", () => {
      const values = ["a\nb\n", "a=b=c", `'"$x\`\\`, "ä€😀", "x".repeat(65_536), "x".repeat(4_096 - 3)];
      for (const value of values) expect(environment([`A=${value}`], {})).toEqual([`A=${value}`]);
      const many = values.map((value, index) => `V${index}=${value}`);
      expect(environment(many, {})).toEqual(many);
    });

    it("keeps arguments, the name that the program is called by, and the process id", () => {
      const words = ["", "-x", "--", "a b", "$HOME", "*", "ü\n"];
      const { stdout } = run(["A=1"], ["cat", "/proc/self/cmdline", ...words.map(() => "/dev/null")]);
      expect(stdout.split("\0").slice(0, 2)).toEqual(["cat", "/proc/self/cmdline"]);
      const printed = run([], ["/usr/bin/printf", "<%s>", ...words]).stdout;
      expect(printed).toBe(words.map((word) => `<${word}>`).join(""));
      const [first, ...rest] = [...emulators, program, variables, "sh", "-c", "echo $$ $0", "own"];
      const child = spawnSync(first, rest, { env: {}, encoding: "utf8" });
      expect(child.stdout).toBe(`${child.pid} own\n`);
    });

    it("looks a name up in the container's PATH, which a secret may set, or in runc's default", () => {
      const [one, two] = [
        join(folder, `${architecture}-${compiled}-one`),
        join(folder, `${architecture}-${compiled}-two`),
      ];
      for (const each of [one, two]) mkdirSync(join(each, "folder"), { recursive: true });
      for (const each of [one, two])
        writeFileSync(join(each, "tool"), `#!/bin/sh\necho ${each}\n`, { mode: 0o755 });
      const tool = (entries: readonly string[], env: Record<string, string>, cwd = "/") =>
        run(entries, ["tool"], { env, cwd }).stdout.trim();
      expect(tool([], { PATH: `/nowhere:${one}:${two}` })).toBe(one);
      expect(tool([`PATH=${two}`], { PATH: one })).toBe(two);
      expect(tool([`PATH=${two}`], {})).toBe(two);
      expect(tool([], { PATH: "" }, one)).toBe(one);
      expect(tool([], { PATH: `/nowhere::${two}` }, one)).toBe(one);
      expect(run([], ["./tool"], { cwd: two }).stdout.trim()).toBe(two);
      expect(run([], ["echo", "found"]).stdout).toBe("found\n");
      chmodSync(join(one, "tool"), 0o644);
      expect(tool([], { PATH: `${one}:${two}` })).toBe(two);
      expect(run([], ["tool"], { env: { PATH: `${one}:/nowhere` } }).status).toBe(126);
    });

    it.each([
      [["nosuch"], 127, 'gantry: exec: "nosuch": executable file not found in $PATH\n'],
      [[""], 127, 'gantry: exec: "": executable file not found in $PATH\n'],
      [["/nosuch"], 127, 'gantry: exec: "/nosuch": no such file or directory\n'],
      [["/etc/passwd/x"], 127, 'gantry: exec: "/etc/passwd/x": no such file or directory\n'],
      [["/etc/passwd"], 126, 'gantry: exec: "/etc/passwd": permission denied\n'],
      [["/etc"], 126, 'gantry: exec: "/etc": permission denied\n'],
      [["./text"], 126, 'gantry: exec: "./text": exec format error\n'],
      [["./loop"], 126, 'gantry: exec: "./loop": it cannot be executed\n'],
    ])("ends with the reason where %j cannot be executed", (command, status, stderr) => {
      writeFileSync(join(folder, "text"), "no interpreter line\n", { mode: 0o755 });
      rmSync(join(folder, "loop"), { force: true });
      symlinkSync("loop", join(folder, "loop"));
      expect(run(["A=1"], command)).toMatchObject({ status, stderr, stdout: "" });
    });

    it("does not start the program without its variables", () => {
      const [first, ...rest] = [...emulators, program, join(folder, "nosuch"), "echo", "x"];
      const { status, stderr, stdout } = spawnSync(first, rest, { env: {}, encoding: "utf8" });
      expect({ status, stdout }).toEqual({ status: 126, stdout: "" });
      expect(stderr).toContain("the file of the container's secrets could not be read");
      const [bare, ...none] = [...emulators, program];
      expect(spawnSync(bare, none, { encoding: "utf8" }).status).toBe(126);
    });
  });
}
