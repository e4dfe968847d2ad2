import { parseRegex, RegexError, type CharacterSet, type RegexNode } from "./regex-syntax.ts";

type Instruction =
  | { readonly type: "set"; readonly has: (code: number) => boolean }
  | { readonly type: "assert"; readonly at: "start" | "end" | "boundary" | "inside" }
  /** Goes on at `next`, and with less preference at `other`. */
  | { readonly type: "split"; next: number; other: number }
  | { readonly type: "jump"; next: number }
  | { readonly type: "save"; readonly slot: number }
  | { readonly type: "match" };

/** Instructions of a program. Repetitions are written out, so that a short expression can have a long program. */
const PROGRAM_MAX = 1_000;
/** The longest text that an expression looks at, in UTF-16 code units. */
const TEXT_MAX = 65_536;
/** Instructions times code units: bounds the time of one match to about 0.1 s. */
const STEPS_MAX = 8_000_000;

/**
 * A regular expression whose time is linear in the text and in its own length, whatever both are: all ways
 * through it are followed at once, and none twice.
 * Source: R. Cox, "Regular Expression Matching: the Virtual Machine Approach". A text is looked at up to 64
 * Ki code units, and less for a long expression.
 */
export class LinearRegex {
  readonly names: readonly string[];
  readonly #program: readonly Instruction[];
  readonly #slots: number;
  readonly #ignoresCase: boolean;
  readonly #limit: number;

  /** `stepsMax` bounds the time of one match, by the part of a text that it looks at. Errors: RegexError. */
  constructor(source: string, stepsMax = STEPS_MAX) {
    const { tree, groups, names, ignoresCase } = parseRegex(source);
    const program: Instruction[] = [];
    emit(ignoresCase ? withBothCases(tree) : tree, program);
    program.push({ type: "match" });
    this.#program = program;
    this.#slots = groups * 2;
    this.names = names;
    this.#ignoresCase = ignoresCase;
    this.#limit = Math.min(TEXT_MAX, Math.floor(stepsMax / program.length));
  }

  get ignoresCase(): boolean {
    return this.#ignoresCase;
  }

  /** Whether the expression matches anywhere in the text. */
  test(text: string): boolean {
    return this.#run(text, false) !== undefined;
  }

  /** Finds the first match and returns what each group of the expression matched; undefined without a match. */
  groups(text: string): readonly (string | undefined)[] | undefined {
    const slots = this.#run(text, true);
    if (slots === undefined) return undefined;
    return this.names.map((_, index) => {
      const [from, to] = [slots[index * 2], slots[index * 2 + 1]];
      return from === undefined || to === undefined ? undefined : text.slice(from, to);
    });
  }

  #run(text: string, captures: boolean): readonly (number | undefined)[] | undefined {
    const program = this.#program;
    const end = Math.min(text.length, this.#limit);
    const none: readonly (number | undefined)[] = captures
      ? Array.from({ length: this.#slots }, () => undefined)
      : [];
    let current = new Threads(program.length);
    let next = new Threads(program.length);
    let found: readonly (number | undefined)[] | undefined;
    for (let at = 0; at <= end; at += 1) {
      // A match that began earlier is preferred to one that begins here.
      if (found === undefined)
        this.#add(current, { at: 0, slots: none }, { text, position: at, end, captures });
      if (current.count === 0) break;
      const code = at < end ? text.charCodeAt(at) : -1;
      next.clear();
      for (let index = 0; index < current.count; index += 1) {
        const thread = current.at(index);
        const instruction = program[thread.at];
        if (instruction?.type === "match") {
          found = thread.slots;
          // Threads behind this one are less preferred.
          break;
        }
        if (instruction?.type === "set" && code >= 0 && instruction.has(code))
          this.#add(
            next,
            { at: thread.at + 1, slots: thread.slots },
            { text, position: at + 1, end, captures },
          );
      }
      if (found !== undefined && !captures) return found;
      [current, next] = [next, current];
    }
    return found;
  }

  /** Adds a thread, following what consumes no text. */
  #add(
    threads: Threads,
    first: Thread,
    place: {
      readonly text: string;
      readonly position: number;
      readonly end: number;
      readonly captures: boolean;
    },
  ): void {
    const pending: Thread[] = [first];
    for (let thread = pending.pop(); thread !== undefined; thread = pending.pop()) {
      if (!threads.mark(thread.at)) continue;
      const instruction = this.#program[thread.at];
      switch (instruction?.type) {
        case "jump":
          pending.push({ at: instruction.next, slots: thread.slots });
          break;
        case "split":
          pending.push({ at: instruction.other, slots: thread.slots });
          pending.push({ at: instruction.next, slots: thread.slots });
          break;
        case "save":
          pending.push({
            at: thread.at + 1,
            slots: place.captures ? thread.slots.with(instruction.slot, place.position) : thread.slots,
          });
          break;
        case "assert":
          if (holds(instruction.at, place)) pending.push({ at: thread.at + 1, slots: thread.slots });
          break;
        case "set":
        case "match":
        case undefined:
          threads.push(thread);
      }
    }
  }
}

