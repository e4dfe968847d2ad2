import type { Clock } from "@gantry/kernel";

/** Says what is going on, on stderr: nothing that takes more than a second goes unsaid. */
export class Progress {
  readonly #clock: Clock;
  readonly #write: (text: string) => void;

  constructor(clock: Clock, write: (text: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Does a step under its name, with the time it took. */
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
