import { describe, expect, it } from "vitest";
import type { InstanceSettings } from "@gantry/control-plane";
import { renderUpgrade } from "./commands/upgrade.ts";
import { compareVersions, lastVersionOf, refuseDowngrade, versionId } from "./versions.ts";

const CHANGELOG = "# Changelog\n\n## 0.10.0\n\n- c\n\n## 0.2.0\n\n- b\n\n## 0.1.0\n\n- a\n";
const settings = (version: string | undefined) => ({ folder: "/s", version }) as InstanceSettings; // Partial fake.

describe("versions of the state", () => {
  it("compares numbers, not text, and leaves the commit out", () => {
    expect(compareVersions("0.10.0", "0.9.9")).toBeGreaterThan(0);
    expect(compareVersions("0.2.0+aaa", "0.2.0+bbb")).toBe(0);
    expect(lastVersionOf(settings(undefined))).toBe("0.1.0");
    expect(versionId({ version: "1.0.0", release: { commit: "abc", date: "d" } })).toBe("1.0.0+abc");
  });

  it("refuses a version that is older than the state, with the remedy", () => {
    expect(() => refuseDowngrade(settings("0.10.0+abc"), "0.9.0")).toThrow("install 0.10.0 or newer");
    expect(() => refuseDowngrade(settings(undefined), "0.2.0")).not.toThrow();
    expect(() => refuseDowngrade(settings("0.2.0"), "0.2.0+abc")).not.toThrow();
  });
});

describe("gantry upgrade", () => {
  const options = {
    folder: "/s",
    from: "0.1.0",
    to: "0.10.0",
    isRunning: true,
    isCurrent: false,
    program: "gantry",
  };

  it("shows the changes after the version of the state, a backup and the step", () => {
    const notes = renderUpgrade({ ...options, changelog: CHANGELOG });
    expect(notes).toContain("last used by gantry 0.1.0; this is gantry 0.10.0");
    expect(notes).toContain("## 0.10.0\n\n- c\n\n## 0.2.0\n\n- b\n");
    expect(notes).not.toContain("- a");
    expect(notes).toContain("1. gantry backup FILE");
    expect(notes).toContain("2. gantry up");
    expect(renderUpgrade({ ...options, to: "0.2.0", changelog: CHANGELOG })).not.toContain("- c");
  });

  it("says that there is nothing to do where this version has the state", () => {
    expect(renderUpgrade({ ...options, isCurrent: true, changelog: CHANGELOG })).toContain("nothing to do");
  });
});
