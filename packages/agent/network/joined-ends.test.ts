import { describe, expect, it } from "vitest";
import type { InterfaceAssignment } from "@gantry/agent-protocol";
import { JoinedEnds } from "./joined-ends.ts";
import { vethOf } from "./names.ts";
import { ProgramError, type Command, type Programs } from "./programs.ts";

const ENDS = { pausePid: 10, routerPid: 20 };
const HEADER = "Iface\tDestination\tGateway\tFlags\n";
const WITH_ROUTE = `${HEADER}eth0\t00000000\t01006364\t0003\neth0\t01006364\t00000000\t0005\n`;
const WITHOUT_ROUTE = `${HEADER}eth0\t01006364\t00000000\t0005\n`;

const interfaceOf = (number: number) =>
  ({ id: `eni-${number}`, mac: `02:00:00:00:00:0${number}` }) as InterfaceAssignment; // What is read of it.
/** A line as `bridge fdb show br br0` prints it. */
const entryOf = ({ id, mac }: InterfaceAssignment) => `${mac} dev ${vethOf(id)} master br0 static \n`;

/** Programs that answer when they are told to; `answers` are their outputs, or undefined for a failure. */
class HeldPrograms implements Programs {
  readonly commands: Command[] = [];
  readonly #held: { resolve: (outputs: string[]) => void; reject: (thrown: Error) => void }[] = [];

  run(commands: readonly Command[]): Promise<readonly string[]> {
    this.commands.push(...commands);
    return new Promise((resolve, reject) => this.#held.push({ resolve, reject }));
  }

  async answer(output: string | undefined): Promise<void> {
    await settled();
    const next = this.#held.shift();
    if (output === undefined) next?.reject(new ProgramError("no bridge"));
    else next?.resolve([output]);
    await settled();
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("the ends of interfaces that an earlier agent connected", () => {
  it.each([
    { case: "both are in place", routes: WITH_ROUTE, entries: entryOf(interfaceOf(1)), isJoined: true },
    {
      case: "the bridge has no entry",
      routes: WITH_ROUTE,
      entries: entryOf(interfaceOf(2)),
      isJoined: false,
    },
    {
      case: "another port has the address",
      routes: WITH_ROUTE,
      entries: entryOf({ ...interfaceOf(2), mac: interfaceOf(1).mac }),
      isJoined: false,
    },
    { case: "the bridge cannot be read", routes: WITH_ROUTE, entries: undefined, isJoined: false },
    { case: "the task has no route", routes: WITHOUT_ROUTE, entries: "", isJoined: false },
  ])("are joined: $isJoined, where $case", async ({ routes, entries, isJoined }) => {
    const programs = new HeldPrograms();
    const ends = new JoinedEnds(programs, async () => routes);
    const found = ends.isJoined(interfaceOf(1), ENDS);
    await programs.answer(entries);
    expect(await found).toBe(isJoined);
  });

  it("are read by one program for all who ask while another runs, and after they asked", async () => {
    const programs = new HeldPrograms();
    const ends = new JoinedEnds(programs, async () => WITH_ROUTE);
    const first = ends.isJoined(interfaceOf(1), ENDS);
    await settled();
    const later = [2, 3, 4].map((number) => ends.isJoined(interfaceOf(number), ENDS));
    await programs.answer("");
    expect(await first).toBe(false);
    await programs.answer([2, 3].map((number) => entryOf(interfaceOf(number))).join(""));
    expect(await Promise.all(later)).toStrictEqual([true, true, false]);
    expect(programs.commands).toHaveLength(2);
  });

  it("are read again after a reading that failed", async () => {
    const programs = new HeldPrograms();
    const ends = new JoinedEnds(programs, async () => WITH_ROUTE);
    const first = ends.isJoined(interfaceOf(1), ENDS);
    await settled();
    const second = ends.isJoined(interfaceOf(1), ENDS);
    await programs.answer(undefined);
    await programs.answer(entryOf(interfaceOf(1)));
    expect([await first, await second]).toStrictEqual([false, true]);
    const third = ends.isJoined(interfaceOf(1), ENDS);
    await programs.answer(entryOf(interfaceOf(1)));
    expect(await third).toBe(true);
    expect(programs.commands).toHaveLength(3);
  });
});
