import { expect, it } from "vitest";
import { newVault } from "./vault.ts";

it("opens what it sealed, and nothing that was changed or sealed with another key", () => {
  const vault = newVault(Buffer.alloc(32, 1));
  const sealed = vault.seal("a secret");
  expect(vault.open(sealed)).toBe("a secret");
  expect(sealed).not.toContain("secret");
  const bytes = Buffer.from(sealed, "base64");
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  expect(() => vault.open(bytes.toString("base64"))).toThrow();
  expect(() => newVault(Buffer.alloc(32, 2)).open(sealed)).toThrow();
});
