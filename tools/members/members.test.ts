import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DESCRIPTORS, registerServices, type ServicesDeps } from "@gantry/api";
import {
  loadService,
  type Dispatcher,
  type LoadedService,
  type ServiceDescriptor,
  type ServiceModule,
} from "@gantry/wire";
import { describe, expect, it } from "vitest";
import { inputMembers } from "./input-members.ts";
import { namedMembers } from "./named-members.ts";
import { supportSections } from "./support-sections.ts";

const API = resolve(import.meta.dirname, "../../packages/api");

/**
 * Members that are read where the check does not find it, as `service: member`, with the place: the list only
 * shrinks.
 */
const READ_ELSEWHERE: Readonly<Record<string, string>> = {
  "s3: ContentMD5": "s3/body-checksums.ts reads the header",
  "s3: ChecksumAlgorithm": "s3/body-checksums.ts reads the header of the algorithm",
  "iam: Marker": "heldPolicies(…).list and .listAttached",
  "iam: PathPrefix": "heldPolicies(…).listAttached",
};

interface Tables {
  readonly REFUSED: Readonly<Record<string, readonly (string | readonly string[])[]>>;
  readonly RECORDED: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const modules = new Map<string, () => Promise<ServiceModule>>();
const nothing: unknown = new Proxy({}, { get: () => nothing });
registerServices(
  {
    register: (descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) =>
      void modules.set(descriptor.folder, load),
  } as unknown as Dispatcher,
  nothing as ServicesDeps,
); // Operations are only named here, never called.

const tablesOf = async (service: string): Promise<Tables> =>
  (await import(join(API, service, "members.ts"))) as Tables; // Every service has the file with both tables.

async function serviceOf(name: string, descriptor: ServiceDescriptor): Promise<LoadedService> {
  const load = modules.get(name) ?? expect.fail(`${name} is registered`);
  return loadService(descriptor, await load());
}

/**
 * Whether a list has the member, a structure that it is in, or members of it: then each of them is looked at
 * by itself.
 */
const covers = (paths: ReadonlySet<string>, member: string): boolean =>
  member.split(".").some((_, index, names) => paths.has(names.slice(0, index + 1).join("."))) ||
  [...paths].some((path) => path.startsWith(`${member}.`));

describe.each(Object.entries(DESCRIPTORS))("%s", (name, descriptor) => {
  it("acts on every member that it accepts, refuses it or lists it as recorded", async () => {
    const service = await serviceOf(name, descriptor);
    const { REFUSED, RECORDED } = await tablesOf(name);
    const implemented = [...service.operations.values()].filter((each) => each.handler !== undefined);
    const named = namedMembers(
      name,
      implemented.map((each) => each.name),
    );
    const ignored = implemented.flatMap((operation) => {
      const { names, refused } = named.get(operation.name) ?? expect.fail(operation.name);
      const listed = new Set([
        ...refused,
        ...(REFUSED[operation.name] ?? []).flatMap((entry) =>
          typeof entry === "string" ? entry : (entry[0] ?? []),
        ),
        ...Object.keys(RECORDED[operation.name] ?? {}),
      ]);
      return inputMembers(operation.input)
        .filter((member) => !names.has(member.split(".").at(-1) ?? "") && !covers(listed, member))
        .filter((member) => READ_ELSEWHERE[`${name}: ${member}`] === undefined)
        .map((member) => `${operation.name}.${member}`);
    });
    expect(ignored).toEqual([]);
  });

  it("lists existing members, each once", async () => {
    const service = await serviceOf(name, descriptor);
    const { REFUSED, RECORDED } = await tablesOf(name);
    const wrong = [...new Set([...Object.keys(REFUSED), ...Object.keys(RECORDED)])].flatMap((operation) => {
      const input = service.operations.get(operation)?.input ?? expect.fail(operation);
      const refused = (REFUSED[operation] ?? []).map((entry) =>
        typeof entry === "string" ? entry : (entry[0] ?? ""),
      );
      const all = [...refused, ...Object.keys(RECORDED[operation] ?? {})];
      return all
        .filter((path, index) => !inputMembers(input).includes(path) || all.indexOf(path) !== index)
        .map((path) => `${operation}.${path}`);
    });
    expect(wrong).toEqual([]);
  });

  // UPDATE_SUPPORT=1 writes the sections.
  it("lists refused and recorded members in SUPPORT.md", async () => {
    const path = join(API, name, "SUPPORT.md");
    const text = readFileSync(path, "utf8");
    const rest = text.replace(/\n## Members that are refused\n[^]*$|\n## Members without effect\n[^]*$/, "");
    const { REFUSED, RECORDED } = await tablesOf(name);
    const wanted = `${rest}${supportSections(REFUSED, RECORDED)}`;
    if (process.env["UPDATE_SUPPORT"] !== undefined) writeFileSync(path, wanted);
    else expect(text).toBe(wanted);
  });
});

describe("the check of members", () => {
  it("finds what the code of an operation reads, and nothing else", () => {
    const { names, refused } =
      namedMembers("rds", ["CreateDBInstance"]).get("CreateDBInstance") ?? expect.fail();
    expect(["Engine", "MasterUserPassword", "StorageType"].filter((name) => !names.has(name))).toEqual([]);
    expect(["Timezone", "MultiTenant", "ApplyImmediately"].filter((name) => names.has(name))).toEqual([]);
    expect([...refused]).toEqual([]);
  });

  it("finds what refuseMembers refuses, with the path to it", () => {
    const { refused } =
      namedMembers("ecs", ["RegisterTaskDefinition"]).get("RegisterTaskDefinition") ?? expect.fail();
    expect([...refused]).toEqual(
      expect.arrayContaining(["proxyConfiguration", "containerDefinitions.linuxParameters.tmpfs"]),
    );
  });
});
