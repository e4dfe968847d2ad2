import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import type { HostResolver } from "@gantry/agent-protocol";
import { isObject } from "@gantry/kernel";
import { hostResolverAddress, isHostResolver } from "@gantry/kernel/dns/host-resolver";
import type { InstanceSettings } from "./settings.ts";

/** What `gantry dns install` keeps in the state folder: what it did to the host, and what was there before. */
export interface HostResolverFile {
  /** The resolvers that the host had. */
  readonly upstreams: readonly string[];
  /** `resolved`: a drop-in of systemd-resolved. `file`: /etc/resolv.conf, with what it was and what was written. */
  readonly method:
    | { readonly type: "resolved" }
    | { readonly type: "file"; readonly before: string; readonly written: string };
}

export function hostResolverPath(folder: string): string {
  return join(folder, "resolver.json");
}

/** The content of the file; undefined where there is none, or it is not Gantry's. */
export function readHostResolver(folder: string): HostResolverFile | undefined {
  const path = hostResolverPath(folder);
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isHostResolverFile(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHostResolverFile(value: unknown): value is HostResolverFile {
  if (!isObject(value) || !isObject(value["method"]) || !Array.isArray(value["upstreams"])) return false;
  const { type, before, written } = value["method"];
  const isUpstream = (each: unknown): boolean =>
    typeof each === "string" && isIP(each) !== 0 && !isHostResolver(each);
  return (
    value["upstreams"].every(isUpstream) &&
    (type === "resolved" || (type === "file" && typeof before === "string" && typeof written === "string"))
  );
}

/** What the local node serves its host with; undefined where `gantry dns install` has not asked for it. */
export function hostResolverOf(
  settings: Pick<InstanceSettings, "folder" | "publicPool" | "port">,
): HostResolver | undefined {
  const file = readHostResolver(settings.folder);
  return (
    file && {
      address: hostResolverAddress(settings.publicPool),
      upstreams: file.upstreams,
      apiPort: settings.port,
    }
  );
}
