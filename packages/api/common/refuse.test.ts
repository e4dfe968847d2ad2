import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ApiError, loadService } from "@gantry/wire";
import { refuseMembers as refuseInEc2 } from "../ec2/api-error.ts";
import { ApiError as EcsError } from "../ecs/api-error.ts";
import type { Shape } from "@gantry/wire/shape";
import { SDK_MODULES } from "@gantry/testkit/sdk-clients";
import { describe, expect, it } from "vitest";
import { DESCRIPTORS } from "../services.ts";
import { refuseMembers } from "./refuse.ts";

interface CallSite {
  readonly where: string;
  readonly service: keyof typeof DESCRIPTORS;
  readonly names: readonly string[];
  readonly path: string;
}

const FOLDER = join(import.meta.dirname, "..");

/** The text between the parenthesis at `open` and its counterpart. */
function enclosed(text: string, open: number): string {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if ("([{".includes(text[at] ?? "")) depth += 1;
    if (")]}".includes(text[at] ?? "")) depth -= 1;
    if (depth === 0) return text.slice(open + 1, at);
  }
  throw new Error("The parenthesis is not closed.");
}

/** The arguments of a call, split at commas outside brackets. */
function splitArguments(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if ("([{".includes(character)) depth += 1;
    if (")]}".includes(character)) depth -= 1;
    if (character === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

/** Every string in an expression; a constant that it names is looked up in the file. */
function stringsIn(expression: string, file: string): readonly string[] {
  const constants = [...expression.matchAll(/\b[A-Z][A-Z_]+\b(?=[,\]\s]|$)/g)].flatMap(([name]) => {
    const at = file.indexOf(`const ${name} = [`);
    return at < 0 ? [] : stringsIn(enclosed(file, file.indexOf("[", at)), file);
  });
  return [...constants, ...[...expression.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name)];
}

const sites: readonly CallSite[] = globSync("*/*.ts", { cwd: FOLDER })
  .filter((name) => !name.endsWith(".test.ts") && !name.startsWith("common/"))
  .flatMap((name) => {
    const file = readFileSync(join(FOLDER, name), "utf8");
    return [...file.matchAll(/\brefuseMembers\(/g)].map(({ index }) => {
      const [, names = "", , path = '""'] = splitArguments(enclosed(file, index + "refuseMembers".length));
      const line = file.slice(0, index).split("\n").length;
      return {
        where: `${name}:${line}`,
        service: name.split("/")[0] as keyof typeof DESCRIPTORS, // Services have folders of their names.
        names: stringsIn(names, file),
        path: path.slice(1, -1),
      };
    });
  });

/** The member that a path leads to, through lists; undefined where there is none. */
function memberAt(shape: Shape, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return true;
  if (shape.type === "list") return memberAt(shape.element.shape, path);
  if (shape.type !== "structure") return false;
  const member = shape.members.find(({ name }) => name === first);
  return member !== undefined && memberAt(member.shape, rest);
}

describe("a refused parameter", () => {
  // Before: tmpfs was refused as "tmpfs" and a deployment's strategy as "strategy".
  it("is named by its path", () => {
    expect(() => refuseMembers({ tmpfs: [{}] }, ["tmpfs"], "ClientException", "linuxParameters")).toThrow(
      "Gantry does not support the parameter linuxParameters.tmpfs yet: leave it out.",
    );
    expect(() => refuseMembers({ a: 1, b: 2 }, ["a", "b"], "InvalidParameterException", "up")).toThrow(
      "parameter up.a, up.b yet",
    );
    expect(() => refuseMembers({ a: 1 }, ["a"], "InvalidParameterException")).toThrow("parameter a yet");
  });

  it("is found at many places", () => expect(sites.length).toBeGreaterThan(35));

  it.each(sites)("is a member that an operation of $service has: $where", ({ service, names, path }) => {
    const descriptor = DESCRIPTORS[service];
    const sdk = SDK_MODULES[service] as unknown as Record<string, unknown>; // A module is a record.
    const operations = [...loadService(descriptor, { sdk, operations: {} }).operations.values()];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const full = [...path.split(".").filter(Boolean), name];
      const has = operations.some((operation) => memberAt(operation.input, full));
      expect(has, full.join(".")).toBe(true);
    }
  });
});

it("compiles an error's code only if a service has it", () => {
  // @ts-expect-error The code is misspelt.
  expect(new ApiError("InvalidParametrException", "").code).toBe("InvalidParametrException");
  expect(new ApiError("InvalidParameterException", "").code).toBe("InvalidParameterException");
});

it("compiles an error's code in a service only if that service has it, or all have", () => {
  // @ts-expect-error A code of RDS.
  expect(new EcsError("DBInstanceNotFound", "").code).toBe("DBInstanceNotFound");
  // @ts-expect-error A code of ECS.
  expect(() => refuseInEc2({ a: 1 }, ["a"], "ClientException")).toThrow("a");
  expect(new EcsError("ClusterNotFoundException", "")).toBeInstanceOf(ApiError);
  expect(new EcsError("ValidationException", "")).toBeInstanceOf(EcsError);
});
