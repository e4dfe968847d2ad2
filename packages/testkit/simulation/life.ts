import type { Engine, EngineContainer } from "@gantry/agent";
import type { Clock, Timer } from "@gantry/kernel";
import type { Change, Store, Transaction } from "@gantry/state";

/** Thrown by calls of a killed process, so that none of its work continues. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** Whether a write succeeds, or its process is killed before or after it. */
export type Fate = "lives" | "dies before" | "dies after";

/**
 * One run of a process: after it is killed its timers never fire, its writes are never applied, and its calls
 * never return.
 */
export class Life {
  #alive = true;
  readonly #endings: (() => void)[] = [];

  get isAlive(): boolean {
    return this.#alive;
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const ending of this.#endings) ending();
  }

  atEnd(ending: () => void): void {
    this.#endings.push(ending);
  }
}

export function mortalClock(clock: Clock, life: Life): Clock {
  return {
    now: () => clock.now(),
    after(delayMs: number, run: () => void): Timer {
      return clock.after(delayMs, () => {
        if (life.isAlive) run();
      });
    },
  };
}

/** The store as seen by one run of the control plane, which may be killed before or after any write. */
export function mortalStore(store: Store, life: Life, fateOfWrite: () => Fate): Store {
  return {
    get: (kind, key) => store.get(kind, key),
    list: (kind, prefix) => store.list(kind, prefix),
    listBy: (kind, index, value) => store.listBy(kind, index, value),
    keys: (kind) => store.keys(kind),
    keysBy: (kind, index, value) => store.keysBy(kind, index, value),
    countBy: (kind, index, value) => store.countBy(kind, index, value),
    sumBy: (kind, sum, value) => store.sumBy(kind, sum, value),
    close() {},
    get revision() {
      return store.revision;
    },
    changesSince: (revision, limit) => store.changesSince(revision, limit),
    settled: () => store.settled(),
    derive: (kind, work) => store.derive(kind, work),
    watch(changed: (change: Change) => void, since?: number) {
      const stop = store.watch((change) => {
        if (life.isAlive) changed(change);
      }, since);
      life.atEnd(stop);
      return stop;
    },
    transact<T>(work: (tx: Transaction) => T): T {
      if (!life.isAlive) throw new Killed("before a write");
      let wrote = false;
      let dies: Fate = "lives";
      const answer = store.transact((tx) => {
        const value = work({
          get: (kind, key) => tx.get(kind, key),
          list: (kind, prefix) => tx.list(kind, prefix),
          listBy: (kind, index, wanted) => tx.listBy(kind, index, wanted),
          keys: (kind) => tx.keys(kind),
          keysBy: (kind, index, wanted) => tx.keysBy(kind, index, wanted),
          countBy: (kind, index, wanted) => tx.countBy(kind, index, wanted),
          sumBy: (kind, sum, wanted) => tx.sumBy(kind, sum, wanted),
          next: (sequence) => tx.next(sequence),
          put(kind, key, record) {
            wrote = true;
            tx.put(kind, key, record);
          },
          delete(kind, key) {
            wrote = true;
            tx.delete(kind, key);
          },
        });
        if (wrote) dies = fateOfWrite();
        if (dies !== "lives") life.end();
        if (dies === "dies before") throw new Killed("before a write");
        return value;
      });
      // Set inside the transaction, which the compiler does not see.
      if ((dies as Fate) === "dies after") throw new Killed("after a write");
      return answer;
    },
  };
}

/**
 * The engine as seen by one run of the agent, which may be killed before or after any call that changes
 * state.
 */
export function mortalEngine(engine: Engine, life: Life, fateOfCall: () => Fate): Engine {
  const never = new Promise<never>(() => {});
  const read = async <T>(answer: Promise<T>): Promise<T> => {
    if (!life.isAlive) return never;
    try {
      const value = await answer;
      return life.isAlive ? value : never;
    } catch (thrown) {
      if (!life.isAlive) return never;
      throw thrown;
    }
  };
  const change = async <T>(call: () => Promise<T>): Promise<T> => {
    if (!life.isAlive) return never;
    const fate = fateOfCall();
    if (fate === "dies before") {
      life.end();
      return never;
    }
    const answer = call();
    if (fate === "dies after") void answer.catch(() => {}).then(() => life.end());
    return read(answer);
  };
  return {
    image: (reference) => read(engine.image(reference)),
    resolveDigest: (image, auth, timeoutMs) => read(engine.resolveDigest(image, auth, timeoutMs)),
    tagImage: (reference, name) => read(engine.tagImage(reference, name)),
    commitContainer: (id, name) => change(() => engine.commitContainer(id, name)),
    removeImage: (name) => change(() => engine.removeImage(name)),
    pullImage: (image, auth) => change(() => engine.pullImage(image, auth)),
    createContainer: (spec) => change(() => engine.createContainer(spec)),
    startContainer: (id) => change(() => engine.startContainer(id)),
    stopContainer: (id, seconds) => change(() => engine.stopContainer(id, seconds)),
    removeContainer: (id) => change(() => engine.removeContainer(id)),
    inspect: (id) => read<EngineContainer | undefined>(engine.inspect(id)),
    inspectNow: (id) => read<EngineContainer | undefined>(engine.inspectNow(id)),
    stats: (id) => read(engine.stats(id)),
    storage: (id) => read(engine.storage(id)),
    list: (label) => read(engine.list(label)),
    probe: (label, turn) => read(engine.probe(label, turn)),
    logs: (id, after, signal) => engine.logs(id, after, signal),
    watch(label, onChange, signal) {
      engine.watch(
        label,
        (labels) => {
          if (life.isAlive) onChange(labels);
        },
        signal,
      );
    },
  };
}
