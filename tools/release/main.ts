import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildContainerImage } from "./container-image.ts";
import { addRuntime, buildDebianPackage } from "./debian-package.ts";
import { layOutPackage, packPackage } from "./npm-package.ts";

// npm run release: builds what people install into dist/, and prints each file with its size.
const SOURCES = resolve(import.meta.dirname, "../..");
const { values } = parseArgs({ options: { output: { type: "string", default: join(SOURCES, "dist") } } });
const output = resolve(values.output);
const work = mkdtempSync(join(tmpdir(), "gantry-release-"));
try {
  mkdirSync(output, { recursive: true });
  const program = join(work, "package");
  const { version } = layOutPackage(SOURCES, program);
  say(packPackage(program, output));
  if (process.platform === "linux") {
    addRuntime(SOURCES, program);
    say(buildDebianPackage(SOURCES, { program, root: join(work, "debian"), output, version }));
    const cacheFolder = join(SOURCES, "node_modules/.cache/gantry-release");
    say(await buildContainerImage(SOURCES, { program, output, version, cacheFolder }));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function say(path: string): void {
  const size = (statSync(path).size / 2 ** 20).toFixed(1);
  process.stdout.write(`${relative(process.cwd(), path)}  ${size} MiB\n`);
}
