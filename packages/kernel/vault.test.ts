import { expect, it } from "vitest";
import { newVault, randomNonce } from "./vault.ts";

it("opens what it sealed, and refuses text that was changed or sealed with another key", () => {
  const vault = newVault(Buffer.alloc(32, 1));
  const sealed = vault.seal("a secret");
  expect(vault.open(sealed)).toBe("a secret");
  expect(sealed).not.toContain("secret");
  const bytes = Buffer.from(sealed, "base64");
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  expect(() => vault.open(bytes.toString("base64"))).toThrow();
  expect(() => newVault(Buffer.alloc(32, 2)).open(sealed)).toThrow();
});

it("draws nonces that neither repeat nor change later", () => {
  const nonces = Array.from({ length: 2_000 }, () => randomNonce(12));
  const texts = nonces.map((nonce) => nonce.toString("hex"));
  expect(new Set(texts).size).toBe(2_000);
  randomNonce(64);
  expect(nonces.map((nonce) => nonce.toString("hex"))).toEqual(texts);
});
