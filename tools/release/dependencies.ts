/** An entry of package-lock.json, version 3, as far as it is read here. */
export interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** The packages of a lock file, by the folder in which npm installs each. */
export type LockPackages = Readonly<Record<string, LockEntry>>;

/**
 * The folders of all packages that the packages named need, with those of other operating systems, as npm resolves them
 * from `from` ("" or the folder of a workspace). Errors: a dependency that the lock file does not have.
 */
export function closureOf(lock: LockPackages, names: readonly string[], from = ""): readonly string[] {
  const found = new Set<string>();
  const visit = (name: string, parent: string): void => {
    const place = placeOf(lock, name, parent);
    if (place === undefined) throw new Error(`package-lock.json has no ${name}: run "npm install".`);
    if (found.has(place)) return;
    found.add(place);
    const entry = lock[place];
    for (const next of Object.keys({ ...entry?.dependencies, ...entry?.optionalDependencies }))
      visit(next, place);
  };
  for (const name of names) visit(name, from);
  return [...found].toSorted();
}

/** Where Node finds a package that another one imports: in its own node_modules, else in those of the folders above. */
function placeOf(lock: LockPackages, name: string, parent: string): string | undefined {
  for (let folder = parent; ; folder = folder.replace(/(^|\/)[^/]*$/, "")) {
    const place = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock[place] !== undefined) return place;
    if (folder === "") return undefined;
  }
}
