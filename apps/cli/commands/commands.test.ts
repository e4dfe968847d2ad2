import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { removeProfile, withoutProfile, withProfile, writeProfile } from "../aws-profile.ts";
import { ago, renderTable, taskNamed, tasksNamed } from "../platform-status.ts";
import { renderEnvironment } from "./env.ts";
import { quoteArgument, renderUnit } from "./install.ts";
import { renderLine } from "./logs.ts";
import { problemsOf } from "./status.ts";

describe("gantry install", () => {
  it("quotes paths so that systemd reads them as they are", () => {
    // Regression: paths were written to the unit unquoted, so that a blank split them and %h or $HOME was
    // replaced.
    expect(quoteArgument(String.raw`/srv/my "data" 100%h $HOME\x`)).toBe(
      String.raw`"/srv/my \"data\" 100%%h $$HOME\\x"`,
    );
    expect(quoteArgument("/a\nExecStartPre=/bin/evil")).toBe(String.raw`"/a\x0aExecStartPre=/bin/evil"`);
    const unit = renderUnit({ name: "gantry", folder: "/a b%\n[Service]", project: "/opt/my gantry" });
    expect(unit).toContain(
      String.raw`ExecStart=/bin/sh "/opt/my gantry/gantry" up --state-dir "/a b%%\x0a[Service]"`,
    );
    expect(unit.split("\n").filter((line) => line === "[Service]")).toHaveLength(1);
    expect(unit).toContain("(/a b%%?[Service])");
  });
});

describe("gantry env", () => {
  const environment = { AWS_SECRET_ACCESS_KEY: `a'b\\c$d`, AWS_PAGER: "" };

  it("quotes values for each shell", () => {
    const script = `${renderEnvironment("bash", environment)}printf %s "$AWS_SECRET_ACCESS_KEY"`;
    expect(execFileSync("sh", ["-c", script], { encoding: "utf8" })).toBe(environment.AWS_SECRET_ACCESS_KEY);
    expect(renderEnvironment("fish", environment)).toContain(
      String.raw`set -gx AWS_SECRET_ACCESS_KEY 'a\'b\\c$d'`,
    );
    expect(renderEnvironment("powershell", environment)).toContain(
      String.raw`$env:AWS_SECRET_ACCESS_KEY = 'a''b\c$d'`,
    );
    expect(JSON.parse(renderEnvironment("json", environment))).toEqual(environment);
    expect(renderEnvironment("dotenv", { AWS_REGION: "x" })).toBe("AWS_REGION='x'\n");
  });

  it("writes, rewrites and removes a profile, and leaves other profiles unchanged", () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-profile-"));
    const [config, credentials] = [join(folder, "config"), join(folder, "aws/credentials")];
    const before = { ...process.env };
    process.env["AWS_CONFIG_FILE"] = config;
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = credentials;
    try {
      writeFileSync(config, "[default]\nregion = eu-west-1");
      const profile = {
        name: "local",
        accessKeyId: "AKIA",
        secretAccessKey: "s",
        region: "r",
        endpointUrl: "u",
      };
      writeProfile(profile);
      writeProfile({ ...profile, region: "r2" });
      expect(readFileSync(config, "utf8").match(/\[profile local\]/g)).toHaveLength(1);
      expect(readFileSync(config, "utf8")).toContain("region = r2\nendpoint_url = u");
      expect(statSync(credentials).mode & 0o777).toBe(0o600);
      expect(() => writeProfile({ ...profile, name: "default" })).toThrow("that is not Gantry's");
      expect(() => writeProfile({ ...profile, name: "a]\n[b" })).toThrow("--profile takes letters");
      expect(removeProfile("local")).toBe(true);
      expect(removeProfile("local")).toBe(false);
      expect(readFileSync(config, "utf8")).toBe("[default]\nregion = eu-west-1\n");
      expect(statSync(credentials, { throwIfNoEntry: false })).toBeUndefined();
    } finally {
      process.env = before;
      rmSync(folder, { recursive: true });
    }
    expect(withoutProfile(withProfile("x\n", "a", ["[a]"]), "a")).toBe("x\n");
  });
});

describe("gantry logs, ps and status", () => {
  it("shows a JSON line as a sentence with its fields, and any other as it is", () => {
    expect(
      renderLine(
        '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"Task moved","to":"RUNNING","n":1,"r":"a b"}',
      ),
    ).toBe('2026-01-02 03:04:05 info  Task moved to=RUNNING n=1 r="a b"');
    for (const line of ["plain", "{broken", '{"a":1}']) expect(renderLine(line)).toBe(line);
  });

  const task = (id: string, service: string | undefined, lastStatus = "RUNNING") => ({
    ...{
      id,
      cluster: "c",
      service,
      definition: "d:1",
      lastStatus,
      desiredStatus: "RUNNING",
      health: "UNKNOWN",
    },
    ...{ startedAt: undefined, stoppedAt: undefined, stoppedReason: undefined, containers: [] },
  });
  const service = (cluster: string, name: string) => ({
    ...{ cluster, name, status: "ACTIVE", desired: 1, running: 1, rolloutState: "COMPLETED" },
    ...{ lastEvent: undefined, lastStop: undefined },
  });
  const status = {
    clock: { now: 0, real: 0, speed: 1, aheadMs: 0, realAgainAt: undefined },
    overcommit: { cpu: 16, memory: 8 },
    loadBalancers: [],
    networkProblems: [],
    nodes: [],
    services: [service("c", "web"), service("c", "api"), service("d", "api")],
    tasks: [task("abc1", "web"), task("abc2", "web", "STOPPED"), task("def1", undefined)],
  };

  it("finds tasks by service, by id and by a prefix of an id", () => {
    expect(tasksNamed(status, "web").map((each) => each.id)).toEqual(["abc1"]);
    expect(tasksNamed(status, "c/web").map((each) => each.id)).toEqual(["abc1"]);
    expect(tasksNamed(status, "def")[0]?.id).toBe("def1");
    expect(taskNamed(status, "abc2").id).toBe("abc2");
    expect(() => taskNamed(status, "abc")).toThrow('2 tasks begin with "abc"');
    expect(() => taskNamed(status, "")).toThrow("There is no task");
    expect(() => tasksNamed(status, "api")).toThrow("such as c/api");
  });

  it("names an engine that does not answer, since when, and the remedy", () => {
    const node = { id: "n", hostname: "host", engine: { answers: false, since: Date.UTC(2026, 0, 1) } };
    expect(problemsOf([node], { agents: 1, now: Date.UTC(2026, 0, 1, 0, 5) })).toEqual([
      "Docker Engine on host has not answered for 5m (since 2026-01-01T00:00:00.000Z): restart it, " +
        'e.g. with "systemctl restart docker"',
    ]);
    expect(problemsOf([{ ...node, engine: undefined }], { agents: 0, now: 0 })[0]).toContain("not connected");
  });

  it("aligns columns and rounds times", () => {
    expect(renderTable(["A", "B"], [["long", "x"]])).toBe("A     B\nlong  x\n");
    expect([1_000, 150_000, 9_000_000, 900_000_000].map((now) => ago(0, now))).toEqual([
      "1s",
      "2m",
      "2h",
      "10d",
    ]);
  });
});
