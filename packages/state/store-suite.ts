import { describe, expect, it } from "vitest";
import type { ClusterRecord, TaskRecord } from "./records.ts";
import { CHANGES_MAX } from "./change-ring.ts";
import { RevisionTooOldError, type Change, type Store } from "./store.ts";

export function cluster(name: string): ClusterRecord {
  return {
    arn: `cluster/${name}`,
    account: "0",
    region: "x",
    name,
    status: "ACTIVE",
    settings: [],
    capacityProviders: [],
    tags: {},
    createdAt: 0,
  };
}

/** The behaviour that every store must have; it runs against the memory store and the SQLite store. */
export function describeStore(name: string, open: () => Store): void {
  describe(name, () => {
    it("lists records in key order, within a prefix", () => {
      const store = open();
      store.transact((tx) => {
        for (const key of ["b/2", "a/1", "b/1"]) tx.put("cluster", key, cluster(key));
      });
      expect(store.list("cluster").map((each) => each.name)).toEqual(["a/1", "b/1", "b/2"]);
      expect(store.list("cluster", "b/").map((each) => each.name)).toEqual(["b/1", "b/2"]);
      expect(store.get("cluster", "a/1")?.name).toBe("a/1");
      expect(store.get("cluster", "none")).toBeUndefined();
    });

    it("finds nothing by a key or an index value that is absent", () => {
      const store = open();
      store.transact((tx) => {
        tx.put("cluster", "", cluster(""));
        expect([tx.get("cluster", undefined), tx.listBy("task", "service", undefined)]).toEqual([
          undefined,
          [],
        ]);
      });
      expect(store.get("cluster", undefined)).toBeUndefined();
      expect(store.listBy("task", "service", undefined)).toEqual([]);
      expect(store.countBy("task", "service", undefined)).toBe(0);
    });

    it("rolls back a transaction that throws", () => {
      const store = open();
      const changes: Change[] = [];
      store.watch((change) => changes.push(change));
      expect(() =>
        store.transact((tx) => {
          tx.put("cluster", "a", cluster("a"));
          tx.next("numbers");
          throw new Error("no");
        }),
      ).toThrow("no");
      expect(store.get("cluster", "a")).toBeUndefined();
      expect(changes).toEqual([]);
      expect(store.transact((tx) => tx.next("numbers"))).toBe(1);
    });

    it("lets a transaction see its own writes", () => {
      const store = open();
      store.transact((tx) => tx.put("cluster", "old", cluster("old")));
      store.transact((tx) => {
        tx.put("cluster", "new", cluster("new"));
        tx.delete("cluster", "old");
        expect(tx.keys("cluster")).toEqual(["new"]);
        expect(tx.get("cluster", "old")).toBeUndefined();
      });
    });

    it("notifies watchers of every committed change once, after it is visible", () => {
      const store = open();
      const seen: string[] = [];
      store.watch((change) =>
        seen.push(`${change.kind}/${change.key}=${store.get("cluster", change.key)?.name}`),
      );
      store.transact((tx) => {
        tx.put("cluster", "a", cluster("a"));
        tx.put("cluster", "b", cluster("b"));
      });
      expect(seen).toEqual(["cluster/a=a", "cluster/b=b"]);
    });

    it("lets a watcher write, and notifies of that afterwards", () => {
      const store = open();
      const seen: string[] = [];
      store.watch((change) => {
        seen.push(change.key);
        if (change.key === "a") store.transact((tx) => tx.put("cluster", "b", cluster("b")));
      });
      store.transact((tx) => tx.put("cluster", "a", cluster("a")));
      expect(seen).toEqual(["a", "b"]);
    });

    it("finds by its declared indexes, also inside a transaction", () => {
      const store = open();
      const task = (arn: string, serviceArn: string | undefined): TaskRecord =>
        ({ arn, serviceArn, clusterArn: "c" }) as TaskRecord; // Only what the indexes read.
      store.transact((tx) => {
        tx.put("task", "1", task("1", "s"));
        tx.put("task", "2", task("2", "s"));
        tx.put("task", "3", task("3", undefined));
      });
      expect(store.listBy("task", "service", "s").map((each) => each.arn)).toEqual(["1", "2"]);
      store.transact((tx) => {
        tx.put("task", "2", task("2", "other"));
        expect(tx.listBy("task", "service", "s").map((each) => each.arn)).toEqual(["1"]);
      });
      expect(store.listBy("task", "service", "s").map((each) => each.arn)).toEqual(["1"]);
    });

    it("never repeats a number of a sequence", () => {
      const store = open();
      const numbers = [
        store.transact((tx) => tx.next("n")),
        store.transact((tx) => [tx.next("n"), tx.next("n")]),
        store.transact((tx) => tx.next("m")),
      ];
      expect(numbers).toEqual([1, [2, 3], 1]);
    });

    it("numbers its commits, with the account and region of each change", () => {
      const store = open();
      const changes: Change[] = [];
      store.watch((change) => changes.push(change));
      store.transact((tx) => {
        tx.put("cluster", "a", cluster("a"));
        tx.put("cluster", "b", cluster("b"));
      });
      store.transact(() => undefined);
      store.transact((tx) => tx.delete("cluster", "a"));
      const whose = { kind: "cluster", account: "0", region: "x" };
      expect(changes).toEqual([
        { ...whose, revision: 1, key: "a" },
        { ...whose, revision: 1, key: "b" },
        { ...whose, revision: 2, key: "a" },
      ]);
      expect(store.revision).toBe(2);
    });

    it("resumes a feed from a revision, then continues with live changes", () => {
      const store = open();
      for (const key of ["a", "b", "c"]) store.transact((tx) => tx.put("cluster", key, cluster(key)));
      const seen: string[] = [];
      store.watch((change) => seen.push(change.key), 1);
      store.transact((tx) => tx.put("cluster", "d", cluster("d")));
      expect(seen).toEqual(["b", "c", "d"]);
      expect(store.changesSince(2).map((change) => change.key)).toEqual(["c", "d"]);
      expect(store.changesSince(4)).toEqual([]);
    });

    it("never returns a part of a commit", () => {
      const store = open();
      store.transact((tx) => tx.put("cluster", "a", cluster("a")));
      store.transact((tx) => {
        for (const key of ["b", "c", "d"]) tx.put("cluster", key, cluster(key));
      });
      expect(store.changesSince(0, 2).map((change) => change.key)).toEqual(["a"]);
      expect(store.changesSince(1, 2).map((change) => change.key)).toEqual(["b", "c", "d"]);
    });

    it("refuses a revision that is too old", () => {
      const store = open();
      for (let count = 0; count <= 2 * CHANGES_MAX; count += CHANGES_MAX / 4)
        store.transact((tx) => {
          for (let index = 0; index < CHANGES_MAX / 4; index += 1)
            tx.put("cluster", `${index}`, cluster("a"));
        });
      expect(() => store.changesSince(1)).toThrow(RevisionTooOldError);
      expect(() => store.watch(() => {}, 1)).toThrow(/list the records again/);
      expect(store.changesSince(store.revision - 1)).toHaveLength(CHANGES_MAX / 4);
    });

    it("resolves settled() once committed changes are durable", async () => {
      const store = open();
      store.transact((tx) => tx.put("cluster", "a", cluster("a")));
      await expect(store.settled()).resolves.toBeUndefined();
    });

    it("sums up reservations of placed tasks, inside a transaction and after it", () => {
      const store = open();
      const on = (nodeId: string) => store.sumBy("task", "reservedMemory", nodeId);
      const task = (nodeId: string | undefined, memoryMiB: number, lastStatus = "RUNNING") =>
        ({
          arn: "x/t",
          lastStatus,
          placement: nodeId && { nodeId, reserved: { cpuUnits: 1, memoryMiB } },
        }) as unknown as TaskRecord; // What is counted.
      store.transact((tx) => {
        tx.put("task", "a", task("n1", 100));
        tx.put("task", "b", task("n1", 20));
        tx.put("task", "c", task("n2", 3));
        tx.put("task", "d", task(undefined, 0));
        expect(tx.sumBy("task", "reservedMemory", "n1")).toBe(120);
      });
      expect([on("n1"), on("n2"), on("n3")]).toEqual([120, 3, 0]);
      store.transact((tx) => {
        tx.put("task", "a", task("n1", 100, "STOPPED"));
        tx.put("task", "c", task("n1", 7));
        expect(tx.sumBy("task", "reservedMemory", "n1")).toBe(27);
        tx.delete("task", "b");
        expect(tx.sumBy("task", "reservedMemory", "n1")).toBe(7);
      });
      expect([on("n1"), on("n2")]).toEqual([7, 0]);
      expect(store.sumBy("task", "reservedCpu", "n1")).toBe(1);
    });

    it("freezes its records", () => {
      const store = open();
      store.transact((tx) => tx.put("cluster", "a", cluster("a")));
      expect(Object.isFrozen(store.get("cluster", "a"))).toBe(true);
    });
  });
}
