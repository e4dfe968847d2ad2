import type { Shape } from "@gantry/wire";

/**
 * The members of an operation's input as paths with a dot between a structure and its member. Lists and maps add
 * nothing to a path, and a structure that contains itself is listed once.
 */
export function inputMembers(shape: Shape): readonly string[] {
  const found: string[] = [];
  const visit = (of: Shape, path: string, above: readonly string[]): void => {
    if (of.type === "list") return visit(of.element.shape, path, above);
    if (of.type === "map") return visit(of.value.shape, path, above);
    if (of.type !== "structure" || above.includes(of.name)) return;
    for (const member of of.members) {
      const name = path === "" ? member.name : `${path}.${member.name}`;
      found.push(name);
      visit(member.shape, name, [...above, of.name]);
    }
  };
  visit(shape, "", []);
  return found;
}
