/**
 * The sections of a SUPPORT.md about members of inputs: those that are refused, and those that have no
 * effect, by reason.
 */
export function supportSections(
  refused: Readonly<Record<string, readonly (string | readonly string[])[]>>,
  recorded: Readonly<Record<string, Readonly<Record<string, string>>>>,
): string {
  const refusals = Object.entries(refused)
    .toSorted(byKey)
    .map(([operation, entries]) => `- ${operation}: ${entries.map(presentRefused).toSorted().join(", ")}.`);
  const byReason = Map.groupBy(
    Object.entries(recorded).flatMap(([operation, members]) =>
      Object.entries(members).map(([member, reason]) => ({ name: `\`${operation}.${member}\``, reason })),
    ),
    (each) => each.reason,
  );
  const records = [...byReason].toSorted(byKey).map(
    ([reason, members]) =>
      `- ${members
        .map((each) => each.name)
        .toSorted()
        .join(", ")}: ${reason}.`,
  );
  return section("Members that are refused", refusals) + section("Members without effect", records);
}

function presentRefused(entry: string | readonly string[]): string {
  if (typeof entry === "string") return `\`${entry}\``;
  const [path = "", ...values] = entry;
  return `\`${path}\` other than ${values.map((value) => `\`${value}\``).join(", ")}`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `\n## ${title}\n\n${lines.join("\n")}\n`;
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
