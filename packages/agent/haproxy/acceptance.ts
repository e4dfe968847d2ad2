import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BalancerPartLeftOut, BalancersAssignment } from "@gantry/agent-protocol";
import { elapsedSince, type Clock, type Logger } from "@gantry/kernel";
import { findRefused } from "./admission.ts";
import { readVerdict, type RunCheck } from "./check.ts";

import { findRejected, type Verdict } from "./isolate.ts";
import { keyOf, partsOf } from "./parts.ts";
import { certificateFile } from "./tls.ts";
import { renderProxy, type ProxyConfiguration, type RenderOptions } from "./render.ts";

/**
 * How long a rejected part stays left out before the proxy checks it again: the cause of the failure may have
 * been temporary.
 */
const REJECTED_MS = 60_000;

export interface AcceptanceDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly folder: string;
  readonly runCheck: RunCheck;
}

type Options = Omit<RenderOptions, "leftOut" | "annotate">;

/**
 * Renders configurations that the proxy accepts. One value that it rejects must not keep the rest from being
 * applied: the part that contains it is found, left out and reported, and parts that depended on it answer
 * 503 (see `renderRules`).
 */
export class Acceptance {
  readonly #deps: AcceptanceDeps;
  #rejected: ReadonlyMap<string, string> = new Map();
  #rejectedAt = 0;

  constructor(deps: AcceptanceDeps) {
    this.#deps = deps;
  }

  /**
   * Renders the configuration without the parts that are known to be rejected. The proxy may still reject it.
   */
  render(assignment: BalancersAssignment, options: Options): ProxyConfiguration {
    const leftOut = this.#isToBeCheckedAgain() ? findRefused(assignment) : this.leftOutKeys(assignment);
    return renderProxy(assignment, { ...options, leftOut: new Set(leftOut.keys()) });
  }

  #isToBeCheckedAgain(): boolean {
    return elapsedSince(this.#rejectedAt, this.#deps.clock.now()) > REJECTED_MS;
  }

  /**
   * Renders the configuration without the parts that the proxy rejects, and writes its files. Errors: where
   * the proxy rejects the configuration even without its parts.
   */
  async accept(assignment: BalancersAssignment, options: Options): Promise<ProxyConfiguration> {
    const configuration = this.render(assignment, options);
    await this.#writeFiles(configuration);
    if ((await this.#check(configuration.text)) === undefined) {
      if (this.#isToBeCheckedAgain()) this.#rejected = new Map();
      return configuration;
    }
    const refused = findRefused(assignment);
    const check = async (leftOut: ReadonlySet<string>): Promise<Verdict> => {
      const annotated = renderProxy(assignment, {
        ...options,
        leftOut: new Set([...refused.keys(), ...leftOut]),
        annotate: true,
      });
      await this.#writeFiles(annotated);
      const printed = await this.#check(annotated.text);
      return readVerdict(printed, annotated.text, (file) => certificateKey(assignment, file));
    };
    const parts = partsOf(assignment);
    const found = await findRejected(parts, await check(new Set()), check);
    this.#rejectedAt = this.#deps.clock.now();
    this.#rejected = found;
    for (const left of this.leftOutOf(assignment))
      this.#deps.log.warn("Part of a load balancer is rejected by the proxy and left out", {
        loadBalancerArn: left.balancerArn,
        part: left.part,
        reason: left.reason,
      });
    const accepted = this.render(assignment, options);
    await this.#writeFiles(accepted);
    return accepted;
  }

  /** The reasons by key of the part. */
  leftOutKeys(assignment: BalancersAssignment): ReadonlyMap<string, string> {
    return new Map([...this.#rejected, ...findRefused(assignment)]);
  }

  leftOutOf(assignment: BalancersAssignment): readonly BalancerPartLeftOut[] {
    const reasons = this.leftOutKeys(assignment);
    if (reasons.size === 0) return [];
    return partsOf(assignment).flatMap(({ key, balancerArn, label }) => {
      const reason = reasons.get(key);
      return reason === undefined ? [] : [{ balancerArn, part: label, reason }];
    });
  }

  async #writeFiles(configuration: ProxyConfiguration): Promise<void> {
    for (const [name, content] of Object.entries(configuration.files))
      await writeAtomically(join(this.#deps.folder, name), content);
  }

  async #check(text: string): Promise<string | undefined> {
    const path = join(this.#deps.folder, "check.cfg");
    await writeFile(path, text, { mode: 0o600 });
    return this.#deps.runCheck(path);
  }
}

function certificateKey(assignment: BalancersAssignment, file: string): string | undefined {
  const certificate = assignment.balancers
    .flatMap((balancer) => balancer.listeners)
    .flatMap((listener) => listener.certificates)
    .find((each) => certificateFile(each) === file);
  return certificate === undefined ? undefined : keyOf.certificate(certificate);
}

/** Writes a file atomically that only the platform may read. */
export async function writeAtomically(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
