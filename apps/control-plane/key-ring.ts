import { hkdfSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ObjectKey } from "@gantry/content";
import { newVault, type Vault } from "@gantry/kernel";
import { reseal, type Store } from "@gantry/state";
import { writeSecretFile } from "./secret-file.ts";

/** The keys of the file `key` in the state folder, which decrypt the secrets and objects of the instance. */
export interface KeyRing {
  /** These keys seal the secrets in records. The first one seals; a second one exists during a rotation. */
  readonly vault: readonly [Buffer, ...Buffer[]];
  /** These keys encrypt objects. The last one encrypts new objects; the others decrypt older ones. */
  readonly objects: readonly ObjectKey[];
  /**
   * This key derives the ids in tasks' endpoint URIs. It is never replaced, because a running task keeps its
   * URIs.
   */
  readonly names: Buffer;
  /** The file's bytes, with which the control plane authenticates to the command line. */
  readonly file: Buffer;
}

/** The format of the file after a rotation; before the first one, it is a single key of 32 bytes. */
interface StoredRing {
  readonly vault: readonly string[];
  readonly objects: readonly { readonly id: string; readonly key: string }[];
  readonly names: string;
}

const KEY_BYTES = 32;

/** Reads the keys of a state folder, or creates them where there are none. */
export function openKeyRing(folder: string): KeyRing {
  const path = join(folder, "key");
  if (!existsSync(path)) writeSecretFile(path, randomBytes(KEY_BYTES));
  return readKeyRing(path);
}

/** Reads the keys in a file. */
export function readKeyRing(path: string): KeyRing {
  const file = readFileSync(path);
  if (file.length === KEY_BYTES) return { vault: [file], objects: [firstObjectKey(file)], names: file, file };
  const stored = JSON.parse(file.toString("utf8")) as StoredRing; // Gantry wrote the file.
  const [current, ...before] = stored.vault.map((text) => Buffer.from(text, "base64"));
  if (current === undefined) throw new Error(`${path} holds no key.`);
  return {
    vault: [current, ...before],
    objects: stored.objects.map(({ id, key }) => ({ id, key: Buffer.from(key, "base64") })),
    names: Buffer.from(stored.names, "base64"),
    file,
  };
}

/** The key of objects that name no key. */
function firstObjectKey(key: Buffer): ObjectKey {
  return { id: "", key: Buffer.from(hkdfSync("sha256", key, "", "objects at rest", KEY_BYTES)) };
}

/**
 * Replaces the vault's key, and adds a new key for objects. The ring holds both of the vault's keys before
 * the records are resealed in one transaction, and the old one is removed afterwards: after a crash at any
 * point every record can be opened, and `finishVaultRotation` completes the rotation at the next start.
 */
export function rotateVaultKey(folder: string, store: Store): void {
  const path = join(folder, "key");
  finishVaultRotation(folder, store);
  const ring = openKeyRing(folder);
  writeRing(path, {
    vault: [randomBytes(KEY_BYTES), ...ring.vault],
    objects: [...ring.objects, { id: String(ring.objects.length + 1), key: randomBytes(KEY_BYTES) }],
    names: ring.names,
  });
  finishVaultRotation(folder, store);
}

/** Completes a rotation: reseals every record with the new key, then removes the old one. */
export function finishVaultRotation(folder: string, store: Store): void {
  const ring = openKeyRing(folder);
  if (ring.vault.length === 1) return;
  reseal(store, vaultOf(ring));
  writeRing(join(folder, "key"), { ...ring, vault: [ring.vault[0]] });
}

export function vaultOf(ring: KeyRing): Vault {
  return newVault(...ring.vault);
}

function writeRing(path: string, ring: Omit<KeyRing, "file">): void {
  const stored: StoredRing = {
    vault: ring.vault.map((key) => key.toString("base64")),
    objects: ring.objects.map(({ id, key }) => ({ id, key: key.toString("base64") })),
    names: ring.names.toString("base64"),
  };
  writeSecretFile(path, `${JSON.stringify(stored)}\n`);
}
