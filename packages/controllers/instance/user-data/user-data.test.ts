import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { userDataPrograms } from "./user-data.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-user-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

const of = (data: string | Buffer) => userDataPrograms(Buffer.from(data).toString("base64"));
/** Runs a program, whose files are in a folder of the test, and returns its console. */
const runs = (program: string): { console: string; code: number } => {
  const own = program.replaceAll("/var/lib/cloud/instance", join(folder, "state"));
  try {
    return { console: execFileSync("bash", ["-c", own], { encoding: "utf8", stdio: "pipe" }), code: 0 };
  } catch (thrown) {
    const { stdout, status } = thrown as { stdout: string; status: number }; // As execFileSync throws it.
    return { console: stdout, code: status };
  }
};
const message = (parts: readonly (readonly [type: string, text: string, headers?: string])[]) =>
  [
    'Content-Type: multipart/mixed; boundary="==B=="\r\nMIME-Version: 1.0\r\n\r\n',
    ...parts.map(
      ([type, text, headers = ""]) => `--==B==\r\nContent-Type: ${type}\r\n${headers}\r\n${text}\r\n`,
    ),
    "--==B==--\r\n",
  ].join("");

describe("user data", () => {
  it("that is a script is run as it is, compressed or encoded once more too", () => {
    const script = "#!/bin/sh\necho 'as it is'\n";
    for (const data of [script, gzipSync(script), Buffer.from(script).toString("base64")])
      expect(of(data)).toEqual({ once: script, everyStart: "", hostname: undefined });
  });

  it.each([
    ["plain text", "The user data is of no known format: it is not run"],
    [
      "#include\nhttp://169.254.169.254/",
      "#include is refused: an instance does not run what an address answers",
    ],
    ["#include-once\nhttp://example.org/", "#include is refused"],
    ["#part-handler\nimport os", "#part-handler is refused: there is no Python"],
    ["## template: jinja\n#cloud-config\n{}", "the template is refused: there is no Jinja"],
    ["#cloud-config-archive\n[]", "#cloud-config-archive is refused"],
    ["#cloud-config\n- a list", "part-001 is no valid cloud-config: it is not a mapping"],
    ["#cloud-config\na: [", "part-001 is no valid cloud-config: "],
  ])("%j is not run, and the console says so", (data, said) => {
    const { console, code } = runs(of(data).once);
    expect(console).toContain(`cloud-init: ${said}`);
    expect(code).toBe(1);
  });

  it("runs the parts of a MIME message in their order, each with the name of its file", () => {
    const encoded = Buffer.from("#!/bin/sh\necho second\n").toString("base64");
    const { once, everyStart } = of(
      gzipSync(
        message([
          ["text/cloud-config", "#cloud-config\nruncmd: [echo config]\nfinal_message: done"],
          [
            "text/x-shellscript",
            "#!/bin/sh\necho first",
            'Content-Disposition: attachment; filename="../../etc/a b"\r\n',
          ],
          ["text/plain", encoded, "Content-Transfer-Encoding: base64\r\n"],
          ["text/x-include-url", "http://example.org"],
          ["text/cloud-boothook", "#cloud-boothook\necho hook"],
          [
            "text/cloud-config",
            "runcmd: [echo appended]\nmerge_how: 'list(append)+dict(recurse_array)+str()'",
          ],
        ]),
      ),
    );
    const { console } = runs(once);
    const lines = console.split("\n").filter((line) => !line.startsWith("cloud-init: running"));
    expect(lines).toEqual([
      "cloud-init: #include is refused: an instance does not run what an address answers at its start",
      ...["config", "appended", "first", "second", "cloud-init: done", ""],
    ]);
    expect(console).toContain("cloud-init: running __.._etc_a_b\n");
    expect(runs(everyStart).console).toContain("hook\n");
  });
});

