import type { Clock } from "@gantry/kernel";

/** Reports progress on stderr: every step that takes more than a second is reported. */
export class Progress {
  readonly #clock: Clock;
  readonly #write: (text: string) => void;

  constructor(clock: Clock, write: (text: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Runs a step and reports its name and duration. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = this.#clock.now();
    this.#write(`… ${name}\n`);
    const result = await work();
    const seconds = (this.#clock.now() - start) / 1000;
    if (seconds >= 1) this.#write(`  done in ${seconds.toFixed(1)} s\n`);
    return result;
  }

  say(text: string): void {
    this.#write(`${text}\n`);
  }
}
