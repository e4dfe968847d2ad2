import { readFileSync } from "node:fs";
import { packPolicies } from "./archive.ts";

// The main file of the packing process: reads the npm package's file that is named, writes the archive to its output.
process.stdout.write(packPolicies(readFileSync(process.argv[2] ?? "", "utf8")));
