import type { ToControlPlane } from "@gantry/agent-protocol";
import { elapsedSince, messageOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import type { Engine } from "./engine.ts";

/** Deadline of the engine for a probe. On a busy machine a call takes up to a few seconds. */
export const ENGINE_DEADLINE_MS = 10_000;
const PROBE_EVERY_MS = 5_000;

type EngineReport = Extract<ToControlPlane, { type: "engine" }>;

export interface EngineProbeDeps {
  readonly engine: Pick<Engine, "probe">;
  /** The label of the instance's containers. */
  readonly label: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly report: (report: EngineReport) => void;
  /** Called when the engine answers again after an outage: failed work is retried without its back-off. */
  readonly answersAgain: () => void;
}

/**
 * Checks periodically whether the engine works: it lists the containers of this instance and inspects one of
 * them, in rotation. A ping is not enough: an engine whose containers are deadlocked still answers pings.
 */
export class EngineProbe {
  readonly #deps: EngineProbeDeps;
  #turn = 0;
  #lastAnswerAt: number;
  #state: EngineReport;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: EngineProbeDeps) {
    this.#deps = deps;
    this.#lastAnswerAt = deps.clock.now();
    this.#state = { type: "engine", answers: true, since: this.#lastAnswerAt };
  }

  start(): void {
    this.#stopped = false;
    this.#timer = this.#deps.clock.after(PROBE_EVERY_MS, () => this.#probe());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Reports the current state to a control plane that has just connected. */
  reportAgain(): void {
    this.#deps.report(this.#state);
  }

  /** Runs one probe; the next one follows when it has ended, however long the engine takes. */
  #probe(): void {
    const { engine, label, clock } = this.#deps;
    const deadline = clock.after(ENGINE_DEADLINE_MS, () => this.#onSilence("no answer to list and inspect"));
    void engine
      .probe(label, (this.#turn += 1))
      .then(
        () => this.#onAnswer(),
        (thrown: unknown) => {
          // A restart of the engine takes a few seconds.
          if (elapsedSince(this.#lastAnswerAt, clock.now()) >= ENGINE_DEADLINE_MS)
            this.#onSilence(messageOf(thrown));
        },
      )
      .finally(() => {
        deadline.cancel();
        if (!this.#stopped) this.start();
      });
  }

  #onAnswer(): void {
    const { clock, log } = this.#deps;
    this.#lastAnswerAt = clock.now();
    if (this.#stopped || this.#state.answers) return;
    log.info("The engine answers again", { silentMs: elapsedSince(this.#state.since, this.#lastAnswerAt) });
    this.#change({ type: "engine", answers: true, since: this.#lastAnswerAt });
    this.#deps.answersAgain();
  }

  #onSilence(reason: string): void {
    if (this.#stopped || !this.#state.answers) return;
    this.#deps.log.error("The engine does not answer: restart it (systemctl restart docker)", { reason });
    this.#change({ type: "engine", answers: false, since: this.#lastAnswerAt });
  }

  #change(state: EngineReport): void {
    this.#state = state;
    this.#deps.report(state);
  }
}
