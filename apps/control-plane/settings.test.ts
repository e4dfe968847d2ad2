import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureInstance, readInstance } from "./settings.ts";

let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gantry-settings-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("a state folder of an earlier version", () => {
  const path = () => join(folder, "instance.json");
  const earlier = {
    instance: "0a1b2c3d",
    port: 5000,
    registryPort: 4944,
    consolePort: 5014,
    tlsPort: 5001,
    account: "000000000000",
    agentToken: "5e".repeat(32),
    publicPool: "198.18.7.0/24",
  };

  it("opens with the ports of the link and of DNS beside the others, and loses the token that it held", () => {
    writeFileSync(path(), JSON.stringify(earlier));
    const { agentToken: _retired, ...kept } = earlier;
    const settings = ensureInstance(folder, undefined);
    expect(settings).toEqual({
      ...kept,
      folder,
      linkPort: 5002,
      dnsPort: 5003,
      allowHostAccess: false,
      overcommit: { cpu: 16, memory: 8 },
      plainHttp: "secure",
    });
    expect(readFileSync(path(), "utf8")).not.toContain(earlier.agentToken);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readInstance(folder)).toEqual(settings);
  });
});

describe("overcommit", () => {
  it("is kept until another factor is given, each for itself", () => {
    expect(ensureInstance(folder, undefined).overcommit).toEqual({ cpu: 16, memory: 8 });
    ensureInstance(folder, undefined, { overcommit: { memory: 2.5 } });
    expect(ensureInstance(folder, undefined).overcommit).toEqual({ cpu: 16, memory: 2.5 });
    ensureInstance(folder, undefined, { overcommit: { cpu: 1 } });
    expect(readInstance(folder)?.overcommit).toEqual({ cpu: 1, memory: 2.5 });
  });
});
