import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { InstanceSettings } from "@gantry/control-plane";

/** The root keys of an instance. */
export function rootCredentials(settings: InstanceSettings): {
  accessKeyId: string;
  secretAccessKey: string;
} {
  const text = readFileSync(join(settings.folder, "credentials"), "utf8");
  const value = (name: string) => new RegExp(`^${name} = (.+)$`, "m").exec(text)?.[1] ?? "";
  return { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
}
