import type { BalancerAuthentication } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { Fetch } from "./issuer-fetch.ts";
import type { KnownSession, Session } from "./sessions.ts";
import { renewSession } from "./token-exchange.ts";

/** A browser sends several requests at once with the old session, and an issuer may take a refresh token once. */
const KEPT_MS = 60_000;
const KEPT_MAX = 10_000;

export interface RenewalsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetch: Fetch;
}

/** Renews sessions whose access token has expired. Requests with the same session share one renewal for a minute. */
export class Renewals {
  readonly #kept = new Map<
    string,
    { readonly until: number; readonly session: Promise<Session | undefined> }
  >();

  /**
   * The session as it is, or renewed once its access token has expired; undefined where the issuer does not renew
   * it. One without a refresh token stays as it is until it times out.
   */
  async current(
    deps: RenewalsDeps,
    config: BalancerAuthentication,
    { session }: KnownSession,
  ): Promise<Session | undefined> {
    const { renewal } = session;
    const now = deps.clock.now();
    if (renewal === undefined || now < renewal.at) return session;
    const { refreshToken } = renewal;
    const key = `${config.issuer} ${config.clientId} ${session.subject} ${refreshToken}`;
    for (const [each, { until }] of this.#kept) {
      if (until > now && this.#kept.size < KEPT_MAX) break;
      this.#kept.delete(each);
    }
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept.session;
    const renewed = renewSession(config, { session, refreshToken, now }, deps.fetch).catch(
      (thrown: unknown) => {
        deps.log.warn("A session could not be renewed", { issuer: config.issuer, reason: messageOf(thrown) });
        return undefined;
      },
    );
    this.#kept.set(key, { until: now + KEPT_MS, session: renewed });
    return renewed;
  }
}
