import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DESCRIPTORS, registerServices, type ServicesDeps } from "@gantry/api";
import { loadService, type Dispatcher, type Shape } from "@gantry/wire";
import type { ServiceDescriptor, ServiceModule } from "@gantry/wire";
import { enumMembers } from "./enum-members.ts";
import { namedMembers } from "./named-members.ts";

/** Larger enumerations have values of one kind (types of resources, units, regions): one of them shows the effect. */
const VALUES_MAX = 8;

/** Values sent, by member as `service Operation member.path`. */
export type Sent = ReadonlyMap<string, ReadonlySet<string>>;

/** The members that the processes of a test run recorded in the folder. Source: packages/testkit/sent-members.ts. */
export function readSent(folder: string): Sent {
  const sent = new Map<string, Set<string>>();
  for (const file of readdirSync(folder))
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      const [service, operation, path, value] = line.split(" ");
      if (value === undefined) continue;
      const member = `${service} ${operation} ${path}`;
      sent.set(member, (sent.get(member) ?? new Set()).add(value));
    }
  return sent;
}

/**
 * Members, and values of booleans and enumerations, that are accepted and that nothing sent, as
 * `service Operation member.path` with ` value` where a value is missing. Members that are refused or
 * recorded are left out.
 */
export async function unsentMembers(sent: Sent): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, module] of await loadModules()) {
    const service = loadService(DESCRIPTORS[name], await module());
    const { REFUSED, RECORDED } = await tablesOf(name);
    const enumOf = enumMembers(DESCRIPTORS[name].id, (await module()).sdk);
    const implemented = [...service.operations.values()].filter((each) => each.handler !== undefined);
    const named = namedMembers(
      name,
      implemented.map((each) => each.name),
    );
    for (const operation of implemented) {
      const refusals = (REFUSED[operation.name] ?? []).map((entry) =>
        typeof entry === "string" ? [entry] : entry,
      );
      const without = new Set([
        ...(named.get(operation.name)?.refused ?? []),
        ...refusals.filter((entry) => entry.length === 1).map(([path]) => path ?? ""),
        ...Object.keys(RECORDED[operation.name] ?? {}),
      ]);
      const accepted = new Map(
        refusals.filter((entry) => entry.length > 1).map(([path, ...values]) => [path, values]),
      );
      for (const leaf of leaves(operation.input)) {
        if (isWithout(leaf.path, without)) continue;
        const key = `${name} ${operation.name} ${leaf.path}`;
        const values = sent.get(key) ?? new Set<string>();
        if (values.size === 0) {
          found.push(key);
          continue;
        }
        const wanted = accepted.get(leaf.path) ?? valuesOf(leaf, enumOf);
        found.push(...wanted.filter((each) => !values.has(each)).map((each) => `${key} ${each}`));
      }
    }
  }
  return found;
}

/**
 * The values that have to be sent each: true, which is seldom the default, and those of an enumeration of few
 * values.
 */
function valuesOf(
  { path, type, structure }: Leaf,
  enumOf: (structure: string, member: string) => readonly string[],
): readonly string[] {
  const name = path.split(".").at(-1) ?? "";
  if (type === "boolean") return ["true"];
  const values = enumOf(structure, name);
  return values.length > VALUES_MAX ? [] : values;
}

/** Whether the member, or a structure that it is in, is listed. */
function isWithout(path: string, listed: ReadonlySet<string>): boolean {
  return path.split(".").some((_, index, names) => listed.has(names.slice(0, index + 1).join(".")));
}

interface Leaf {
  readonly path: string;
  readonly type: Shape["type"];
  /** The structure that has the member. */
  readonly structure: string;
}

/** The members of an input that are no structures with members of their own. */
function leaves(shape: Shape): readonly Leaf[] {
  const found: Leaf[] = [];
  const visit = (of: Shape, at: { path: string; structure: string }, above: readonly string[]): void => {
    if (of.type === "list") return visit(of.element.shape, at, above);
    if (of.type === "map") return visit(of.value.shape, at, above);
    if (of.type !== "structure" || of.members.length === 0) return void found.push({ ...at, type: of.type });
    if (above.includes(of.name)) return;
    for (const member of of.members)
      visit(
        member.shape,
        { path: at.path === "" ? member.name : `${at.path}.${member.name}`, structure: of.name },
        [...above, of.name],
      );
  };
  visit(shape, { path: "", structure: "" }, []);
  return found.filter(({ path }) => path !== "");
}

interface Tables {
  readonly REFUSED: Readonly<Record<string, readonly (string | readonly string[])[]>>;
  readonly RECORDED: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const tablesOf = async (service: string): Promise<Tables> =>
  // Every service has the file with both tables.
  (await import(join(import.meta.dirname, "../../packages/api", service, "members.ts"))) as Tables;

async function loadModules(): Promise<
  readonly (readonly [keyof typeof DESCRIPTORS, () => Promise<ServiceModule>])[]
> {
  const modules: [keyof typeof DESCRIPTORS, () => Promise<ServiceModule>][] = [];
  const nothing: unknown = new Proxy({}, { get: () => nothing });
  registerServices(
    {
      register: (descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) =>
        void modules.push([descriptor.folder as keyof typeof DESCRIPTORS, load]),
    } as unknown as Dispatcher,
    nothing as ServicesDeps,
  ); // Operations are only named here, never called.
  return modules;
}

if (process.argv[1] === import.meta.filename) {
  const list = await unsentMembers(readSent(process.argv[2] ?? ""));
  process.stdout.write(`${list.join("\n")}\n`);
}
