import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LockPackages } from "./dependencies.ts";

/** Licences that let anybody use, change and pass on the code, whatever it is combined with. SPDX identifiers. */
const PERMISSIVE = [
  ...["0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT"],
  ...["MIT-0", "Unlicense", "Zlib"],
];

/** A package that ships with a release, and under which terms. */
export interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; empty where the package names none. */
  readonly license: string;
  /** The text of its licence and notice files; empty where it is not installed here (another operating system's). */
  readonly text: string;
}

/** Reads the terms of the packages in these folders of package-lock.json from what is installed below `root`. */
export function readThirdParties(
  root: string,
  lock: LockPackages,
  places: readonly string[],
): readonly ThirdParty[] {
  return places.map((place) => {
    const folder = join(root, place);
    const files = existsSync(folder)
      ? readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying)([.-].*)?$/i.test(name))
      : [];
    return {
      name: place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length),
      version: lock[place]?.version ?? "",
      license: lock[place]?.license ?? "",
      text: files
        .toSorted()
        .map((name) => readFileSync(join(folder, name), "utf8").trim())
        .join("\n\n"),
    };
  });
}

/** Errors: names every package whose licence is not permissive, or that names none. */
export function checkLicenses(packages: readonly ThirdParty[]): void {
  const refused = packages.filter(({ license }) => !isPermissive(license));
  if (refused.length === 0) return;
  const list = refused.map(({ name, version, license }) => `${name} ${version} (${license || "no licence"})`);
  throw new Error(
    `A release ships permissive licences alone, but these packages have others: ${list.join(", ")}. Replace them.`,
  );
}

/** Whether an SPDX expression leaves a choice that is permissive. Source: SPDX specification 2.3, annex D. */
export function isPermissive(expression: string): boolean {
  const inner = /^\(([^()]*)\)$/.exec(expression.trim())?.[1] ?? expression.trim();
  if (/[()]/.test(inner)) return false; // Nested expressions are for a person to read.
  return inner
    .split(/\s+OR\s+/)
    .some((choice) => choice.split(/\s+AND\s+/).every((license) => PERMISSIVE.includes(license)));
}

/** The list of all packages with their licences, then each text once, with the packages that it belongs to. */
export function renderThirdParties(packages: readonly ThirdParty[]): string {
  const rows = packages.map(({ name, version, license }) => `${name} ${version}: ${license}`);
  const owners = new Map<string, string[]>();
  for (const { name, text } of packages)
    if (text !== "") owners.set(text, [...(owners.get(text) ?? []), name]);
  const texts = [...owners].map(([text, names]) => `${"-".repeat(80)}\n${names.join(", ")}\n\n${text}\n`);
  return `Gantry is licensed under the Apache License 2.0 (LICENSE). It ships with the packages below, each under its own licence.

${rows.join("\n")}

${texts.join("\n")}`;
}
