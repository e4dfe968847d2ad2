import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "@gantry/kernel";
import type { Authority } from "@gantry/tls";

const CONTEXTS_MAX = 1_000;
/** How long a certificate is used: a small part of its lifetime. */
const CONTEXT_MS = 30 * 24 * 60 * 60_000;

/**
 * Certificates for every AWS name that a task requests. They are signed on demand, cached, and replaced long
 * before they expire.
 */
export function secureContexts(
  authority: Authority,
  clock: Clock,
): (name: string, done: (problem: Error | null, context?: SecureContext) => void) => void {
  const contexts = new Map<string, { readonly made: Promise<SecureContext>; readonly until: number }>();
  return (name, done) => {
    let context = contexts.get(name);
    const now = clock.now();
    if (context === undefined || context.until <= now) {
      if (contexts.size >= CONTEXTS_MAX) contexts.clear();
      const made = authority
        .issue([name], now)
        .then((issued) =>
          createSecureContext({ key: issued.keyPem, cert: `${issued.certificatePem}\n${issued.chainPem}` }),
        );
      context = { made, until: now + CONTEXT_MS };
      contexts.set(name, context);
    }
    context.made.then(
      (made) => done(null, made),
      (thrown: Error) => {
        contexts.delete(name);
        done(thrown);
      },
    );
  };
}
