import type { Clock } from "@gantry/kernel";

const WAIT_MS = 120_000;
const AWAY = "The control plane is away.";

/** Requests images that no registry has from the control plane: once per image, however many pods need it. */
export class ImageRequests {
  readonly #clock: Clock;
  readonly #send: (image: string) => boolean;
  readonly #waits = new Map<string, ((problem: string | undefined) => void)[]>();

  constructor(deps: {
    clock: Clock;
    /** Requests an image; false where the control plane is not connected. */
    send: (image: string) => boolean;
  }) {
    this.#clock = deps.clock;
    this.#send = deps.send;
  }

  /** Resolves when the engine has the image. Errors: the reason why it could not be built. */
  async request(image: string): Promise<void> {
    // Concurrent requests for the same image share the first one.
    if (!this.#waits.has(image) && !this.#send(image)) throw new Error(AWAY);
    const problem = await new Promise<string | undefined>((resolve) => {
      const timer = this.#clock.after(WAIT_MS, () => {
        this.#waits.delete(image);
        resolve("The image was not made in time.");
      });
      const waits = this.#waits.get(image) ?? [];
      waits.push((answer) => {
        timer.cancel();
        resolve(answer);
      });
      this.#waits.set(image, waits);
    });
    if (problem !== undefined) throw new Error(problem);
  }

  answered(image: string, problem: string | undefined): void {
    const waits = this.#waits.get(image) ?? [];
    this.#waits.delete(image);
    for (const wait of waits) wait(problem);
  }

  /** Rejects all pending requests when the control plane disconnects, because no answer will arrive. */
  giveUp(): void {
    for (const image of this.#waits.keys()) this.answered(image, AWAY);
  }
}
