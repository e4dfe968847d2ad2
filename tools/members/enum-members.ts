import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const CLIENTS = resolve(import.meta.dirname, "../../node_modules/@aws-sdk");

/**
 * The values of the enumeration that a member of a structure is of; none where it is of another type. They
 * are read from the SDK's type declarations, because its schemas have plain strings.
 */
export function enumMembers(
  client: string,
  sdk: Readonly<Record<string, unknown>>,
): (structure: string, member: string) => readonly string[] {
  const folder = join(CLIENTS, `client-${client}`, "dist-types/models");
  const types = new Map<string, string>();
  for (const file of readdirSync(folder).filter((name) => name.startsWith("models_")))
    for (const [, structure = "", body = ""] of readFileSync(join(folder, file), "utf8").matchAll(
      /^export interface (\w+)[^{]*\{\n([^]*?)^\}/gm,
    ))
      for (const [, member = "", type = ""] of body.matchAll(
        /^ {4}(\w+)\??: (?:Record<string, )?(\w+)(?:\[\]|>)?(?: \| undefined)?;$/gm,
      ))
        types.set(`${structure}.${member}`, type);
  return (structure, member) => {
    const values = sdk[types.get(`${structure}.${member}`) ?? ""];
    return typeof values === "object" && values !== null && !Array.isArray(values)
      ? Object.values(values).map(String)
      : [];
  };
}
