/** How the writers of a row of ARCHITECTURE.md, "Who writes what", are recognised in the source. */
export type WriterCheck =
  | {
      /** A file whose text matches writes the field. Record kinds are matched by `writesOf`. */
      readonly pattern: RegExp;
      /** The files, or folders with a slash at the end, that may write it. */
      readonly writers: readonly string[];
    }
  | { readonly unchecked: string };

/** Matches a transaction's write of a record of one of the kinds. */
export function writesOf(...kinds: readonly string[]): RegExp {
  return new RegExp(String.raw`\b(?:this\.#)?tx\.(?:put|delete)\(\s*"(?:${kinds.join("|")})"`);
}

/**
 * The rows of the table, each by the first name in its first column, such as `task.placement`; a row without
 * a name by the whole column.
 */
export function writerRows(architecture: string): readonly string[] {
  const table = /## Who writes what\n\n((?:\|.*\n)+)/.exec(architecture)?.[1] ?? "";
  return table
    .split("\n")
    .slice(2)
    .flatMap((row) => /^\| (.+?) \|/.exec(row)?.[1] ?? [])
    .map((field) => /`([^`]+)`/.exec(field)?.[1] ?? field);
}

/** The files that write a field and may not. */
export function unlistedWriters(
  check: WriterCheck,
  candidates: readonly { file: string; source: string }[],
): readonly string[] {
  if (!("pattern" in check)) return [];
  return candidates
    .filter(({ source }) => check.pattern.test(source))
    .map(({ file }) => file)
    .filter(
      (file) => !check.writers.some((each) => (each.endsWith("/") ? file.startsWith(each) : file === each)),
    );
}
