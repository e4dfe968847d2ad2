import { hkdfSync } from "node:crypto";

/** The key that objects are encrypted with at rest, from the instance's own. */
export function objectsKey(key: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", "objects at rest", 32));
}
