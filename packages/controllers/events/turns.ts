/**
 * Gives each caller a turn of the event loop of its own, so that connections, timers and answers are served
 * between any two of them, however many keys a controller works on at a time.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}
