import { appendFileSync } from "node:fs";
import { join } from "node:path";
import {
  ApiError,
  loadService,
  type LoadedService,
  type ServiceDescriptor,
  type ServiceModule,
  type Shape,
} from "@gantry/wire";

import { SENT_FOLDER } from "./sent-folder.ts";

/** Distinct values of a member that one process records: more than any enumeration has. */
const VALUES_MAX = 64;

const services = new Map<string, LoadedService>();
const counts = new Map<string, number>();
const written = new Set<string>();

/** Errors that members of their own have asked for: conditions, checksums and the dry run. */
const ASKED_FOR = new Set(["BadDigest", "DryRunOperation", "NotModified", "PreconditionFailed"]);

/**
 * Records the members of an operation's input, with their values where they may be of an enumeration, in a file of this
 * process: one line `service Operation member.path value` each, once. Of a call that failed it records the members and
 * values that the error names. Does nothing outside a run that collects them.
 */
export function recordSent(
  { descriptor, module }: { descriptor: ServiceDescriptor; module: ServiceModule },
  operation: string,
  input: unknown,
  thrown?: unknown,
): void {
  const folder = process.env[SENT_FOLDER];
  if (folder === undefined) return;
  const name = descriptor.folder;
  const service = services.get(name) ?? loadService(descriptor, module);
  services.set(name, service);
  const shape = service.operations.get(operation)?.input;
  if (shape === undefined) return;
  const lines: string[] = [];
  visit(shape, input, "", (path, value) => {
    if (thrown !== undefined && !speaksOf(thrown, path, value)) return;
    const line = `${name} ${operation} ${path} ${value}\n`;
    const key = `${name} ${operation} ${path}`;
    const count = counts.get(key) ?? 0;
    if (written.has(line) || count >= VALUES_MAX) return;
    written.add(line);
    counts.set(key, count + 1);
    lines.push(line);
  });
  if (lines.length > 0) appendFileSync(join(folder, `${process.pid}`), lines.join(""));
}

/** Members that `refusalFor` expects the error of the call in progress to be about. */
const expected = new Set<string>();

/**
 * The error of a call that is refused for a member, where AWS's error names neither the member nor its value. `member`
 * is the member's path. Rejects if the call succeeds.
 */
export async function refusalFor(member: string, call: () => Promise<unknown>): Promise<Error> {
  expected.add(member);
  try {
    const answer = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (answer instanceof Error) return answer;
    throw new Error(`The call with the member ${member} was not refused.`);
  } finally {
    expected.delete(member);
  }
}

/** Whether the error is about the member: it names the member or its value, or such a member has asked for it. */
function speaksOf(thrown: unknown, path: string, value: string): boolean {
  if (!(thrown instanceof ApiError)) return false;
  if (ASKED_FOR.has(thrown.code) || expected.has(path)) return true;
  const name = path.split(".").at(-1) ?? path;
  if (/^Expected(?:Source)?BucketOwner$/.test(name) && thrown.code === "AccessDenied") return true;
  const fields = Object.values(thrown.fields).map(String);
  const message = [thrown.message, ...fields].join(" ").toLowerCase().replaceAll(" ", "");
  return [name, value].some(
    (each) => each !== "given" && each.length > 3 && message.includes(each.toLowerCase()),
  );
}

function visit(
  shape: Shape,
  value: unknown,
  path: string,
  found: (path: string, value: string) => void,
): void {
  if (value === undefined || value === null) return;
  switch (shape.type) {
    case "structure":
      if (path !== "") found(path, "given");
      for (const member of shape.members)
        visit(
          member.shape,
          (value as Record<string, unknown>)[member.name], // A structure's members.
          path === "" ? member.name : `${path}.${member.name}`,
          found,
        );
      return;
    case "list":
      // As its shape says.
      for (const each of value as readonly unknown[]) visit(shape.element.shape, each, path, found);
      return;
    case "map":
      for (const each of Object.values(value)) visit(shape.value.shape, each, path, found);
      return;
    case "boolean":
      return found(path, String(value));
    case "number":
      return found(path, value === 0 ? "0" : "given");
    case "string":
      return found(path, textOf(String(value)));
    default:
      return found(path, "given");
  }
}

/** A text that may be a value of an enumeration, or that it is some text. */
function textOf(value: string): string {
  if (value === "") return "empty";
  return /^[\w.:*/-]{1,64}$/.test(value) ? value : "given";
}
