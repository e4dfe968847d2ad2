import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { changeTrust, type TrustHost } from "./trust-stores.ts";

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** A machine with these programs, whose stores of NSS and Java are sets of names. */
function newMachine(...programs: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "gantry-trust-"));
  folders.push(root);
  const path = join(root, "ca.pem");
  writeFileSync(path, "the certificate");
  const held = new Set<string>();
  const calls: string[] = [];
  const host: TrustHost = {
    ...{ root, home: join(root, "home/me") },
    has: (program) => programs.includes(program),
    run(program, parameters) {
      calls.push([program, ...parameters].join(" "));
      const [verb = ""] = parameters;
      const store =
        parameters.find((each) => each.startsWith("sql:") || each.startsWith("debian:")) ?? program;
      if (verb === "-N") writeFileSync(join(store.slice(4), "cert9.db"), "");
      if (/^-(?:A|importcert)$/.test(verb)) held.add(store);
      if (/^-(?:D|delete)$/.test(verb)) held.delete(store);
      const isMissing = /^-(?:L|list)$/.test(verb) && !held.has(store);
      return isMissing ? Promise.reject(new Error("not found")) : Promise.resolve("");
    },
  };
  const authority = { name: "gantry-1", path };
  const change = async (action: "add" | "remove") =>
    Object.fromEntries(
      (await changeTrust(host, authority, action)).map(({ store, result }) => [store, result]),
    );
  return { root, host, held, calls, authority, change };
}

describe("the authority", () => {
  it("is added to every store, once, and removed from all of them", async () => {
    const { root, held, calls, change } = newMachine("update-ca-certificates", "certutil", "keytool");
    const profile = join(root, "home/me/.mozilla/firefox/abc.default");
    mkdirSync(profile, { recursive: true });
    writeFileSync(join(profile, "cert9.db"), "");
    const all = (result: string) => ({
      ...{ system: result, Chromium: result, "Firefox (abc.default)": result, Java: result },
    });
    expect(await change("add")).toEqual(all("added"));
    const file = join(root, "usr/local/share/ca-certificates/gantry-1.crt");
    expect(readFileSync(file, "utf8")).toBe("the certificate");
    expect(held).toEqual(new Set([`sql:${join(root, "home/me/.pki/nssdb")}`, `sql:${profile}`, "keytool"]));
    expect(await change("add")).toEqual(all("unchanged"));
    expect(await change("remove")).toEqual(all("removed"));
    expect(existsSync(file)).toBe(false);
    expect(held.size).toBe(0);
    expect(calls).toContain("update-ca-certificates --fresh");
    // Before: Java trusted it still, by the entry that Debian's hook had made.
    expect(calls).toContain("keytool -delete -cacerts -storepass changeit -alias debian:gantry-1.pem");
    expect(await change("remove")).toEqual(all("unchanged"));
  });

  it("goes where Fedora has it, and stores that are not there are named", async () => {
    const { root, host, authority } = newMachine("update-ca-trust");
    expect(await changeTrust(host, authority, "add")).toEqual([
      { store: "system", result: "added" },
      { store: "Chromium", result: "absent", reason: "certutil (package libnss3-tools) is not there" },
      { store: "Java", result: "absent", reason: "keytool (of a Java runtime) is not there" },
    ]);
    expect(existsSync(join(root, "etc/pki/ca-trust/source/anchors/gantry-1.pem"))).toBe(true);
  });

  it("that is rotated replaces the one before, and a store that fails does not keep the others from it", async () => {
    const { root, host, authority } = newMachine("update-ca-certificates", "keytool");
    await changeTrust(host, authority, "add");
    writeFileSync(authority.path, "another certificate");
    const failing: TrustHost = {
      ...host,
      run: (program, parameters) =>
        program === "update-ca-certificates"
          ? Promise.reject(new Error("Command failed\npermission denied"))
          : host.run(program, parameters),
    };
    expect(await changeTrust(failing, authority, "add")).toMatchObject([
      { store: "system", result: "failed", reason: "permission denied" },
      { store: "Chromium", result: "absent" },
      { store: "Java", result: "unchanged" },
    ]);
    const file = join(root, "usr/local/share/ca-certificates/gantry-1.crt");
    expect(readFileSync(file, "utf8")).toBe("another certificate");
  });
});
