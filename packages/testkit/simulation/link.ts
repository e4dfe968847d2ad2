import type { Clock } from "@gantry/kernel";
import type { Dice } from "./dice.ts";

/** The link faults: the probability of each for a message. Later messages overtake a delayed one. */
export interface LinkFaults {
  readonly lost: number;
  readonly doubled: number;
  readonly delayed: number;
}

export const FAIR: LinkFaults = { lost: 0, doubled: 0, delayed: 0 };
const USUAL_MS = 2;
const DELAY_MAX_MS = 4_000;

/**
 * One direction of a connection, with more faults than TCP has: it loses, duplicates and reorders messages.
 * Once cut, it delivers nothing more.
 */
export class Link<T> {
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #linkFaults: () => LinkFaults;
  readonly #deliver: (message: T) => void;
  #cut = false;

  constructor(deps: {
    clock: Clock;
    dice: Dice;
    linkFaults: () => LinkFaults;
    deliver: (message: T) => void;
  }) {
    this.#clock = deps.clock;
    this.#dice = deps.dice;
    this.#linkFaults = deps.linkFaults;
    this.#deliver = deps.deliver;
  }

  send(message: T): void {
    const { lost, doubled, delayed } = this.#linkFaults();
    if (this.#cut || this.#dice.chance(lost)) return;
    this.#carry(message, this.#dice.chance(delayed) ? this.#dice.number(USUAL_MS, DELAY_MAX_MS) : USUAL_MS);
    if (this.#dice.chance(doubled)) this.#carry(message, this.#dice.number(USUAL_MS, DELAY_MAX_MS));
  }

  cut(): void {
    this.#cut = true;
  }

  #carry(message: T, delayMs: number): void {
    this.#clock.after(delayMs, () => {
      if (!this.#cut) this.#deliver(message);
    });
  }
}
