import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "@gantry/kernel";
import { newAuthority, openAuthority, type Authority } from "@gantry/tls";
import { ensureLink } from "./link.ts";

/** The instance's authority: made at its first start, kept in its folder. */
export async function ensureAuthority(folder: string, clock: Clock): Promise<Authority> {
  const [certificatePath, keyPath] = [join(folder, "ca.pem"), join(folder, "ca-key.pem")];
  if (!existsSync(keyPath)) {
    const files = await newAuthority(clock.now());
    writeFileSync(certificatePath, files.certificatePem, { mode: 0o644 });
    writeFileSync(keyPath, files.keyPem, { mode: 0o600 });
  }
  return openAuthority({
    certificatePem: readFileSync(certificatePath, "utf8"),
    keyPem: readFileSync(keyPath, "utf8"),
  });
}

/** Makes the keys that a first start needs, so that the control plane itself need not load what makes them. */
export async function prepareKeys(folder: string, instance: string, clock: Clock): Promise<void> {
  await ensureAuthority(folder, clock);
  await ensureLink({ folder, instance, now: clock.now() });
}

const CONTEXTS_MAX = 1_000;

/** Certificates for whatever AWS name a task asks for, signed as they are needed and kept. */
export function secureContexts(
  authority: Authority,
  clock: Clock,
): (name: string, done: (problem: Error | null, context?: SecureContext) => void) => void {
  const contexts = new Map<string, Promise<SecureContext>>();
  return (name, done) => {
    let context = contexts.get(name);
    if (context === undefined) {
      if (contexts.size >= CONTEXTS_MAX) contexts.clear();
      context = authority
        .issue([name], clock.now())
        .then((issued) =>
          createSecureContext({ key: issued.keyPem, cert: `${issued.certificatePem}\n${issued.chainPem}` }),
        );
      contexts.set(name, context);
    }
    context.then(
      (made) => done(null, made),
      (thrown: Error) => {
        contexts.delete(name);
        done(thrown);
      },
    );
  };
}