describe("cloud-config", () => {
  it("writes files with their modes, whatever their names and contents are", () => {
    const path = join(folder, "it's $(id) `here`");
    const content = "a 'quote' $HOME `id` \\n\nEND-OF-FILE\n";
    const config = {
      write_files: [
        { path, content, permissions: "0600" },
        { path: join(folder, "b"), content: gzipSync("zipped").toString("base64"), encoding: "gz+b64" },
        { path: join(folder, "b"), content: " twice", append: true },
        { path: "relative", content: "x" },
        { path: join(folder, "c"), content: "x", permissions: "rwx" },
        { path: join(folder, "d"), source: { uri: "http://169.254.169.254/" } },
      ],
    };
    const { console, code } = runs(of(`#cloud-config\n${JSON.stringify(config)}`).once);
    expect(readFileSync(path, "utf8")).toBe(content);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, "b"), "utf8")).toBe("zipped twice");
    expect(console).toContain("a file of write_files has no absolute path");
    expect(console).toContain("c failed: its content or its permissions cannot be read");
    expect(console).toContain("d from a source is refused");
    expect(existsSync(join(folder, "c")) || existsSync(join(folder, "d"))).toBe(false);
    expect(code).toBe(1);
  });

  it("reads numbers of YAML 1.1, so that 0640 is an octal mode", () => {
    const path = join(folder, "mode");
    runs(of(`#cloud-config\nwrite_files:\n  - path: ${path}\n    content: x\n    permissions: 0640\n`).once);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it("runs its commands in one shell, lists as programs with their arguments, and names a step that fails", () => {
    const config =
      "#cloud-config\nruncmd:\n  - cd /usr\n  - pwd\n  - [printf, '%s|', \"a b'c\", $HOME]\n  - exit 3\n";
    const { console, code } = runs(of(config).once);
    expect(console).toBe(
      "cloud-init: running runcmd\n/usr\na b'c|$HOME|cloud-init: running runcmd failed with the exit code 3\n",
    );
    expect(code).toBe(1);
    expect(of("#cloud-config\nbootcmd: [echo boot]\n").everyStart).toContain("running bootcmd");
    expect(of("#cloud-config\nbootcmd: [echo boot]\n").once).not.toContain("running bootcmd");
  });

  it("creates users with keys and groups, and leaves out the default user where it is not named", () => {
    const config = {
      groups: [{ admins: ["deploy"] }],
      users: [
        {
          name: "deploy",
          groups: "admins, docker",
          sudo: "ALL=(ALL) NOPASSWD:ALL",
          ssh_authorized_keys: ["ssh-rsa A"],
        },
        { name: "-rf", groups: "x" },
        { name: "eve", groups: ["a b"] },
        { name: "carol", lock_passwd: false, plain_text_passwd: "it's", uid: 1700, shell: "/bin/sh" },
      ],
      chpasswd: { list: "carol:other\ncarol:$6$salt$hash" },
      ssh_pwauth: true,
    };
    const { once } = of(`#cloud-config\n${JSON.stringify(config)}`);
    expect(once).toContain("useradd -m -s '/bin/bash' -G 'admins,docker' 'deploy'");
    expect(once).toContain("useradd -m -s '/bin/sh' -u 1700 'carol'");
    expect(once).toContain("echo 'deploy ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers.d/90-cloud-init-users");
    expect(once).toContain("echo 'carol:it'\\''s' | chpasswd -c SHA512");
    expect(once).toContain("echo 'carol:$6$salt$hash' | chpasswd -e");
    expect(once).toContain("rm -f /home/ec2-user/.ssh/authorized_keys");
    expect(once).toContain("a user has no valid name: it is left out");
    expect(once).toContain("a group of the user eve has no valid name");
    execFileSync("bash", ["-n"], { input: once });
    expect(of("#cloud-config\nssh_authorized_keys: [ssh-rsa A]\n").once).not.toContain("rm -f");
  });

  it("passes names of packages and time zones on, and no options or paths", () => {
    const { once } = of(
      "#cloud-config\npackages: [nginx, [jq, 1.6-2.1], --allow, 'a; id']\ntimezone: ../../etc/passwd\n",
    );
    expect(once).toContain("install 'nginx' 'jq=1.6-2.1'\n");
    expect(once).not.toMatch(/'--allow'|a; id|etc\/passwd/);
    expect(of("#cloud-config\ntimezone: Europe/Zurich\n").once).toContain(
      "/usr/share/zoneinfo/Europe/Zurich",
    );
  });

  it.each([
    ["hostname: web-1", "web-1"],
    ["fqdn: web-2.example.org", "web-2"],
    ["hostname: web\npreserve_hostname: true", undefined],
    ["hostname: 'a b'", undefined],
    ["hostname: -a", undefined],
    [`hostname: ${"a".repeat(64)}`, undefined],
    ["hostname: [a]", undefined],
  ])("names the host by %j", (config, name) => expect(of(`#cloud-config\n${config}\n`).hostname).toBe(name));
});

describe("hostile user data", () => {
  it("that expands to gigabytes, repeats itself or nests deeply is not read, and costs little", () => {
    const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
    const laughs = [
      "#cloud-config\na0: &a0 [x, x, x, x, x, x, x, x, x, x]",
      ...Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`),
    ].join("\n");
    const nested = `#cloud-config\na: ${"[".repeat(8_000)}`;
    const parts = message(Array.from({ length: 300 }, () => ["text/plain", "x"] as const));
    let deep: Buffer = Buffer.from("#!/bin/sh\n");
    for (let depth = 0; depth < 10; depth += 1) deep = gzipSync(deep);
    const startedAt = performance.now();
    for (const data of [bomb, gzipSync(bomb), laughs, nested, parts, deep]) {
      const { once } = of(data);
      expect(once.length).toBeLessThan(64 * 1024);
      expect(runs(once).code).toBe(1);
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it("is judged in time that grows with its length alone", () => {
    const startedAt = performance.now();
    expect(of(gzipSync(`A${" ".repeat(250_000)}!`)).once).toContain("of no known format");
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it.each([
    "runcmd: [[echo, {toString: 1}]]",
    "bootcmd: [[{toString: 1, valueOf: 1}]]",
    "users: [{name: a, uid: {toString: 1}}]",
  ])("%j makes programs, whatever its values are", (config) => {
    expect(of(`#cloud-config\n${config}\n`).once).toContain("#!/bin/bash");
  });

  it("makes no programs that are many times its size", () => {
    const content = gzipSync(Buffer.alloc(200 * 1024, "x")).toString("base64");
    const file = (n: number) => `  - {path: /f${n}, encoding: gz+b64, content: "${content}"}\n`;
    const files = `#cloud-config\nwrite_files:\n${Array.from({ length: 40 }, (_, n) => file(n)).join("")}`;
    const { once } = of(files);
    expect(once.length).toBeLessThan(1024 * 1024);
    expect(once).toContain("/f0");
    expect(once).toContain("writing /f39 failed: its content");
    const key = "k".repeat(100_000);
    const users = `[${Array.from({ length: 40 }, (_, n) => `{name: u${n}, ssh_authorized_keys: *k}`).join(", ")}]`;
    const many = of(gzipSync(`#cloud-config\nx: &k [${key}]\nusers: ${users}\n`));
    expect(many.once.length).toBeLessThan(1024);
    expect(runs(many.once)).toMatchObject({ code: 1, console: expect.stringContaining("more than") });
  });

  it("writes no control characters to the console", () => {
    const { once } = of(`#cloud-config\n"key\\n\\e[2Jforged line": 1\n`);
    expect(runs(once).console).toBe("cloud-init: the key key [2Jforged line has no effect here\n");
  });
});
