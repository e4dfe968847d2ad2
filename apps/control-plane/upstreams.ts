import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "@gantry/kernel";

/**
 * A file in the state folder: a JSON object that maps hosts of upstream registries to URLs where they answer, such as
 * `{"registry-1.docker.io": "http://127.0.0.1:5000"}`. Only the operator writes it.
 */
export const UPSTREAMS_FILE = "upstreams.json";

/**
 * Where an upstream registry of a pull-through cache answers: at the URL that the operator's file names for
 * its host, else by HTTPS at the host itself. The file is read at each copy, so that a change needs no
 * restart.
 */
export function upstreamAddresses(folder: string): (host: string) => URL {
  return (host) => {
    const path = join(folder, UPSTREAMS_FILE);
    const known: unknown = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
    const given = isObject(known) && Object.hasOwn(known, host) ? known[host] : undefined;
    const url = typeof given === "string" && URL.canParse(given) ? new URL(given) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) ? url : new URL(`https://${host}`);
  };
}