interface Thread {
  readonly at: number;
  readonly slots: readonly (number | undefined)[];
}

/** The threads at one position of the text, in the order of preference: one for each instruction at most. */
class Threads {
  readonly #threads: Thread[] = [];
  readonly #marked: Uint32Array;
  #generation = 1;

  constructor(size: number) {
    this.#marked = new Uint32Array(size);
  }

  get count(): number {
    return this.#threads.length;
  }

  at(index: number): Thread {
    return this.#threads[index] ?? { at: -1, slots: [] };
  }

  /** False if the instruction was visited before. */
  mark(at: number): boolean {
    if (this.#marked[at] === this.#generation) return false;
    this.#marked[at] = this.#generation;
    return true;
  }

  push(thread: Thread): void {
    this.#threads.push(thread);
  }

  clear(): void {
    this.#threads.length = 0;
    this.#generation += 1;
  }
}

function holds(
  at: "start" | "end" | "boundary" | "inside",
  { text, position, end }: { readonly text: string; readonly position: number; readonly end: number },
): boolean {
  if (at === "start") return position === 0;
  if (at === "end") return position === text.length && position === end;
  const isWord = (index: number): boolean => /\w/.test(text[index] ?? " ");
  return (isWord(position - 1) !== isWord(position)) === (at === "boundary");
}

/** Appends the instructions of a node. Errors: RegexError where the program becomes too long. */
function emit(node: RegexNode, program: Instruction[]): void {
  if (program.length > PROGRAM_MAX) throw new RegexError("The regular expression is too large.");
  switch (node.type) {
    case "set":
      program.push({ type: "set", has: membershipOf(node.set) });
      return;
    case "assert":
      program.push({ type: "assert", at: node.at });
      return;
    case "sequence":
      for (const item of node.items) emit(item, program);
      return;
    case "group":
      if (node.index !== undefined) program.push({ type: "save", slot: node.index * 2 });
      emit(node.item, program);
      if (node.index !== undefined) program.push({ type: "save", slot: node.index * 2 + 1 });
      return;
    case "choice":
      return emitChoice(node.items, program);
    case "repeat":
      return emitRepeat(node, program);
  }
}

function emitChoice(items: readonly RegexNode[], program: Instruction[]): void {
  const ends: { next: number }[] = [];
  for (const [index, item] of items.entries()) {
    if (index === items.length - 1) {
      emit(item, program);
      break;
    }
    const split = { type: "split" as const, next: program.length + 1, other: 0 };
    program.push(split);
    emit(item, program);
    const jump = { type: "jump" as const, next: 0 };
    program.push(jump);
    ends.push(jump);
    split.other = program.length;
  }
  for (const jump of ends) jump.next = program.length;
}

function emitRepeat(node: Extract<RegexNode, { type: "repeat" }>, program: Instruction[]): void {
  for (let index = 0; index < node.least; index += 1) emit(node.item, program);
  const skips: { next: number; other: number }[] = [];
  const split = (): { type: "split"; next: number; other: number } => {
    const made = { type: "split" as const, next: program.length + 1, other: program.length + 1 };
    program.push(made);
    skips.push(made);
    return made;
  };
  if (node.most === Infinity) {
    const at = program.length;
    split();
    emit(node.item, program);
    program.push({ type: "jump", next: at });
  } else
    for (let index = node.least; index < node.most; index += 1) {
      split();
      emit(node.item, program);
    }
  for (const each of skips)
    if (node.lazy) each.next = program.length;
    else each.other = program.length;
}

function membershipOf({ ranges, negated }: CharacterSet): (code: number) => boolean {
  const [single] = ranges;
  if (ranges.length === 1 && single !== undefined) {
    const [from, to] = single;
    return (code) => (code >= from && code <= to) !== negated;
  }
  return (code) => ranges.some(([from, to]) => code >= from && code <= to) !== negated;
}

/** The tree with the letters of both cases in each set. */
function withBothCases(node: RegexNode): RegexNode {
  switch (node.type) {
    case "set":
      return {
        type: "set",
        set: { ...node.set, ranges: [...node.set.ranges, ...node.set.ranges.flatMap(otherCase)] },
      };
    case "assert":
      return node;
    case "sequence":
    case "choice":
      return { ...node, items: node.items.map(withBothCases) };
    case "group":
    case "repeat":
      return { ...node, item: withBothCases(node.item) };
  }
}

/** The letters a-z and A-Z of a range, in the other case. */
function otherCase([from, to]: readonly [number, number]): readonly (readonly [number, number])[] {
  const overlap = (low: number, high: number, by: number): readonly (readonly [number, number])[] =>
    from <= high && to >= low ? [[Math.max(from, low) + by, Math.min(to, high) + by]] : [];
  return [...overlap(65, 90, 32), ...overlap(97, 122, -32)];
}
