import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { portsOf, type InstanceSettings } from "@gantry/control-plane";
import { hostResolverOf } from "@gantry/control-plane/host-resolver";
import { afterEach, describe, expect, it } from "vitest";
import {
  forgetResolver,
  installResolver,
  noteResolver,
  planResolver,
  removeResolver,
  resolverState,
} from "./host-resolver.ts";

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-resolver-"));
  folders.push(folder);
  return folder;
};

/** An instance with a state folder of its own. */
const newInstance = (instance = "default", pool = 1): InstanceSettings => ({
  ...{ folder: newFolder(), instance, ...portsOf(4566), account: "000000000000" },
  ...{ publicPool: `198.18.${pool}.0/24`, allowHostAccess: false, overcommit: { cpu: 1, memory: 1 } },
  ...{ listen: undefined, plainHttp: "secure", version: undefined },
});

/** A machine whose /etc/resolv.conf has this text. */
function newMachine(resolvConf: string) {
  const root = newFolder();
  mkdirSync(join(root, "etc"));
  const path = join(root, "etc/resolv.conf");
  writeFileSync(path, resolvConf);
  const calls: string[] = [];
  const run = (program: string, parameters: readonly string[]) =>
    Promise.resolve(calls.push([program, ...parameters].join(" ")));
  const host = { root, run };
  const install = async (settings: InstanceSettings, zones: readonly string[] = []) => {
    const file = planResolver(host, settings);
    noteResolver(settings.folder, file);
    await installResolver(host, settings, { file, zones });
    return file;
  };
  const remove = async (settings: InstanceSettings) => {
    const isUndone = await removeResolver(host, settings);
    forgetResolver(settings.folder);
    return isUndone;
  };
  return { root, path, calls, host, install, remove, text: () => readFileSync(path, "utf8") };
}

const BEFORE =
  "# from the router\nsearch corp.example\nnameserver 10.0.0.2 # first\nnameserver fd00::2\noptions rotate ndots:2\n";

describe("where programs read /etc/resolv.conf", () => {
  it("the instance comes first, the others stay behind it, and removing restores every byte", async () => {
    const machine = newMachine(BEFORE);
    const settings = newInstance();
    const { ino } = statSync(machine.path);
    expect(resolverState(machine.host, settings)).toBe("absent");
    expect((await machine.install(settings)).upstreams).toEqual(["10.0.0.2", "fd00::2"]);
    expect(machine.text()).toMatchInlineSnapshot(`
      "# Written by "gantry dns install" (instance default); "gantry dns remove" takes it out.
      nameserver 127.0.153.1
      # from the router
      search corp.example
      nameserver 10.0.0.2 # first
      nameserver fd00::2
      options ndots:2
      "
    `);
    expect(resolverState(machine.host, settings)).toBe("installed");
    expect(hostResolverOf(settings)).toEqual({
      ...{ address: "127.0.153.1", upstreams: ["10.0.0.2", "fd00::2"], apiPort: 4566 },
    });
    // A mount, as which containers have the file, is not replaced.
    expect(statSync(machine.path).ino).toBe(ino);
    await machine.install(settings);
    expect(machine.text().match(/127\.0\.153\.1/g)).toHaveLength(1);
    expect(await machine.remove(settings)).toBe(true);
    expect(machine.text()).toBe(BEFORE);
    expect(hostResolverOf(settings)).toBeUndefined();
    expect(await machine.remove(settings)).toBe(false);
    expect(machine.text()).toBe(BEFORE);
  });

  it("what another program has changed since is kept", async () => {
    const machine = newMachine(BEFORE);
    const settings = newInstance();
    await machine.install(settings);
    writeFileSync(machine.path, `${machine.text()}nameserver 10.0.0.9\n`);
    await machine.remove(settings);
    expect(machine.text()).toBe(`${BEFORE.replace(" rotate", "")}nameserver 10.0.0.9\n`);
    await machine.install(settings);
    writeFileSync(machine.path, "nameserver 192.0.2.7\n");
    expect(resolverState(machine.host, settings)).toBe("overwritten");
    expect((await machine.install(settings)).upstreams).toEqual(["192.0.2.7"]);
    writeFileSync(machine.path, "nameserver 192.0.2.8\n");
    await machine.remove(settings);
    expect(machine.text()).toBe("nameserver 192.0.2.8\n");
  });

  it("the lines go even where the state folder is lost", async () => {
    const machine = newMachine(BEFORE);
    const settings = newInstance();
    await machine.install(settings);
    expect(await machine.remove({ ...settings, folder: newFolder() })).toBe(true);
    expect(machine.text()).not.toContain("127.0.153");
  });

  it("one instance is the host's resolver at a time", async () => {
    const machine = newMachine(BEFORE);
    const [one, other] = [newInstance(), newInstance("0badcafe", 7)];
    await machine.install(one);
    const written = machine.text();
    expect(() => planResolver(machine.host, other)).toThrow("Another instance");
    expect(await machine.remove(other)).toBe(false);
    expect(machine.text()).toBe(written);
  });

  it("a link in the state folder does not lead root to another file", async () => {
    const machine = newMachine(BEFORE);
    const settings = newInstance();
    const other = join(newFolder(), "shadow");
    writeFileSync(other, "root:*");
    symlinkSync(other, join(settings.folder, "resolver.json"));
    await machine.install(settings);
    expect(readFileSync(other, "utf8")).toBe("root:*");
    await machine.remove(settings);
    expect(readFileSync(other, "utf8")).toBe("root:*");
    expect(machine.text()).toBe(BEFORE);
  });

  it("a damaged or forged note serves nobody", async () => {
    const settings = newInstance();
    for (const upstreams of [["127.0.153.1"], ["evil.example"], "10.0.0.2"]) {
      writeFileSync(
        join(settings.folder, "resolver.json"),
        JSON.stringify({ upstreams, method: { type: "resolved" } }),
      );
      expect(hostResolverOf(settings)).toBeUndefined();
    }
    writeFileSync(join(settings.folder, "resolver.json"), '{"upstreams": [');
    expect(hostResolverOf(settings)).toBeUndefined();
  });
});

it("where programs ask systemd-resolved, a drop-in sends it the names, and is removed again", async () => {
  const machine = newMachine("nameserver 127.0.0.53\noptions edns0 trust-ad\n");
  const resolved = join(machine.root, "run/systemd/resolve");
  mkdirSync(resolved, { recursive: true });
  writeFileSync(join(resolved, "resolv.conf"), "nameserver 192.0.2.1\nnameserver 127.0.153.1\n");
  const settings = newInstance();
  const before = machine.text();
  const file = await machine.install(settings, ["talk.example"]);
  expect(file).toEqual({ upstreams: ["192.0.2.1"], method: { type: "resolved" } });
  const path = join(machine.root, "etc/systemd/resolved.conf.d/gantry-default.conf");
  expect(readFileSync(path, "utf8")).toMatchInlineSnapshot(`
    "# Written by "gantry dns install" (instance default); "gantry dns remove" takes it out.
    [Resolve]
    DNS=127.0.153.1
    Domains=~amazonaws.com ~api.aws ~talk.example
    "
  `);
  expect(machine.text()).toBe(before);
  expect(resolverState(machine.host, settings)).toBe("installed");
  expect(await machine.remove(settings)).toBe(true);
  expect(existsSync(path)).toBe(false);
  expect(machine.calls).toEqual(["systemctl restart systemd-resolved", "systemctl restart systemd-resolved"]);
});
