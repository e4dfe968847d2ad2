import { createHmac } from "node:crypto";
import type { Instance } from "./instance.ts";

/** 32 hexadecimal digits that are derived from a text, and that nobody computes without the instance's keys. */
export function secretIdOf({ names }: Instance["keys"], text: string): string {
  return createHmac("sha256", names).update(text).digest("hex").slice(0, 32);
}
